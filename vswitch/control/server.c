/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket on libevent.
#include "server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "jsonrpc.h"
#include "log.h"
#include "methods.h"
#include "peer.h"

#define ACCEPT_PAUSE_MS 100 // when there is no descriptor or no room
#define WARN_EVERY_MS 1000

struct client {
	struct client *prev, *next;
	struct server *server;
	int fd;
	struct peer peer;
	struct jsonrpc_reader *reader;
	struct evbuffer *out;
	struct event *readable, *writable, *turn;
	bool closing; // its stream is broken or ended: sends what waits, reads no more
	bool paused; // too much waits for it
};

struct server {
	struct control *control;
	struct event_base *base;
	struct server_config config;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	gid_t gid; // whose members may write
	int fd;
	struct event *acceptable;
	struct event *accept_again; // timer: accepting pauses
	struct client *clients; // who asked longest ago comes first
	uint32_t n_clients;
	uint64_t n_dropped;
	uint64_t warn_at_ms; // not before: anybody can cause these warnings
};

static bool may_warn(struct server *server)
{
	struct timespec ts;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (now_ms < server->warn_at_ms)
		return false;
	server->warn_at_ms = now_ms + WARN_EVERY_MS;
	return true;
}

static void client_free(struct client *client)
{
	struct server *server = client->server;

	DL_DELETE(server->clients, client);
	server->n_clients--;
	if (client->readable != NULL)
		event_free(client->readable);
	if (client->writable != NULL)
		event_free(client->writable);
	if (client->turn != NULL)
		event_free(client->turn);
	if (client->out != NULL)
		evbuffer_free(client->out);
	jsonrpc_reader_destroy(client->reader);
	close(client->fd);
	free(client);
	// there is room again
	(void)event_add(server->acceptable, NULL);
}

static void client_drop(struct client *client, const char *why)
{
	client->server->n_dropped++;
	log_warning(
	        "client pid %d uid %u: dropped, %s", (int)client->peer.pid, client->peer.uid, why);
	client_free(client);
}

// Sends what it can. Returns false when the client is gone.
static bool client_flush(struct client *client)
{
	struct timeval stall = {client->server->config.stall_ms / 1000,
	        client->server->config.stall_ms % 1000 * 1000};

	while (evbuffer_get_length(client->out) > 0) {
		int n = evbuffer_write(client->out, client->fd);

		if (n > 0)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			// each time it takes something the patience starts again
			(void)event_add(client->writable, &stall);
			break;
		}
		client_free(client);
		return false;
	}
	if (evbuffer_get_length(client->out) == 0) {
		(void)event_del(client->writable);
		if (client->closing) {
			client_free(client);
			return false;
		}
	}
	return true;
}

static void client_answer(struct client *client, char *text)
{
	if (text == NULL)
		return;
	(void)evbuffer_add(client->out, text, strlen(text));
	(void)evbuffer_add(client->out, "\n", 1);
	free(text);
}

static void answer_line(struct client *client, const char *line, const int *fds, size_t n_fds)
{
	client_answer(client, methods_answer(client->server->control, line, strlen(line), fds,
	                              n_fds, client->peer.may_write));
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

// It is the last one to go when others need room.
static void client_touch(struct client *client)
{
	DL_DELETE(client->server->clients, client);
	DL_APPEND(client->server->clients, client);
}

// A turn: some lines, then the others. Goes on in the next turn if there may be more.
static void client_turn(struct client *client)
{
	static const struct timeval now = {0, 0};
	int fds[JSONRPC_FDS_MAX];
	size_t n_fds;
	unsigned n = 0;

	while (n < SERVER_LINES_PER_TURN &&
	        evbuffer_get_length(client->out) <= SERVER_PAUSE_BYTES) {
		char *line = jsonrpc_reader_line(client->reader, fds, &n_fds);

		if (line == NULL)
			break;
		n++;
		// an empty line is nothing; it may still have brought descriptors
		if (*line != '\0') {
			answer_line(client, line, fds, n_fds);
			continue;
		}
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
	}
	if (n > 0)
		client_touch(client);
	client->paused = evbuffer_get_length(client->out) > SERVER_PAUSE_BYTES;
	if (!client_flush(client))
		return;
	if (client->paused || n == SERVER_LINES_PER_TURN)
		(void)event_del(client->readable);
	if (client->paused)
		return; // on_writable goes on
	if (n == SERVER_LINES_PER_TURN)
		(void)event_add(client->turn, &now);
	else if (!client->closing)
		(void)event_add(client->readable, NULL);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	client_turn(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	if ((what & EV_TIMEOUT) != 0) {
		client_drop(client, "it does not read its answers");
		return;
	}
	if (client_flush(client) && client->paused &&
	        evbuffer_get_length(client->out) <= SERVER_PAUSE_BYTES / 2)
		client_turn(client);
}

// Says why, then ends the stream: what follows in it cannot be told apart.
static void client_refuse(struct client *client, int code, const char *message)
{
	struct fault fault;

	(void)fault_set(&fault, 0, NULL, "%s", message);
	client_answer(client, methods_error_answer(NULL, code, &fault));
	client->closing = true;
	client->server->n_dropped++;
	(void)event_del(client->readable);
	(void)client_flush(client);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	ssize_t n = jsonrpc_reader_fill(client->reader, client->fd);

	if (n > 0) {
		client_turn(client);
		return;
	}
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == -EMSGSIZE) {
		client_refuse(client, JSONRPC_INVALID_REQUEST,
		        "a line is over 4 MiB or has too many descriptors with it");
		return;
	}
	// The end: a truncated line is no request. What waits still goes out.
	client->closing = true;
	(void)event_del(client->readable);
	(void)client_flush(client);
}

static struct client *client_new(struct server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		close(fd);
		return NULL;
	}
	client->server = server;
	client->fd = fd;
	DL_APPEND(server->clients, client);
	server->n_clients++;
	client->reader = jsonrpc_reader_create();
	client->out = evbuffer_new();
	client->readable = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, client);
	client->writable = event_new(server->base, fd, EV_WRITE | EV_PERSIST, on_writable, client);
	client->turn = event_new(server->base, -1, 0, on_turn, client);
	if (client->reader == NULL || client->out == NULL || client->readable == NULL ||
	        client->writable == NULL || client->turn == NULL ||
	        event_add(client->readable, NULL) < 0) {
		client_free(client);
		return NULL;
	}
	return client;
}

// No request of it is at work or waits, no answer either. Half a line is no request.
static bool client_is_idle(const struct client *client)
{
	char byte;

	return !client->closing && evbuffer_get_length(client->out) == 0 &&
	       !event_pending(client->turn, EV_TIMEOUT, NULL) &&
	       recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

// Room for one more: the client that has been idle longest goes. False when none is idle.
static bool make_room(struct server *server)
{
	struct client *client;

	if (server->n_clients < server->config.max_clients)
		return true;
	DL_FOREACH(server->clients, client)
	{
		if (!client_is_idle(client))
			continue;
		server->n_dropped++;
		if (may_warn(server))
			log_warning("socket '%s': %u clients, pid %d uid %u is idle and makes room "
			            "(%llu dropped so far)",
			        server->path, server->n_clients, (int)client->peer.pid,
			        client->peer.uid, (unsigned long long)server->n_dropped);
		client_free(client);
		return true;
	}
	return false;
}

// The listener stays readable: asking again at once would take all the time there is.
static void pause_accepting(struct server *server, const char *why)
{
	static const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};

	if (may_warn(server))
		log_warning("socket '%s': %u clients, others wait: %s", server->path,
		        server->n_clients, why);
	(void)event_del(server->acceptable);
	(void)event_add(server->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)event_add(server->acceptable, NULL);
}

static void on_acceptable(evutil_socket_t listener, short what, void *arg)
{
	struct server *server = arg;
	struct client *client;
	int fd;

	if (!make_room(server)) {
		pause_accepting(server, "all are busy");
		return;
	}
	fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(server, strerror(errno));
		return;
	}
	client = client_new(server, fd);
	if (client == NULL) {
		log_err("socket '%s': no memory for a client", server->path);
		return;
	}
	if (peer_identify(fd, server->gid, &client->peer) < 0)
		client_drop(client, "its identity is not known");
}

static int check_stale(const char *path, const struct sockaddr_un *addr, struct fault *fault)
{
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return fault_set(
		        fault, -EEXIST, "socket.path", "'%s' is there and is no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fault_set(fault, -errno, "socket.path", "no socket: %s", strerror(errno));
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	close(fd);
	if (ret == 0)
		return fault_set(
		        fault, -EADDRINUSE, "socket.path", "another process listens on '%s'", path);
	if (unlink(path) < 0)
		return fault_set(fault, -errno, "socket.path", "cannot replace '%s': %s", path,
		        strerror(errno));
	return 0;
}

static int find_group(struct server *server, struct fault *fault)
{
	struct group *group;

	server->gid = getgid();
	if (server->config.group == NULL || server->config.group[0] == '\0')
		return 0;
	group = getgrnam(server->config.group);
	if (group == NULL)
		return fault_set(
		        fault, -ENOENT, "socket.group", "no group '%s'", server->config.group);
	server->gid = group->gr_gid;
	return 0;
}

static int listen_on(struct server *server, struct fault *fault)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = server->config.path;
	mode_t old_umask;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return fault_set(fault, -EINVAL, "socket.path",
		        "'%s' is longer than %zu characters", path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	ret = check_stale(path, &addr, fault);
	if (ret < 0)
		return ret;
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->fd < 0)
		return fault_set(fault, -errno, "socket.path", "no socket: %s", strerror(errno));
	// nobody gets in before mode and group are right
	old_umask = umask(0777);
	ret = bind(server->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(old_umask);
	if (ret < 0)
		return fault_set(
		        fault, ret, "socket.path", "cannot make '%s': %s", path, strerror(-ret));
	strcpy(server->path, path);
	if (chown(path, (uid_t)-1, server->gid) < 0 || chmod(path, server->config.mode) < 0 ||
	        listen(server->fd, 128) < 0)
		return fault_set(fault, -errno, "socket.path", "'%s': %s", path, strerror(errno));
	return 0;
}

int server_create(struct control *control, struct event_base *base,
        const struct server_config *config, struct server **ret_server, struct fault *fault)
{
	struct server *server = calloc(1, sizeof(*server));
	int ret;

	if (server == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the socket");
	server->control = control;
	server->base = base;
	server->config = *config;
	if (server->config.stall_ms == 0)
		server->config.stall_ms = SERVER_STALL_MS;
	server->fd = -1;
	ret = find_group(server, fault);
	if (ret == 0)
		ret = listen_on(server, fault);
	if (ret < 0) {
		server_destroy(server);
		return ret;
	}
	server->acceptable =
	        event_new(base, server->fd, EV_READ | EV_PERSIST, on_acceptable, server);
	server->accept_again = event_new(base, -1, 0, on_accept_again, server);
	if (server->acceptable == NULL || server->accept_again == NULL ||
	        event_add(server->acceptable, NULL) < 0) {
		server_destroy(server);
		return fault_set(fault, -ENOMEM, NULL, "no memory for the socket");
	}
	*ret_server = server;
	return 0;
}

void server_destroy(struct server *server)
{
	struct client *client, *next;

	if (server == NULL)
		return;
	DL_FOREACH_SAFE(server->clients, client, next)
	{
		if (client_flush(client))
			client_free(client);
	}
	if (server->acceptable != NULL)
		event_free(server->acceptable);
	if (server->accept_again != NULL)
		event_free(server->accept_again);
	if (server->fd >= 0)
		close(server->fd);
	if (server->path[0] != '\0')
		unlink(server->path);
	free(server);
}

uint32_t server_n_clients(const struct server *server)
{
	return server != NULL ? server->n_clients : 0;
}

uint64_t server_n_dropped(const struct server *server)
{
	return server != NULL ? server->n_dropped : 0;
}
