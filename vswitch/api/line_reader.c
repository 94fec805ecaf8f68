/* SPDX-License-Identifier: BSD-3-Clause */
// Lines from a stream socket, with the descriptors that came with each.
//
// The kernel ends a recvmsg at the end of the sent piece that carried descriptors. So the last byte
// of the read belongs to that piece, and the line that holds this byte is the descriptors' line:
// true for every sender that does not put bytes of a later line into the same sendmsg.
#include "jsonrpc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_MIN 4096u
#define BUFFER_MAX (JSONRPC_LINE_MAX + 1) // with the newline
#define BUFFER_KEEP (64u << 10) // an empty buffer larger than this is given back
#define PENDING_FDS_MAX (4 * JSONRPC_FDS_MAX)

struct pending_fd {
	size_t at; // offset in the buffer of the last byte read with it
	int fd;
};

struct jsonrpc_reader {
	char *buffer;
	size_t size;
	size_t start; // first byte not handed out
	size_t scan; // no newline in start..scan
	size_t end;
	size_t n_fds;
	struct pending_fd fds[PENDING_FDS_MAX]; // in the order of `at`
};

struct jsonrpc_reader *jsonrpc_reader_create(void)
{
	return calloc(1, sizeof(struct jsonrpc_reader));
}

void jsonrpc_reader_destroy(struct jsonrpc_reader *reader)
{
	if (reader == NULL)
		return;
	for (size_t i = 0; i < reader->n_fds; i++)
		close(reader->fds[i].fd);
	free(reader->buffer);
	free(reader);
}

// Moves what is left to the front.
static void compact(struct jsonrpc_reader *reader)
{
	size_t start = reader->start;

	if (start == 0)
		return;
	memmove(reader->buffer, reader->buffer + start, reader->end - start);
	reader->end -= start;
	reader->scan -= start;
	reader->start = 0;
	for (size_t i = 0; i < reader->n_fds; i++)
		reader->fds[i].at -= start;
}

static int make_room(struct jsonrpc_reader *reader)
{
	compact(reader);
	if (reader->end == 0 && reader->size > BUFFER_KEEP) {
		free(reader->buffer);
		reader->buffer = NULL;
		reader->size = 0;
	}
	if (reader->end < reader->size)
		return 0;
	if (reader->size == BUFFER_MAX)
		return -EMSGSIZE;
	size_t size = reader->size == 0 ? BUFFER_MIN : reader->size * 2;

	if (size > BUFFER_MAX)
		size = BUFFER_MAX;
	char *buffer = realloc(reader->buffer, size);

	if (buffer == NULL)
		return -ENOMEM;
	reader->buffer = buffer;
	reader->size = size;
	return 0;
}

// Takes the descriptors of one read. On failure those that do not fit are closed.
static int take_fds(struct jsonrpc_reader *reader, struct msghdr *msg, size_t last_byte)
{
	int err = 0;
	size_t n = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	        cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n_here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n_here; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (reader->n_fds == PENDING_FDS_MAX) {
				close(fd);
				err = -EMSGSIZE;
				continue;
			}
			reader->fds[reader->n_fds++] = (struct pending_fd){last_byte, fd};
		}
	}
	// the kernel drops what does not fit the space we gave, or our limit of open files
	if (err == 0 && (msg->msg_flags & MSG_CTRUNC) != 0)
		err = n >= JSONRPC_FDS_MAX ? -EMSGSIZE : -EMFILE;
	return err;
}

// Descriptors of the line that is still incomplete.
static size_t n_fds_of_open_line(const struct jsonrpc_reader *reader)
{
	const char *newline =
	        memrchr(reader->buffer + reader->start, '\n', reader->end - reader->start);
	size_t open = newline == NULL ? reader->start : (size_t)(newline - reader->buffer) + 1;
	size_t n = 0;

	while (n < reader->n_fds && reader->fds[reader->n_fds - 1 - n].at >= open)
		n++;
	return n;
}

ssize_t jsonrpc_reader_fill(struct jsonrpc_reader *reader, int fd)
{
	union {
		char space[CMSG_SPACE(JSONRPC_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	int err = make_room(reader);

	if (err != 0)
		return err;
	struct iovec iov = {reader->buffer + reader->end, reader->size - reader->end};
	struct msghdr msg = {.msg_iov = &iov,
	        .msg_iovlen = 1,
	        .msg_control = control.space,
	        .msg_controllen = sizeof(control.space)};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (n > 0)
		reader->end += (size_t)n;
	err = take_fds(reader, &msg, n > 0 ? reader->end - 1 : reader->end);
	if (err != 0)
		return err;
	if (reader->n_fds > JSONRPC_FDS_MAX && n_fds_of_open_line(reader) > JSONRPC_FDS_MAX)
		return -EMSGSIZE;
	return n;
}

// Hands out the descriptors of the line that ends at offset `newline`.
static void give_fds(struct jsonrpc_reader *reader, size_t newline, int ret_fds[JSONRPC_FDS_MAX],
        size_t *ret_n_fds)
{
	size_t n = 0, n_given = 0;

	for (; n < reader->n_fds && reader->fds[n].at <= newline; n++) {
		if (ret_fds != NULL && n_given < JSONRPC_FDS_MAX)
			ret_fds[n_given++] = reader->fds[n].fd;
		else
			close(reader->fds[n].fd);
	}
	reader->n_fds -= n;
	memmove(reader->fds, reader->fds + n, reader->n_fds * sizeof(reader->fds[0]));
	if (ret_n_fds != NULL)
		*ret_n_fds = n_given;
}

char *jsonrpc_reader_line(
        struct jsonrpc_reader *reader, int ret_fds[JSONRPC_FDS_MAX], size_t *ret_n_fds)
{
	if (ret_n_fds != NULL)
		*ret_n_fds = 0;
	if (reader->scan == reader->end)
		return NULL;
	char *newline = memchr(reader->buffer + reader->scan, '\n', reader->end - reader->scan);

	if (newline == NULL) {
		reader->scan = reader->end;
		return NULL;
	}
	char *line = reader->buffer + reader->start;
	size_t at = (size_t)(newline - reader->buffer);

	*newline = '\0';
	// a zero byte would hide the rest of the line from whoever measures it; 0x01 no parser
	// accepts
	for (char *p = line; (p = memchr(p, '\0', (size_t)(newline - p))) != NULL; p++)
		*p = '\1';
	reader->start = reader->scan = at + 1;
	give_fds(reader, at, ret_fds, ret_n_fds);
	return line;
}
