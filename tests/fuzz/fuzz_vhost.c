/* SPDX-License-Identifier: BSD-3-Clause */
// A front end of vhost-user that says anything: a stream of messages with descriptors of all kinds,
// whole or in pieces, to a device whose rings start when they may. Nothing crashes, nothing stays
// mapped, no descriptor stays open, and no ring runs while messages change it.
//
// Input: records. The first byte says what comes along (low 3 bits: kind of descriptor, next 3:
// how many) and how the message is cut (upper 2 bits); then request, flags, size of the payload and
// the payload itself.
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "caller.h"
#include "connection.h"
#include "device.h"
#include "mapping.h"

#define N_KINDS 8
#define MEMORY_SIZE 0x40000
#define FDS_SEEN 64

struct fuzz {
	struct device device;
	struct device_config config;
	struct fd_budget budget;
	struct connection connection;
	int peer;
	// what a worker polls, until `quiesce` takes it away
	struct vring *polled[2 * DEVICE_PAIRS_MAX];
	const struct guest_memory *polled_memory;
};

static int kinds[N_KINDS];
static struct caller caller;
static struct mapping_pool *mappings;

static void check(bool good)
{
	if (!good)
		abort();
}

static void make_kinds(void)
{
	int pipes[2];

	kinds[0] = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check(ftruncate(kinds[0], MEMORY_SIZE) == 0 &&
	        fcntl(kinds[0], F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	kinds[1] = memfd_create("unsealed", MFD_CLOEXEC);
	check(ftruncate(kinds[1], MEMORY_SIZE) == 0);
	kinds[2] = memfd_create("empty", MFD_CLOEXEC);
	kinds[3] = eventfd(0, EFD_CLOEXEC);
	kinds[4] = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	check(pipe2(pipes, O_CLOEXEC) == 0);
	kinds[5] = pipes[0];
	kinds[6] = pipes[1];
	kinds[7] = open("/dev/null", O_RDWR | O_CLOEXEC);
	check(caller_init(&caller, NULL) == 0);
	check(mapping_pool_create(&mappings, NULL) == 0);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < FDS_SEEN; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void quiesce(void *arg)
{
	struct fuzz *fuzz = arg;

	check(device_runs(&fuzz->device));
	memset(fuzz->polled, 0, sizeof(fuzz->polled));
}

// Nothing that is polled was stopped or freed behind the worker's back.
static void check_polled(const struct fuzz *fuzz)
{
	for (uint32_t i = 0; i < 2u * fuzz->config.n_pairs; i++) {
		if (fuzz->polled[i] != NULL)
			check(fuzz->device.rings[i].vring == fuzz->polled[i] &&
			        fuzz->device.memory == fuzz->polled_memory);
	}
}

// What a worker does with rings between two messages.
static void poll_rings(struct fuzz *fuzz)
{
	for (uint32_t i = 0; i < 2u * fuzz->config.n_pairs; i++) {
		struct vring *ring = fuzz->device.rings[i].vring;

		if (ring == NULL)
			continue;
		fuzz->polled[i] = ring;
		fuzz->polled_memory = fuzz->device.memory;
		(void)vring_pending(ring);
		(void)vring_arm(ring);
		vring_call(ring);
		vring_disarm(ring);
	}
}

// False: the connection is at an end.
static bool serve(struct fuzz *fuzz)
{
	struct fault fault = {0};
	struct device_counters counters;
	int ret;

	while ((ret = connection_receive(&fuzz->connection, &fault)) == 1) {
		ret = device_handle(&fuzz->device, &fuzz->connection, &fault);
		check(ret == 0 || ret == -EPROTO || ret == -ECONNRESET);
		check_polled(fuzz);
		check(ret != -EPROTO || fault.message[0] != '\0');
		if (ret < 0)
			return false;
		connection_next(&fuzz->connection);
		if (device_start(&fuzz->device, &fault) < 0)
			return false;
		poll_rings(fuzz);
	}
	(void)device_find_fault(&fuzz->device, &fault);
	check(!device_lost_memory(&fuzz->device));
	device_get_counters(&fuzz->device, &counters);
	return ret == 0;
}

static void send_piece(int socket, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds)
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
	(void)!sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// How many descriptors, by 3 bits: what messages carry, and too many.
static const size_t counts[8] = {0, 1, 2, 8, 9, 16, 1, 0};

static bool send_record(struct fuzz *fuzz, const uint8_t *data, size_t n, uint8_t how)
{
	int fds[16];
	size_t n_fds = counts[how >> 3 & 7], cut = how >> 6 == 0 ? n : how >> 6 == 1 ? 1 : n / 2;

	for (size_t i = 0; i < 16; i++)
		fds[i] = kinds[how & 7];
	cut = cut == 0 ? 1 : cut;
	for (size_t done = 0; done < n; done += cut) {
		send_piece(fuzz->peer, data + done, n - done < cut ? n - done : cut, fds,
		        done == 0 ? n_fds : 0);
		if (!serve(fuzz))
			return false;
	}
	return true;
}

// The record's message, laid out as on the wire.
static size_t next_record(
        const uint8_t *data, size_t size, uint8_t *ret_how, uint8_t *bytes, size_t *ret_n)
{
	uint32_t header[3];
	size_t n_payload;

	if (size < 6)
		return 0;
	*ret_how = data[0];
	header[0] = data[1];
	header[1] = data[2] == 0 ? MESSAGE_VERSION : data[2];
	n_payload = (size_t)(data[3] | data[4] << 8) & 0x1ff;
	header[2] = (data[4] & 0x80) != 0 ? 0xffffff00u | data[3] : (uint32_t)n_payload;
	memcpy(bytes, header, MESSAGE_HEADER_SIZE);
	if (n_payload > size - 5)
		n_payload = size - 5;
	memcpy(bytes + MESSAGE_HEADER_SIZE, data + 5, n_payload);
	*ret_n = MESSAGE_HEADER_SIZE + n_payload;
	return 5 + n_payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	struct mapping_pool_stats stats;
	uint8_t bytes[MESSAGE_HEADER_SIZE + 0x200], how;
	int sockets[2], before;
	size_t n, used;

	if (mappings == NULL)
		make_kinds();
	before = count_fds();
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
	fuzz = (struct fuzz){.peer = sockets[0], .budget = {.n_max = 12, .n_kicks_spare = 4}};
	fuzz.config = (struct device_config){
	        .mappings = mappings,
	        .budget = &fuzz.budget,
	        .caller = &caller,
	        .ring_size_max = 1024,
	        .n_pairs = 2,
	        .mtu = 1500,
	        .max_frame = 1518,
	        .quiesce = quiesce,
	        .arg = &fuzz,
	};
	connection_init(&fuzz.connection, sockets[1]);
	device_init(&fuzz.device, &fuzz.config);
	while ((used = next_record(data, size, &how, bytes, &n)) > 0) {
		data += used;
		size -= used;
		if (!send_record(&fuzz, bytes, n, how))
			break;
	}
	device_fini(&fuzz.device);
	connection_fini(&fuzz.connection);
	close(fuzz.peer);
	mapping_pool_stats(mappings, &stats);
	check(stats.n_mappings == 0 && stats.bytes == 0);
	check(fuzz.budget.n_used == 0);
	check(count_fds() == before);
	return 0;
}
