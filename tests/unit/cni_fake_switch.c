/* SPDX-License-Identifier: BSD-3-Clause */
// A switch that only keeps books: one thread, JSON-RPC on a unix socket, as docs/api.md says.
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cni_fake.h"
#include "jsonrpc.h"

#define CLIENTS_MAX 128

struct fake_client {
	int fd;
	struct jsonrpc_reader *reader;
};

struct fake_switch {
	pthread_t thread;
	char path[108];
	int listen_fd;
	int stop_fds[2];
	struct fake_client clients[CLIENTS_MAX];
	pthread_mutex_t lock; // what follows
	enum fake_fault fault;
	int error_code;
	int max_ports;
	int open_files, max_open_files;
	json_t *ports; // array
	json_t *nodes; // name: kind
};

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static json_t *answer_error(int code, const char *message)
{
	return json_pack("{s:{s:i, s:s}}", "error", "code", code, "message", message);
}

static void fd_path(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

// MAC addresses differ by the port's name, as the real ones.
static void make_mac(const char *ref, char mac[18])
{
	unsigned hash = 5381;

	for (; *ref; ref++)
		hash = hash * 33 + (unsigned char)*ref;
	snprintf(mac, 18, "02:00:%02x:%02x:%02x:%02x", hash >> 24, hash >> 16 & 255,
	        hash >> 8 & 255, hash & 255);
}

static json_t *make_port(const json_t *params, int netns_fd)
{
	const char *mac = text(params, "mac");
	const json_t *mtu = json_object_get(params, "mtu"),
	             *routes = json_object_get(params, "routes");
	json_t *port = json_object(), *interface;
	char made[18], path[32];
	struct stat st;

	make_mac(text(params, "interface"), made);
	fd_path(netns_fd, path);
	interface = json_pack("{s:s, s:i, s:O, s:b}", "mac", *mac ? mac : made, "mtu",
	        mtu ? (int)json_integer_value(mtu) : 1500, "addresses",
	        json_object_get(params, "addresses"), "default", json_array_size(routes) > 0);
	json_object_update(port, interface);
	if (netns_fd >= 0)
		fake_netns_set(path, text(params, "ifname"), interface);
	else
		json_decref(interface);
	if (*text(params, "socket"))
		json_object_set_new(
		        port, "details", json_pack("{s:s}", "socket", text(params, "socket")));
	json_object_set(port, "socket_server", json_object_get(params, "socket_server"));
	json_object_set(port, "queue_pairs", json_object_get(params, "queue_pairs"));
	json_object_set(port, "carrier", json_object_get(params, "carrier"));
	json_object_set(port, "interface", json_object_get(params, "interface"));
	json_object_set(port, "owner", json_object_get(params, "owner"));
	json_object_set(port, "ifname", json_object_get(params, "ifname"));
	json_object_set(port, "routes", json_object_get(params, "routes"));
	json_object_set(port, "node_kind", json_object_get(params, "node_kind"));
	if (!fstat(netns_fd, &st))
		json_object_set_new(port, "netns_inode", json_integer((json_int_t)st.st_ino));
	// the real switch holds the host end of the interface, and so can remove it later
	json_object_set_new(port, "fd", json_integer(dup(netns_fd)));
	return port;
}

static json_t *port_add(struct fake_switch *sw, const json_t *params, int netns_fd)
{
	json_t *port;
	size_t i;

	if (sw->fault == FAKE_REFUSE_ADD)
		return answer_error(sw->error_code, "refused by the test");
	if ((netns_fd < 0) != (strcmp(text(params, "backend"), "vhost_user") == 0))
		return answer_error(JSONRPC_INVALID_PARAMS, "no namespace");
	json_array_foreach (sw->ports, i, port) {
		if (strcmp(text(port, "interface"), text(params, "interface")) != 0)
			continue;
		if (strcmp(text(port, "owner"), text(params, "owner")) != 0)
			return answer_error(ORRERY_E_EXISTS, "has a port already");
		return json_pack("{s:{s:O, s:b}}", "result", "port", port, "created", 0);
	}
	if (json_array_size(sw->ports) >= (size_t)sw->max_ports)
		return answer_error(ORRERY_E_LIMIT, "all ports are in use");
	port = make_port(params, netns_fd);
	json_array_append_new(sw->ports, port);
	if (sw->fault == FAKE_SILENT_ADD)
		return NULL;
	if (sw->fault == FAKE_NO_MAC)
		return json_pack("{s:{s:{}, s:b}}", "result", "port", "created", 1);
	return json_pack("{s:{s:O, s:b}}", "result", "port", port, "created", 1);
}

static json_t *port_del(struct fake_switch *sw, const json_t *params)
{
	size_t n = 0;

	if (sw->fault == FAKE_REFUSE_DEL)
		return answer_error(sw->error_code, "refused by the test");
	for (size_t i = json_array_size(sw->ports); i-- > 0;) {
		json_t *port = json_array_get(sw->ports, i);
		int fd = (int)json_integer_value(json_object_get(port, "fd"));
		char path[32];

		if (strcmp(text(port, "owner"), text(params, "owner")) != 0)
			continue;
		fd_path(fd, path);
		if (fd >= 0) {
			fake_netns_set(path, text(port, "ifname"), NULL);
			close(fd);
		}
		json_array_remove(sw->ports, i);
		n++;
	}
	return json_pack("{s:{s:i}}", "result", "deleted", (int)n);
}

static json_t *port_list(struct fake_switch *sw, const json_t *params)
{
	const char *prefix = text(params, "owner_prefix");
	json_t *items = json_array(), *port;
	size_t i;

	json_array_foreach (sw->ports, i, port) {
		if (strncmp(text(port, "owner"), prefix, strlen(prefix)) == 0)
			json_array_append(items, port);
	}
	return json_pack("{s:{s:o, s:n, s:i}}", "result", "items", items, "next_cursor", "total",
	        (int)json_array_size(items));
}

static json_t *node_show(struct fake_switch *sw, const json_t *params)
{
	const char *kind = text(sw->nodes, text(params, "name"));

	if (!*kind)
		return answer_error(ORRERY_E_NOT_FOUND, "no such node");
	return json_pack("{s:{s:{s:s}}}", "result", "node", "kind", kind);
}

static json_t *dispatch(struct fake_switch *sw, const json_t *request, int fd)
{
	const json_t *params = json_object_get(request, "params");
	const char *method = text(request, "method");

	if (strcmp(method, "port.add") == 0)
		return port_add(sw, params, fd);
	if (strcmp(method, "port.del") == 0)
		return port_del(sw, params);
	if (strcmp(method, "port.list") == 0)
		return port_list(sw, params);
	if (strcmp(method, "node.show") == 0)
		return node_show(sw, params);
	if (strcmp(method, "config.show") == 0)
		return json_pack("{s:{s:{s:i}}}", "result", "limits", "max_ports", sw->max_ports);
	if (strcmp(method, "stats.get") == 0 && sw->open_files < 0)
		return json_pack("{s:{s:{}}}", "result", "drivers");
	if (strcmp(method, "stats.get") == 0)
		return json_pack("{s:{s:{s:{s:i, s:i}}}}", "result", "drivers", "vhost_user",
		        "open_files", sw->open_files, "open_files_max", sw->max_open_files);
	return answer_error(JSONRPC_METHOD_NOT_FOUND, method);
}

static void handle(struct fake_switch *sw, struct fake_client *client, const char *line, int fd)
{
	json_t *request = jsonrpc_parse(line, strlen(line), NULL), *answer;
	char *out;

	pthread_mutex_lock(&sw->lock);
	answer = sw->fault == FAKE_CLOSE ? NULL : dispatch(sw, request, fd);
	if (sw->fault == FAKE_CLOSE)
		shutdown(client->fd, SHUT_RDWR);
	pthread_mutex_unlock(&sw->lock);
	if (answer) {
		json_object_set_new(answer, "jsonrpc", json_string("2.0"));
		json_object_set(answer, "id", json_object_get(request, "id"));
		out = json_dumps(answer, JSON_COMPACT);
		if (send(client->fd, out, strlen(out), MSG_NOSIGNAL) < 0 ||
		        send(client->fd, "\n", 1, MSG_NOSIGNAL) < 0)
			perror("fake switch");
		free(out);
	}
	json_decref(answer);
	json_decref(request);
}

static void drop_client(struct fake_client *client)
{
	jsonrpc_reader_destroy(client->reader);
	close(client->fd);
	*client = (struct fake_client){.fd = -1};
}

static void read_client(struct fake_switch *sw, struct fake_client *client)
{
	int fds[JSONRPC_FDS_MAX];
	size_t n_fds;
	char *line;

	if (jsonrpc_reader_fill(client->reader, client->fd) <= 0) {
		drop_client(client);
		return;
	}
	while ((line = jsonrpc_reader_line(client->reader, fds, &n_fds))) {
		handle(sw, client, line, n_fds ? fds[0] : -1);
		while (n_fds > 0)
			close(fds[--n_fds]);
	}
}

static void accept_client(struct fake_switch *sw)
{
	int fd = accept4(sw->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
		if (sw->clients[i].fd < 0) {
			sw->clients[i] = (struct fake_client){fd, jsonrpc_reader_create()};
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void *serve(void *arg)
{
	struct fake_switch *sw = arg;

	for (;;) {
		struct pollfd fds[CLIENTS_MAX + 2];

		fds[0] = (struct pollfd){.fd = sw->stop_fds[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = sw->listen_fd, .events = POLLIN};
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			fds[i + 2] = (struct pollfd){.fd = sw->clients[i].fd, .events = POLLIN};
		if (poll(fds, CLIENTS_MAX + 2, -1) < 0 || fds[0].revents)
			return NULL;
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (fds[i + 2].revents)
				read_client(sw, &sw->clients[i]);
		}
		if (fds[1].revents)
			accept_client(sw);
	}
}

struct fake_switch *fake_switch_start(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fake_switch *sw = calloc(1, sizeof(*sw));

	if (!sw)
		return NULL;
	pthread_mutex_init(&sw->lock, NULL);
	snprintf(sw->path, sizeof(sw->path), "%s", path);
	memcpy(address.sun_path, sw->path, sizeof(address.sun_path));
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		sw->clients[i].fd = -1;
	sw->max_ports = 1000;
	sw->open_files = -1;
	sw->ports = json_array();
	sw->nodes = json_object();
	sw->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pipe(sw->stop_fds) ||
	        bind(sw->listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
	        listen(sw->listen_fd, CLIENTS_MAX) ||
	        pthread_create(&sw->thread, NULL, serve, sw)) {
		free(sw);
		return NULL;
	}
	return sw;
}

void fake_switch_stop(struct fake_switch *sw)
{
	close(sw->stop_fds[1]);
	pthread_join(sw->thread, NULL);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (sw->clients[i].fd >= 0)
			drop_client(&sw->clients[i]);
	}
	fake_switch_forget_ports(sw);
	close(sw->stop_fds[0]);
	close(sw->listen_fd);
	unlink(sw->path);
	json_decref(sw->ports);
	json_decref(sw->nodes);
	pthread_mutex_destroy(&sw->lock);
	free(sw);
}

void fake_switch_fail(struct fake_switch *sw, enum fake_fault fault, int error_code)
{
	pthread_mutex_lock(&sw->lock);
	sw->fault = fault;
	sw->error_code = error_code;
	pthread_mutex_unlock(&sw->lock);
}

void fake_switch_set_max_ports(struct fake_switch *sw, int max_ports)
{
	pthread_mutex_lock(&sw->lock);
	sw->max_ports = max_ports;
	pthread_mutex_unlock(&sw->lock);
}

void fake_switch_set_open_files(struct fake_switch *sw, int n_used, int max)
{
	pthread_mutex_lock(&sw->lock);
	sw->open_files = n_used;
	sw->max_open_files = max;
	pthread_mutex_unlock(&sw->lock);
}

void fake_switch_add_node(struct fake_switch *sw, const char *name, const char *kind)
{
	pthread_mutex_lock(&sw->lock);
	json_object_set_new(sw->nodes, name, json_string(kind));
	pthread_mutex_unlock(&sw->lock);
}

void fake_switch_forget_ports(struct fake_switch *sw)
{
	json_t *port;
	size_t i;

	pthread_mutex_lock(&sw->lock);
	json_array_foreach (sw->ports, i, port)
		close((int)json_integer_value(json_object_get(port, "fd")));
	json_array_clear(sw->ports);
	pthread_mutex_unlock(&sw->lock);
}

size_t fake_switch_n_ports(struct fake_switch *sw)
{
	size_t n;

	pthread_mutex_lock(&sw->lock);
	n = json_array_size(sw->ports);
	pthread_mutex_unlock(&sw->lock);
	return n;
}

json_t *fake_switch_port(struct fake_switch *sw, const char *owner)
{
	json_t *port, *found = NULL;
	size_t i;

	pthread_mutex_lock(&sw->lock);
	json_array_foreach (sw->ports, i, port) {
		if (strcmp(text(port, "owner"), owner) == 0)
			found = json_deep_copy(port);
	}
	pthread_mutex_unlock(&sw->lock);
	return found;
}
