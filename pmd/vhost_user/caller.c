/* SPDX-License-Identifier: BSD-3-Clause */
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 64 // completions that may wait; the kernel rounds up
#define RING_MAGIC 0xa10a10a1u

// The context's first page: completions, which the process may take without a system call. The
// kernel's layout (fs/aio.c) is fixed since libaio reads it.
struct aio_ring {
	uint32_t id, nr;
	uint32_t head, tail; // ours, the kernel's
	uint32_t magic, compat_features, incompat_features, header_size;
};

static struct aio_ring *ring_of(const struct caller *caller)
{
	return (struct aio_ring *)(uintptr_t)caller->context;
}

int caller_init(struct caller *caller, struct fault *fault)
{
	*caller = (struct caller){.file = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	if (caller->file < 0)
		return fault_set(fault, -errno, NULL, "/dev/null: %s", strerror(errno));
	if (syscall(SYS_io_setup, EVENTS, &caller->context) < 0) {
		int ret = -errno;

		caller->context = 0;
		caller_fini(caller);
		return fault_set(fault, ret, NULL, "io_setup: %s", strerror(-ret));
	}
	if (ring_of(caller)->magic == RING_MAGIC && ring_of(caller)->incompat_features == 0)
		return 0;
	caller_fini(caller);
	return fault_set(fault, -ENOTSUP, NULL, "io_setup: a ring of another layout");
}

void caller_fini(struct caller *caller)
{
	if (caller->context != 0)
		syscall(SYS_io_destroy, caller->context);
	if (caller->file >= 0)
		close(caller->file);
	*caller = (struct caller){.file = -1};
}

// Nobody wants the completions. Two threads may do this at once: who is late with its store puts
// the head back, which costs a later call one more look.
static void forget_completions(struct aio_ring *ring)
{
	__atomic_store_n(
	        &ring->head, __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

bool caller_call(struct caller *caller, int event_fd)
{
	// a file that cannot be polled is ready: done before io_submit returns
	struct iocb iocb = {
	        .aio_lio_opcode = IOCB_CMD_POLL,
	        .aio_fildes = (uint32_t)caller->file,
	        .aio_buf = POLLIN,
	        .aio_flags = IOCB_FLAG_RESFD,
	        .aio_resfd = (uint32_t)event_fd,
	};
	struct iocb *list = &iocb;

	if (caller->context == 0)
		return eventfd_write(event_fd, 1) == 0 || errno == EAGAIN;
	forget_completions(ring_of(caller));
	return syscall(SYS_io_submit, caller->context, 1L, &list) == 1;
}
