/* SPDX-License-Identifier: BSD-3-Clause */
// The client against a server that answers from a script: well, late, wrongly, or not at all.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "jsonrpc.h"

#define CLOSE "close" // instead of an answer
#define SILENT "silent" // no answer

struct server {
	char dir[64], path[128];
	int listen_fd;
	const char *const *script; // one answer a request; %d stands for the request's id
	char requests[8][256]; // as they came
	size_t n_requests;
	size_t n_fds;
	pthread_t thread;
};

static void answer(int fd, const char *format, int id)
{
	char text[4096];
	int len = snprintf(text, sizeof(text), "%.*s%d%s\n", (int)(strstr(format, "%d") - format),
	        format, id, strstr(format, "%d") + 2);

	// in two pieces: a line need not come in one
	assert_int_equal(send(fd, text, 5, MSG_NOSIGNAL), 5);
	assert_int_equal(send(fd, text + 5, (size_t)len - 5, MSG_NOSIGNAL), len - 5);
}

static char *next_request(struct server *server, struct jsonrpc_reader *reader, int fd)
{
	int fds[JSONRPC_FDS_MAX];
	char *line;

	while ((line = jsonrpc_reader_line(reader, fds, &server->n_fds)) == NULL) {
		if (jsonrpc_reader_fill(reader, fd) <= 0)
			return NULL;
	}
	for (size_t i = 0; i < server->n_fds; i++)
		close(fds[i]);
	return line;
}

static void *serve(void *arg)
{
	struct server *server = arg;
	struct jsonrpc_reader *reader = jsonrpc_reader_create();
	int fd = accept(server->listen_fd, NULL, NULL);

	for (size_t i = 0; server->script[i] != NULL; i++) {
		const char *text = server->script[i];
		char *line = next_request(server, reader, fd);

		if (line == NULL || strcmp(text, CLOSE) == 0)
			break;
		snprintf(server->requests[server->n_requests++], sizeof(server->requests[0]), "%s",
		        line);
		if (strcmp(text, SILENT) != 0)
			answer(fd, text, (int)i + 1);
	}
	jsonrpc_reader_destroy(reader);
	close(fd);
	return NULL;
}

static void server_start(struct server *server, const char *const *script)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(server, 0, sizeof(*server));
	server->script = script;
	strcpy(server->dir, "/tmp/orrery-test-XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/s", server->dir);
	strcpy(address.sun_path, server->path);
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listen_fd, 1), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->listen_fd);
	unlink(server->path);
	rmdir(server->dir);
}

static struct client *connect_to(struct server *server, int timeout_ms)
{
	struct client *client = NULL;
	struct fault fault;

	assert_int_equal(client_connect(server->path, timeout_ms, &client, &fault), 0);
	return client;
}

#define OK(result) "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":" result "}"

static void test_call(void **state)
{
	static const char *const script[] = {OK("{\"version\":\"1\"}"), OK("null"), NULL};
	struct server server;
	json_t *result = NULL;
	int fds[2];

	server_start(&server, script);
	struct client *client = connect_to(&server, 5000);

	assert_int_equal(client_call(client, "version", NULL, NULL, 0, &result, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(result, "version")), "1");
	json_decref(result);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(
	        client_call(client, "x", json_pack("{s:i}", "a", 1), fds, 2, &result, NULL), 0);
	assert_true(json_is_null(result));
	client_close(client);
	close(fds[0]);
	close(fds[1]);
	server_stop(&server);
	assert_string_equal(
	        server.requests[0], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}");
	assert_string_equal(server.requests[1],
	        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"x\",\"params\":{\"a\":1}}");
	assert_int_equal(server.n_fds, 2);
}

static void test_errors(void **state)
{
	static const char *const script[] = {"{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-"
	                                     "32002,\"message\":\"node 'a' is there\","
	                                     "\"data\":{\"field\":\"params.name\"}}}",
	        "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32006,\"message\":\"m\","
	        "\"data\":{\"errno\":\"ENODEV\"}}}",
	        "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32603}}",
	        "{\"jsonrpc\":\"2.0\",\"id\":null,\"x\":%d,\"error\":{\"code\":-32700,\"message\":"
	        "\"parse\"}}",
	        "{\"jsonrpc\":\"2.0\",\"id\":%d}", "{\"jsonrpc\":\"2.0\",\"id\":%d", NULL};
	static const struct {
		int err;
		const char *field, *message;
	} want[] = {{-EEXIST, "params.name", "node 'a' is there"}, {-ENODEV, "", "m"},
	        {-EIO, "", "m: error -32603"}, {-EBADMSG, "", "parse"},
	        {-EPROTO, "", "m: the answer is not JSON-RPC 2.0"},
	        {-EPROTO, "", "m: the answer is not JSON-RPC 2.0"}};
	struct server server;
	struct fault fault;
	json_t *result = NULL;

	server_start(&server, script);
	struct client *client = connect_to(&server, 5000);

	for (size_t i = 0; script[i] != NULL; i++) {
		assert_int_equal(
		        client_call(client, "m", NULL, NULL, 0, &result, &fault), want[i].err);
		assert_int_equal(fault.code, want[i].err);
		assert_string_equal(fault.field, want[i].field);
		assert_string_equal(fault.message, want[i].message);
		assert_null(result);
	}
	client_close(client);
	server_stop(&server);
}

static void test_timeout_then_late_answer(void **state)
{
	// the second request is answered twice: first with the id of the one that timed out
	static const char *const script[] = {SILENT,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"late\"}\n{\"jsonrpc\":\"2.0\","
	        "\"method\":\"note\"}\n" OK("\"own\""),
	        NULL};
	struct server server;
	struct fault fault;
	json_t *result = NULL;

	server_start(&server, script);
	struct client *client = connect_to(&server, 1500);

	assert_int_equal(client_call(client, "slow", NULL, NULL, 0, &result, &fault), -ETIMEDOUT);
	assert_string_equal(fault.message, "slow: no answer from the switch within 1500 ms");
	assert_int_equal(client_call(client, "next", NULL, NULL, 0, &result, &fault), 0);
	assert_string_equal(json_string_value(result), "own");
	json_decref(result);
	client_close(client);
	server_stop(&server);
}

static void test_closed(void **state)
{
	static const char *const script[] = {CLOSE, NULL};
	struct server server;
	struct fault fault;
	json_t *result = NULL;

	server_start(&server, script);
	struct client *client = connect_to(&server, 5000);

	assert_int_equal(client_call(client, "m", NULL, NULL, 0, &result, &fault), -ECONNRESET);
	assert_string_equal(fault.message, "m: the switch closed the connection");
	assert_int_equal(client_call(client, "m", NULL, NULL, 0, &result, &fault), -ECONNRESET);
	client_close(client);
	server_stop(&server);
}

static void test_request_too_long(void **state)
{
	static const char *const script[] = {NULL};
	struct server server;
	struct fault fault;
	json_t *result = NULL;
	char *text = malloc(JSONRPC_LINE_MAX);

	memset(text, 'x', JSONRPC_LINE_MAX);
	server_start(&server, script);
	struct client *client = connect_to(&server, 5000);

	assert_int_equal(
	        client_call(client, "m", json_pack("{s:s%}", "a", text, (size_t)JSONRPC_LINE_MAX),
	                NULL, 0, &result, &fault),
	        -EMSGSIZE);
	client_close(client);
	server_stop(&server);
	free(text);
}

static void test_list(void **state)
{
	static const char *const script[] = {
	        OK("{\"items\":[1,2],\"next_cursor\":\"c1\",\"total\":3}"),
	        OK("{\"items\":[3],\"next_cursor\":null,\"total\":3}"),
	        OK("{\"items\":[],\"next_cursor\":null}"),
	        OK("{\"items\":[1],\"next_cursor\":\"same\"}"),
	        OK("{\"items\":[1],\"next_cursor\":\"same\"}"), OK("{\"next_cursor\":null}"), NULL};
	struct server server;
	struct fault fault;
	json_t *items = NULL;

	server_start(&server, script);
	struct client *client = connect_to(&server, 5000);

	assert_int_equal(
	        client_list(client, "node.list", json_pack("{s:s}", "kind", "pod"), &items, &fault),
	        0);
	assert_int_equal(json_array_size(items), 3);
	assert_int_equal(json_integer_value(json_array_get(items, 2)), 3);
	json_decref(items);
	items = NULL;
	assert_int_equal(client_list(client, "l", NULL, &items, &fault), 0);
	assert_int_equal(json_array_size(items), 0);
	json_decref(items);
	items = NULL;
	// a cursor that stands still must not hang us
	assert_int_equal(client_list(client, "l", NULL, &items, &fault), -EPROTO);
	assert_int_equal(client_list(client, "l", NULL, &items, &fault), -EPROTO);
	assert_null(items);
	client_close(client);
	server_stop(&server);
	assert_non_null(strstr(server.requests[0], "\"params\":{\"kind\":\"pod\",\"limit\":2000}"));
	assert_non_null(strstr(server.requests[1],
	        "\"params\":{\"kind\":\"pod\",\"limit\":2000,\"cursor\":\"c1\"}"));
}

static void test_connect(void **state)
{
	struct client *client = NULL;
	struct fault fault;
	char dir[] = "/tmp/orrery-test-XXXXXX", path[64], huge[200];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(client_connect(path, 1000, &client, &fault), -ENOENT);
	assert_non_null(strstr(fault.message, "the switch is not running"));
	int fd = open(path, O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(client_connect(path, 1000, &client, &fault), -ECONNREFUSED);
	assert_non_null(strstr(fault.message, "the switch is not running"));
	close(fd);
	unlink(path);
	rmdir(dir);
	memset(huge, 'x', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(client_connect(huge, 1000, &client, &fault), -ENAMETOOLONG);
	assert_int_equal(setenv("ORRERY_SOCKET", "/nonexistent/from-env", 1), 0);
	assert_int_equal(client_connect(NULL, 1000, &client, &fault), -ENOENT);
	assert_non_null(strstr(fault.message, "/nonexistent/from-env"));
	assert_null(client);
	client_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_call),
	        cmocka_unit_test(test_errors), cmocka_unit_test(test_timeout_then_late_answer),
	        cmocka_unit_test(test_closed), cmocka_unit_test(test_request_too_long),
	        cmocka_unit_test(test_list), cmocka_unit_test(test_connect)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
