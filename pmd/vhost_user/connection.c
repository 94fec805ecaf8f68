/* SPDX-License-Identifier: BSD-3-Clause */
// Framing: at most two system calls a message that comes whole.
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// More than a message may carry, so that too many are seen as such and closed.
#define FDS_ROOM (MESSAGE_FDS_MAX + 8)

void connection_init(struct connection *c, int fd)
{
	*c = (struct connection){.fd = fd};
}

static void close_fds(struct connection *c)
{
	for (uint32_t i = 0; i < c->n_fds; i++) {
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	}
	c->n_fds = 0;
}

void connection_fini(struct connection *c)
{
	close_fds(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->n_bytes = 0;
}

void connection_next(struct connection *c)
{
	close_fds(c);
	c->n_bytes = 0;
}

int connection_take_fd(struct connection *c, uint32_t idx)
{
	int fd = c->fds[idx];

	c->fds[idx] = -1;
	return fd;
}

// Keeps what came along; -EPROTO when that is too much, and then all are closed.
static int keep_fds(struct connection *c, struct msghdr *header, struct fault *fault)
{
	bool too_many = false;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
	        cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (c->n_fds < MESSAGE_FDS_MAX) {
				c->fds[c->n_fds++] = fd;
			} else {
				close(fd);
				too_many = true;
			}
		}
	}
	if (too_many)
		return fault_set(fault, -EPROTO, NULL, "a message with more than %d descriptors",
		        MESSAGE_FDS_MAX);
	if ((header->msg_flags & MSG_CTRUNC) != 0)
		return fault_set(fault, -EPROTO, NULL,
		        "descriptors were lost: too many in one message, or the switch has reached "
		        "its limit of open files (LimitNOFILE)");
	return 0;
}

// Reads `n` bytes or fewer to `to`: how many, 0 when there are none now, -errno.
static int read_some(struct connection *c, void *to, size_t n, struct fault *fault)
{
	union {
		char buf[CMSG_SPACE(FDS_ROOM * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = to, .iov_len = n};
	struct msghdr header = {
	        .msg_iov = &iov,
	        .msg_iovlen = 1,
	        .msg_control = control.buf,
	        .msg_controllen = sizeof(control.buf),
	};
	ssize_t got;
	int ret;

	do {
		got = recvmsg(c->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -ECONNRESET;
	ret = keep_fds(c, &header, fault);
	if (ret < 0)
		return ret;
	return got > 0 ? (int)got : -ECONNRESET;
}

// Where byte `n_bytes` of the message belongs, and how many are missing from there.
static size_t missing(struct connection *c, uint8_t **ret_to)
{
	if (c->n_bytes < MESSAGE_HEADER_SIZE) {
		*ret_to = (uint8_t *)&c->message + c->n_bytes;
		return MESSAGE_HEADER_SIZE - c->n_bytes;
	}
	*ret_to = c->message.bytes + (c->n_bytes - MESSAGE_HEADER_SIZE);
	return c->message.size - (c->n_bytes - MESSAGE_HEADER_SIZE);
}

int connection_receive(struct connection *c, struct fault *fault)
{
	for (;;) {
		uint8_t *to;
		size_t n = missing(c, &to);
		int ret;

		if (n == 0)
			return message_check(&c->message, c->n_fds, fault) < 0 ? -EPROTO : 1;
		ret = read_some(c, to, n, fault);
		if (ret <= 0)
			return ret;
		c->n_bytes += (uint32_t)ret;
		if (c->n_bytes != MESSAGE_HEADER_SIZE)
			continue;
		// what the peer leaves out of a payload reads as zero
		memset(c->message.bytes, 0, sizeof(c->message.bytes));
		if (message_check_header(&c->message, fault) < 0)
			return -EPROTO;
	}
}

int connection_send(
        struct connection *c, const struct message *message, int fd, struct fault *fault)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.buf = {0}};
	struct iovec iov[2] = {
	        {.iov_base = (void *)(uintptr_t)message, .iov_len = MESSAGE_HEADER_SIZE},
	        {.iov_base = (void *)(uintptr_t)message->bytes, .iov_len = message->size},
	};
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		header.msg_control = control.buf;
		header.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(c->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)(MESSAGE_HEADER_SIZE + message->size))
		return 0;
	if (n < 0 && errno != EAGAIN)
		return -ECONNRESET;
	return fault_set(
	        fault, -EPROTO, NULL, "%s: the answer is not read", message_name(message->request));
}
