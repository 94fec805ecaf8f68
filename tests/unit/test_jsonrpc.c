/* SPDX-License-Identifier: BSD-3-Clause */
// Framing and the checks before a message is parsed, with input as a hostile client would send it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "jsonrpc.h"

struct pipe {
	int tx, rx;
	struct jsonrpc_reader *reader;
	int n_open; // descriptors before
};

static int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int setup(void **state)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];

	pipe->n_open = count_open();
	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	pipe->tx = fds[0];
	pipe->rx = fds[1];
	pipe->reader = jsonrpc_reader_create();
	assert_non_null(pipe->reader);
	*state = pipe;
	return 0;
}

// No test may leave a descriptor behind.
static int teardown(void **state)
{
	struct pipe *pipe = *state;

	jsonrpc_reader_destroy(pipe->reader);
	close(pipe->rx);
	if (pipe->tx >= 0)
		close(pipe->tx);
	int leaked = count_open() - pipe->n_open;

	free(pipe);
	return leaked;
}

static void send_fds(struct pipe *pipe, const char *data, size_t len, size_t n_fds)
{
	union {
		char space[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char copy[64];
	struct iovec iov = {copy, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	assert_true(len <= sizeof(copy) && n_fds <= 32);
	memcpy(copy, data, len);
	if (n_fds > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (size_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &pipe->tx, sizeof(int));
	}
	assert_int_equal(sendmsg(pipe->tx, &msg, MSG_NOSIGNAL), len);
}

static void send_text(struct pipe *pipe, const char *text)
{
	send_fds(pipe, text, strlen(text), 0);
}

static void expect_line(struct pipe *pipe, const char *want, size_t want_fds)
{
	int fds[JSONRPC_FDS_MAX];
	size_t n_fds = 99;
	char *line = jsonrpc_reader_line(pipe->reader, fds, &n_fds);

	if (want == NULL) {
		assert_null(line);
		assert_int_equal(n_fds, 0);
		return;
	}
	assert_non_null(line);
	assert_string_equal(line, want);
	assert_int_equal(n_fds, want_fds);
	for (size_t i = 0; i < n_fds; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		close(fds[i]);
	}
}

static void test_lines(void **state)
{
	struct pipe *pipe = *state;

	expect_line(pipe, NULL, 0);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), -EAGAIN);
	send_text(pipe, "one\ntwo\n\nthr");
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 12);
	expect_line(pipe, "one", 0);
	expect_line(pipe, "two", 0);
	expect_line(pipe, "", 0);
	expect_line(pipe, NULL, 0);
	send_text(pipe, "ee\n");
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 3);
	expect_line(pipe, "three", 0);
	expect_line(pipe, NULL, 0);
	close(pipe->tx);
	pipe->tx = -1;
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 0);
	expect_line(pipe, NULL, 0);
}

static void test_split_bytes(void **state)
{
	static const char text[] = "{\"a\":1}\n{\"b\":2}\n";
	struct pipe *pipe = *state;
	int n_lines = 0;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		send_fds(pipe, text + i, 1, 0);
		assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 1);
		char *line = jsonrpc_reader_line(pipe->reader, NULL, NULL);

		assert_int_equal(line != NULL, text[i] == '\n');
		if (line != NULL)
			assert_string_equal(line, n_lines++ == 0 ? "{\"a\":1}" : "{\"b\":2}");
	}
}

static void test_zero_byte(void **state)
{
	struct pipe *pipe = *state;
	struct fault fault;

	send_fds(pipe, "{}\0{}\0\n", 7, 0);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 7);
	char *line = jsonrpc_reader_line(pipe->reader, NULL, NULL);

	assert_string_equal(line, "{}\1{}\1");
	assert_null(jsonrpc_parse(line, strlen(line), &fault));
	assert_int_equal(fault.code, -EBADMSG);
}

// Three messages in one read; only the one sent with descriptors gets them.
static void test_fds_belong_to_their_line(void **state)
{
	struct pipe *pipe = *state;

	send_text(pipe, "first\n");
	send_fds(pipe, "second\n", 7, 2);
	send_text(pipe, "third\n");
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 13);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 6);
	expect_line(pipe, "first", 0);
	expect_line(pipe, "second", 2);
	expect_line(pipe, "third", 0);
}

static void test_fds_with_a_part_of_the_line(void **state)
{
	struct pipe *pipe = *state;

	send_text(pipe, "old\nne");
	send_fds(pipe, "w-", 2, 1);
	send_fds(pipe, "line", 4, 3);
	send_text(pipe, "\n");
	while (jsonrpc_reader_fill(pipe->reader, pipe->rx) > 0)
		;
	expect_line(pipe, "old", 0);
	expect_line(pipe, "new-line", 4);
	expect_line(pipe, NULL, 0);
}

static void test_fds_not_wanted(void **state)
{
	struct pipe *pipe = *state;

	send_fds(pipe, "a\n", 2, 3);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 2);
	assert_string_equal(jsonrpc_reader_line(pipe->reader, NULL, NULL), "a");
	// and without a line at all: destroy closes them (teardown counts)
	send_fds(pipe, "b", 1, 4);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 1);
	expect_line(pipe, NULL, 0);
}

static void test_too_many_fds(void **state)
{
	struct pipe *pipe = *state;

	send_fds(pipe, "a\n", 2, JSONRPC_FDS_MAX + 1);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), -EMSGSIZE);
}

static void test_too_many_fds_in_pieces(void **state)
{
	struct pipe *pipe = *state;

	send_fds(pipe, "a", 1, 3);
	send_fds(pipe, "b", 1, 2);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 1);
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), -EMSGSIZE);
}

// A reader that is filled without its lines being taken stays bounded.
static void test_lines_not_taken(void **state)
{
	struct pipe *pipe = *state;
	ssize_t n = 0;

	for (int i = 0; i < 10 && n >= 0; i++) {
		send_fds(pipe, "a\n", 2, 4);
		n = jsonrpc_reader_fill(pipe->reader, pipe->rx);
	}
	assert_int_equal(n, -EMSGSIZE);
}

static void test_no_room_for_fds(void **state)
{
	struct pipe *pipe = *state;
	struct rlimit old, low;
	int lowest = dup(0);

	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)lowest + 1;
	send_fds(pipe, "a\n", 2, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	ssize_t n = jsonrpc_reader_fill(pipe->reader, pipe->rx);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(n, -EMFILE);
}

static ssize_t pump(struct pipe *pipe, const char *data, size_t len)
{
	ssize_t err = 1;

	while (len > 0 && err > 0) {
		ssize_t n = send(pipe->tx, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		do {
			err = jsonrpc_reader_fill(pipe->reader, pipe->rx);
		} while (err > 0);
		if (err == -EAGAIN)
			err = 1;
	}
	return err;
}

static void test_longest_line(void **state)
{
	struct pipe *pipe = *state;
	char *data = malloc(JSONRPC_LINE_MAX + 1);

	memset(data, 'x', JSONRPC_LINE_MAX);
	data[JSONRPC_LINE_MAX] = '\n';
	for (int i = 0; i < 2; i++) {
		// the last fill finds no room for more than this line
		ssize_t err = pump(pipe, data, JSONRPC_LINE_MAX + 1);

		assert_true(err == 1 || err == -EMSGSIZE);
		char *line = jsonrpc_reader_line(pipe->reader, NULL, NULL);

		assert_non_null(line);
		assert_int_equal(strlen(line), JSONRPC_LINE_MAX);
	}
	send_text(pipe, "short\n");
	assert_int_equal(jsonrpc_reader_fill(pipe->reader, pipe->rx), 6);
	expect_line(pipe, "short", 0);
	free(data);
}

static void test_line_too_long(void **state)
{
	struct pipe *pipe = *state;
	char *data = malloc(JSONRPC_LINE_MAX + 2);

	memset(data, ' ', JSONRPC_LINE_MAX + 2);
	assert_int_equal(pump(pipe, data, JSONRPC_LINE_MAX + 2), -EMSGSIZE);
	expect_line(pipe, NULL, 0);
	free(data);
}

static void expect_parse_fault(const char *text, const char *want)
{
	struct fault fault = {0};
	json_t *message = jsonrpc_parse(text, strlen(text), &fault);

	assert_null(message);
	assert_int_equal(fault.code, -EBADMSG);
	if (strstr(fault.message, want) == NULL)
		fail_msg("'%s' does not contain '%s'", fault.message, want);
	// it goes back to the client as JSON
	json_t *string = json_string(fault.message);

	assert_non_null(string);
	json_decref(string);
}

static void test_parse_positions(void **state)
{
	expect_parse_fault("", "at byte 0:");
	expect_parse_fault("{", "at byte 1:");
	expect_parse_fault("{\"a\":}", "at byte 6:");
	expect_parse_fault("{\"a\":1} x", "at byte 9:");
	expect_parse_fault("12", "at byte 2:");
	expect_parse_fault("{\"a\":1,\"a\":2}", "duplicate");
	expect_parse_fault("{\"a\":\"\\u0000\"}", "\\u0000");
	expect_parse_fault("{\"a\":99999999999999999999}", "too big integer");
	expect_parse_fault("{\"a\":1e999}", "overflow");
	expect_parse_fault("{\"a\":NaN}", "at byte");
	expect_parse_fault("{\"\xff\":1}", "at byte");
	expect_parse_fault("{\"\xed\xa0\x80\":1}", "at byte");
	expect_parse_fault("{\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\":1,}", "at byte");
	expect_parse_fault("{\"a\":\"\x01\"}", "at byte");
	expect_parse_fault("\xef\xbb\xbf{}", "at byte");
}

static char *nested(const char *open, const char *inner, const char *close, int depth)
{
	char *text = calloc(1, (size_t)depth * 16 + 16);

	for (int i = 0; i < depth; i++)
		strcat(text, open);
	strcat(text, inner);
	for (int i = 0; i < depth; i++)
		strcat(text, close);
	return text;
}

static void test_depth(void **state)
{
	struct fault fault;
	char *text = nested("[", "", "]", JSONRPC_DEPTH_MAX);
	json_t *message = jsonrpc_parse(text, strlen(text), &fault);

	assert_non_null(message);
	json_decref(message);
	free(text);
	text = nested("[", "", "]", JSONRPC_DEPTH_MAX + 1);
	expect_parse_fault(text, "at byte 33: nested deeper than 32 levels");
	free(text);
	text = nested("{\"a\":", "1", "}", 10000);
	expect_parse_fault(text, "nested deeper");
	free(text);
	// brackets in strings do not count, and an escaped quote does not end one
	text = nested("[", "\"[[[[\\\"[[[[{{{{\\\\\"", "]", JSONRPC_DEPTH_MAX);
	message = jsonrpc_parse(text, strlen(text), &fault);
	assert_non_null(message);
	json_decref(message);
	free(text);
	expect_parse_fault("]]]]}}}}[", "at byte 1:");
	expect_parse_fault("[\"\\", "at byte");
}

static void test_too_long_to_parse(void **state)
{
	struct fault fault;
	char *text = malloc(JSONRPC_LINE_MAX + 1);

	memset(text, ' ', JSONRPC_LINE_MAX + 1);
	memcpy(text, "{}", 2);
	json_t *message = jsonrpc_parse(text, JSONRPC_LINE_MAX, &fault);

	assert_non_null(message);
	json_decref(message);
	assert_null(jsonrpc_parse(text, JSONRPC_LINE_MAX + 1, &fault));
	assert_non_null(strstr(fault.message, "4194305 bytes, at most 4194304"));
	free(text);
}

static void test_codes(void **state)
{
	static const int both_ways[] = {
	        -EINVAL, -EBADMSG, -ENOSYS, -ENOENT, -EEXIST, -EBUSY, -ENOSPC, -EPERM};

	for (size_t i = 0; i < sizeof(both_ways) / sizeof(both_ways[0]); i++)
		assert_int_equal(
		        jsonrpc_errno_from_code(jsonrpc_code_from_errno(both_ways[i]), NULL),
		        both_ways[i]);
	assert_int_equal(jsonrpc_code_from_errno(-ENODEV), ORRERY_E_SYSTEM);
	assert_int_equal(jsonrpc_errno_from_code(ORRERY_E_SYSTEM, "ENODEV"), -ENODEV);
	assert_int_equal(jsonrpc_errno_from_code(ORRERY_E_SYSTEM, "ENOTHING"), -EIO);
	assert_int_equal(jsonrpc_errno_from_code(ORRERY_E_SYSTEM, NULL), -EIO);
	assert_int_equal(jsonrpc_errno_from_code(12345, NULL), -EIO);
}

int main(void)
{
#define WITH_PIPE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {WITH_PIPE(test_lines), WITH_PIPE(test_split_bytes),
	        WITH_PIPE(test_zero_byte), WITH_PIPE(test_fds_belong_to_their_line),
	        WITH_PIPE(test_fds_with_a_part_of_the_line), WITH_PIPE(test_fds_not_wanted),
	        WITH_PIPE(test_too_many_fds), WITH_PIPE(test_too_many_fds_in_pieces),
	        WITH_PIPE(test_lines_not_taken), WITH_PIPE(test_no_room_for_fds),
	        WITH_PIPE(test_longest_line), WITH_PIPE(test_line_too_long),
	        cmocka_unit_test(test_parse_positions), cmocka_unit_test(test_depth),
	        cmocka_unit_test(test_too_long_to_parse), cmocka_unit_test(test_codes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
