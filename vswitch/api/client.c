/* SPDX-License-Identifier: BSD-3-Clause */
// The blocking client of the control socket.
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "jsonrpc.h"

#define LIST_LIMIT 2000

struct client {
	int fd;
	int timeout_ms;
	json_int_t last_id;
	struct jsonrpc_reader *reader;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int fault_connect(int err, const char *path, struct fault *fault)
{
	switch (err) {
	case -ENOENT:
		return fault_set(fault, err, "socket",
		        "the switch is not running: there is no socket %s", path);
	case -ECONNREFUSED:
		return fault_set(fault, err, "socket",
		        "the switch is not running: nobody listens on %s", path);
	case -EACCES:
	case -EPERM:
		return fault_set(fault, err, "socket",
		        "no permission to open %s: be root or in its group", path);
	case -EAGAIN:
	case -ETIMEDOUT:
		return fault_set(fault, -ETIMEDOUT, "socket",
		        "the switch does not accept connections on %s", path);
	default:
		return fault_set(
		        fault, err, "socket", "cannot connect to %s: %s", path, strerror(-err));
	}
}

// A blocking connect that a full backlog holds up at most `timeout_ms`.
static int open_socket(const char *path, int timeout_ms, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int client_connect(
        const char *path, int timeout_ms, struct client **ret_client, struct fault *fault)
{
	if (path == NULL)
		path = getenv("ORRERY_SOCKET");
	if (path == NULL || *path == '\0')
		path = ORRERY_SOCKET_DEFAULT;
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	client->fd = -1;
	client->timeout_ms = timeout_ms;
	client->reader = jsonrpc_reader_create();
	int err = client->reader == NULL ? -ENOMEM : open_socket(path, timeout_ms, &client->fd);

	if (err != 0) {
		client_close(client);
		return fault_connect(err, path, fault);
	}
	*ret_client = client;
	return 0;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	if (client->fd >= 0)
		close(client->fd);
	jsonrpc_reader_destroy(client->reader);
	free(client);
}

// Waits for `events`. Returns 0, -ETIMEDOUT or another -errno.
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		int n = poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

// One sendmsg, with descriptors on the first byte of the message. Returns bytes sent or -errno.
static ssize_t send_some(int fd, const char *data, size_t len, const int *fds, size_t n_fds)
{
	union {
		char space[CMSG_SPACE(JSONRPC_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(&iov.iov_base, &data, sizeof(data)); // an iovec has no const
	if (n_fds > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static int send_all(struct client *client, const char *data, size_t len, const int *fds,
        size_t n_fds, int64_t deadline_ms)
{
	while (len > 0) {
		ssize_t n = send_some(client->fd, data, len, fds, n_fds);

		if (n == -EAGAIN) {
			int err = wait_for(client->fd, POLLOUT, deadline_ms);

			if (err != 0)
				return err;
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		data += n;
		len -= (size_t)n;
		n_fds = 0;
	}
	return 0;
}

// The next line of the switch. Descriptors it may send us are not wanted.
static int read_line(struct client *client, int64_t deadline_ms, char **ret_line)
{
	for (;;) {
		char *line = jsonrpc_reader_line(client->reader, NULL, NULL);

		if (line != NULL) {
			*ret_line = line;
			return 0;
		}
		int err = wait_for(client->fd, POLLIN, deadline_ms);

		if (err != 0)
			return err;
		ssize_t n = jsonrpc_reader_fill(client->reader, client->fd);

		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
}

// An answer to an older call that timed out is skipped; an error without id can only be for ours.
static bool is_answer(const json_t *message, json_int_t id)
{
	const json_t *message_id = json_object_get(message, "id");

	if (json_is_integer(message_id))
		return json_integer_value(message_id) == id;
	return json_is_null(message_id) && json_object_get(message, "error") != NULL;
}

static int read_answer(struct client *client, json_int_t id, int64_t deadline_ms,
        json_t **ret_answer, struct fault *fault)
{
	for (;;) {
		char *line = NULL;
		int err = read_line(client, deadline_ms, &line);

		if (err != 0)
			return err;
		json_t *message = jsonrpc_parse(line, strlen(line), fault);

		if (message == NULL)
			return -EPROTO;
		if (is_answer(message, id)) {
			*ret_answer = message;
			return 0;
		}
		json_decref(message);
	}
}

static int fault_call(int err, const char *method, int timeout_ms, struct fault *fault)
{
	switch (err) {
	case -ETIMEDOUT:
		return fault_set(fault, err, NULL, "%s: no answer from the switch within %d ms",
		        method, timeout_ms);
	case -ECONNRESET:
	case -EPIPE:
		return fault_set(
		        fault, -ECONNRESET, NULL, "%s: the switch closed the connection", method);
	case -EPROTO:
		return fault_set(fault, err, NULL, "%s: the answer is not JSON-RPC 2.0", method);
	default:
		return fault_set(fault, err, NULL, "%s: %s", method, strerror(-err));
	}
}

// The switch said no.
static int fault_answer(const json_t *error, const char *method, struct fault *fault)
{
	const json_t *data = json_object_get(error, "data");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *field = json_string_value(json_object_get(data, "field"));
	int code = (int)json_integer_value(json_object_get(error, "code"));
	int err = jsonrpc_errno_from_code(code, json_string_value(json_object_get(data, "errno")));

	if (message == NULL)
		return fault_set(fault, err, field, "%s: error %d", method, code);
	return fault_set(fault, err, field, "%s", message);
}

// Takes `params`. Returns the request as one line, or NULL when out of memory.
static char *dump_request(const char *method, json_t *params, json_int_t id, size_t *ret_len)
{
	json_t *request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", id, "method",
	        method, "params", params);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;

	json_decref(request);
	if (text == NULL)
		return NULL;
	size_t len = strlen(text);

	text[len] = '\n'; // the terminator's place: the length is known
	*ret_len = len + 1;
	return text;
}

static int exchange(struct client *client, const char *text, size_t len, const int *fds,
        size_t n_fds, json_t **ret_answer, struct fault *fault)
{
	int64_t deadline_ms = now_ms() + client->timeout_ms;
	int err = send_all(client, text, len, fds, n_fds, deadline_ms);

	// a switch that refuses a message closes the connection, but its last words may be there
	if (err == 0 || err == -EPIPE || err == -ECONNRESET)
		err = read_answer(client, client->last_id, deadline_ms, ret_answer, fault);
	return err;
}

int client_call(struct client *client, const char *method, json_t *params, const int *fds,
        size_t n_fds, json_t **ret_result, struct fault *fault)
{
	size_t len = 0;
	json_t *answer;
	char *text = dump_request(method, params, ++client->last_id, &len);

	if (text == NULL)
		return fault_set(fault, -ENOMEM, NULL, "%s: out of memory", method);
	if (len > JSONRPC_LINE_MAX || n_fds > JSONRPC_FDS_MAX) {
		free(text);
		return fault_set(fault, -EMSGSIZE, NULL,
		        "%s: the request has %zu bytes and %zu descriptors, at most %u and %d are "
		        "allowed",
		        method, len, n_fds, JSONRPC_LINE_MAX, JSONRPC_FDS_MAX);
	}
	int err = exchange(client, text, len, fds, n_fds, &answer, fault);

	free(text);
	if (err != 0)
		return fault_call(err, method, client->timeout_ms, fault);
	const json_t *error = json_object_get(answer, "error");
	json_t *result = json_object_get(answer, "result");

	if (error != NULL)
		err = fault_answer(error, method, fault);
	else if (result == NULL)
		err = fault_call(-EPROTO, method, 0 /* timeout_ms */, fault);
	else
		*ret_result = json_incref(result);
	json_decref(answer);
	return err;
}

// Moves the items of one page over. `*ret_next` is the next cursor (caller frees), NULL at the end.
static int take_page(json_t *items, const json_t *result, const json_t *cursor, json_t **ret_next)
{
	json_t *page = json_object_get(result, "items");
	json_t *next = json_object_get(result, "next_cursor");

	if (!json_is_array(page))
		return -EPROTO;
	if (json_array_extend(items, page) != 0) // takes references
		return -ENOMEM;
	*ret_next = NULL;
	if (next == NULL || json_is_null(next))
		return 0;
	// a cursor that stands still would keep us here for ever
	if (!json_is_string(next) || (cursor != NULL && json_equal(next, cursor)))
		return -EPROTO;
	*ret_next = json_incref(next);
	return 0;
}

int client_list(struct client *client, const char *method, json_t *params, json_t **ret_items,
        struct fault *fault)
{
	json_t *base = params != NULL ? params : json_object(), *items = json_array(),
	       *cursor = NULL;
	int err = 0;

	if (json_object_get(base, "limit") == NULL)
		json_object_set_new(base, "limit", json_integer(LIST_LIMIT));
	do {
		json_t *page_params = json_copy(base), *result = NULL, *next = NULL;

		if (cursor != NULL)
			json_object_set(page_params, "cursor", cursor);
		err = client_call(client, method, page_params, NULL, 0, &result, fault);
		if (err == 0) {
			err = take_page(items, result, cursor, &next);
			if (err != 0)
				(void)fault_call(err, method, 0 /* timeout_ms */, fault);
			json_decref(result);
		}
		json_decref(cursor);
		cursor = next;
	} while (err == 0 && cursor != NULL);
	json_decref(base);
	if (err != 0)
		json_decref(items);
	else
		*ret_items = items;
	return err;
}
