/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost_front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING_BYTES 0x4000u // each ring's place

void front_init(struct front *f, int socket, bool sealed)
{
	*f = (struct front){.socket = socket};
	f->memory_fd = memfd_create("front", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f->memory_fd < 0 || ftruncate(f->memory_fd, FRONT_MEMORY) < 0 ||
	        (sealed && fcntl(f->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0))
		abort();
	f->memory = mmap(NULL, FRONT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_fd, 0);
	f->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->memory == MAP_FAILED || f->kick_fd < 0 || f->call_fd < 0)
		abort();
}

void front_fini(struct front *f)
{
	if (f->socket >= 0)
		close(f->socket);
	munmap(f->memory, FRONT_MEMORY);
	close(f->memory_fd);
	close(f->kick_fd);
	close(f->call_fd);
}

static int send_bytes(struct front *f, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = {.buf = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		struct cmsghdr *cmsg;

		header.msg_control = control.buf;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	return sendmsg(f->socket, &header, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

int front_send(struct front *f, const struct message *m, const int *fds, size_t n_fds)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE + MESSAGE_PAYLOAD_MAX];
	size_t payload = m->size < MESSAGE_PAYLOAD_MAX ? m->size : MESSAGE_PAYLOAD_MAX;
	size_t n = MESSAGE_HEADER_SIZE + payload, piece = f->piece != 0 ? f->piece : n;
	int ret = 0;

	memcpy(bytes, m, MESSAGE_HEADER_SIZE);
	memcpy(bytes + MESSAGE_HEADER_SIZE, m->bytes, payload);
	for (size_t done = 0; ret == 0 && done < n; done += piece) {
		ret = send_bytes(f, bytes + done, n - done < piece ? n - done : piece, fds,
		        done == 0 ? n_fds : 0);
		if (f->between != NULL)
			f->between(f->arg);
	}
	return ret;
}

int front_send_u64(struct front *f, uint32_t request, uint64_t value)
{
	struct message m = {.request = request, .flags = MESSAGE_VERSION, .size = 8};

	m.u64 = value;
	return front_send(f, &m, NULL, 0);
}

int front_send_state(struct front *f, uint32_t request, uint32_t idx, uint32_t num)
{
	struct message m = {.request = request, .flags = MESSAGE_VERSION, .size = 8};

	m.state = (struct message_vring_state){.index = idx, .num = num};
	return front_send(f, &m, NULL, 0);
}

int front_send_fd(struct front *f, uint32_t request, uint32_t idx, int fd)
{
	struct message m = {.request = request, .flags = MESSAGE_VERSION, .size = 8};

	m.u64 = fd >= 0 ? idx : idx | VRING_FD_NONE;
	return front_send(f, &m, &fd, fd >= 0 ? 1 : 0);
}

int front_send_memory(struct front *f)
{
	struct message m = {
	        .request = MESSAGE_SET_MEM_TABLE, .flags = MESSAGE_VERSION, .size = 8 + 32};

	m.mem_table.n_regions = 1;
	m.mem_table.regions[0] =
	        (struct message_region){.size = FRONT_MEMORY, .user_addr = FRONT_USER_ADDR};
	return front_send(f, &m, &f->memory_fd, 1);
}

int front_send_addr(struct front *f, uint32_t idx)
{
	struct message m = {
	        .request = MESSAGE_SET_VRING_ADDR, .flags = MESSAGE_VERSION, .size = 40};
	uint64_t base = FRONT_USER_ADDR + (uint64_t)idx * RING_BYTES;

	m.addr = (struct message_vring_addr){
	        .index = idx, .desc = base, .avail = base + 0x1000, .used = base + 0x2000};
	return front_send(f, &m, NULL, 0);
}

int front_receive(struct front *f, struct message *ret_message, int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = {
	        {.iov_base = ret_message, .iov_len = MESSAGE_HEADER_SIZE},
	        {.iov_base = ret_message->bytes, .iov_len = MESSAGE_PAYLOAD_MAX},
	};
	struct msghdr header = {.msg_iov = iov,
	        .msg_iovlen = 2,
	        .msg_control = control.buf,
	        .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(f->socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *cmsg;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	cmsg = CMSG_FIRSTHDR(&header);
	if (ret_fd != NULL)
		*ret_fd = -1;
	if (n > 0 && ret_fd != NULL && cmsg != NULL)
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	return n == 0 ? -1 : (int)n;
}

int front_negotiate(struct front *f, uint64_t features, uint64_t protocol_features)
{
	if (front_send_u64(f, MESSAGE_SET_PROTOCOL_FEATURES, protocol_features) < 0 ||
	        front_send_u64(f, MESSAGE_SET_FEATURES, features) < 0)
		return -1;
	return front_send_memory(f);
}

int front_start_ring(struct front *f, uint32_t idx)
{
	if (front_send_fd(f, MESSAGE_SET_VRING_CALL, idx, f->call_fd) < 0 ||
	        front_send_state(f, MESSAGE_SET_VRING_NUM, idx, FRONT_RING_SIZE) < 0 ||
	        front_send_state(f, MESSAGE_SET_VRING_BASE, idx, 0) < 0 ||
	        front_send_addr(f, idx) < 0 ||
	        front_send_fd(f, MESSAGE_SET_VRING_KICK, idx, f->kick_fd) < 0)
		return -1;
	return front_send_state(f, MESSAGE_SET_VRING_ENABLE, idx, 1);
}
