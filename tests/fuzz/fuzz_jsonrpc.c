/* SPDX-License-Identifier: BSD-3-Clause */
// Bytes of a client to lines, descriptors and messages. The first byte of the input says how the
// rest is cut into pieces; a piece that begins with 0xfd carries descriptors. Checked besides
// memory: lines are whole and in order, no descriptor is lost or given twice, a fault can be sent
// back as JSON.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jsonrpc.h"

static void check(bool good)
{
	if (!good)
		abort();
}

static void try_parse(const char *line)
{
	struct fault fault = {0};
	json_t *message = jsonrpc_parse(line, strlen(line), &fault);

	if (message == NULL) {
		json_t *text = json_string(fault.message);

		check(fault.code == -EBADMSG && fault.message[0] != '\0' && text != NULL);
		json_decref(text);
		return;
	}
	// what was taken can be printed and read again
	char *text = json_dumps(message, JSON_COMPACT);
	json_t *again = text != NULL ? jsonrpc_parse(text, strlen(text), &fault) : NULL;

	check(again != NULL && json_equal(message, again));
	json_decref(again);
	json_decref(message);
	free(text);
}

static void send_piece(int fd, const uint8_t *data, size_t len, int n_fds)
{
	union {
		char space[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(&iov.iov_base, &data, sizeof(data));
	if (n_fds > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
		for (int i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(cmsg) + (size_t)i * sizeof(int), &fd, sizeof(int));
	}
	check(sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len);
}

// Takes what is there. `*at` moves over the bytes that came back as lines.
static void take_lines(struct jsonrpc_reader *reader, const uint8_t *data, size_t size, size_t *at)
{
	int fds[JSONRPC_FDS_MAX];
	size_t n_fds;
	char *line;

	while ((line = jsonrpc_reader_line(reader, fds, &n_fds)) != NULL) {
		size_t len = strlen(line);

		check(n_fds <= JSONRPC_FDS_MAX && *at + len < size && data[*at + len] == '\n');
		for (size_t i = 0; i < len; i++)
			check((uint8_t)line[i] == data[*at + i] ||
			        (line[i] == '\1' && data[*at + i] == 0));
		*at += len + 1;
		for (size_t i = 0; i < n_fds; i++)
			check(close(fds[i]) == 0);
		try_parse(line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2], probe_before = dup(0);
	size_t at = 0;

	if (size < 1 || size > 60000 || probe_before < 0)
		return close(probe_before), 0;
	close(probe_before);
	size_t piece = (size_t)data[0] + 1;

	data++;
	size--;
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	struct jsonrpc_reader *reader = jsonrpc_reader_create();
	ssize_t n = 1;

	for (size_t sent = 0; sent < size && n >= 0;) {
		size_t len = size - sent < piece ? size - sent : piece;

		send_piece(fds[0], data + sent, len, data[sent] == 0xfd ? (int)(len % 6) : 0);
		sent += len;
		do {
			n = jsonrpc_reader_fill(reader, fds[1]);
			take_lines(reader, data, size, &at);
		} while (n > 0);
		if (n == -EAGAIN)
			n = 0;
	}
	jsonrpc_reader_destroy(reader);
	close(fds[0]);
	close(fds[1]);
	int probe_after = dup(0);

	// no descriptor stayed behind
	check(probe_after == probe_before);
	close(probe_after);
	return 0;
}
