/* SPDX-License-Identifier: BSD-3-Clause */
// The handshake of a sleeping worker with those who have work for it.
#include "doorbell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int doorbell_init(struct doorbell *bell)
{
	atomic_init(&bell->asleep, false);
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return bell->fd < 0 ? -errno : 0;
}

void doorbell_fini(struct doorbell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}

void doorbell_sleep(struct doorbell *bell)
{
	// The read-modify-write is the full barrier between saying so and looking for work.
	atomic_exchange_explicit(&bell->asleep, true, memory_order_seq_cst);
}

void doorbell_wake(struct doorbell *bell)
{
	atomic_store_explicit(&bell->asleep, false, memory_order_relaxed);
}

void doorbell_clear(struct doorbell *bell)
{
	uint64_t count;

	// Empty already when two sleeps shared a ring: nothing to do then.
	if (read(bell->fd, &count, sizeof(count)) < 0)
		return;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DOORBELL_WITHOUT_FENCE
#endif
#elif defined(__SANITIZE_THREAD__)
#define DOORBELL_WITHOUT_FENCE
#endif

// Not a read-modify-write of `asleep`: that would take its line away from the other ringers.
static inline bool is_asleep(struct doorbell *bell)
{
#ifdef DOORBELL_WITHOUT_FENCE
	// The thread sanitizer does not model fences; this orders the same.
	bool expected = true;

	return atomic_compare_exchange_strong_explicit(
	        &bell->asleep, &expected, true, memory_order_seq_cst, memory_order_seq_cst);
#else
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&bell->asleep, memory_order_relaxed);
#endif
}

bool doorbell_ring(struct doorbell *bell)
{
	uint64_t one = 1;

	if (!is_asleep(bell))
		return false;
	if (!atomic_exchange_explicit(&bell->asleep, false, memory_order_seq_cst))
		return false; // somebody else rang
	// EAGAIN would mean 2^64 - 2 rings: the descriptor is readable then, which is all we want.
	return write(bell->fd, &one, sizeof(one)) == sizeof(one);
}
