/* SPDX-License-Identifier: BSD-3-Clause */
// Waking a worker that sleeps, without a system call when it does not.
//
// The sleeper says that it is about to sleep, looks once more for work, then waits for the
// doorbell's file descriptor. Whoever made work visible rings afterwards. Each side writes, passes
// a full barrier, then reads what the other wrote: one of them sees the other, so no work is left
// behind a sleeper. Free of DPDK; run under the thread sanitizer by test_doorbell.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct doorbell {
	_Atomic bool asleep;
	int fd; // eventfd, non-blocking; readable once rung
};

// Returns 0 or -errno. Control.
__attribute__((warn_unused_result)) int doorbell_init(struct doorbell *bell);
void doorbell_fini(struct doorbell *bell);

// The sleeper: announces sleep. If the look for work that follows finds some, doorbell_wake at
// once.
void doorbell_sleep(struct doorbell *bell);
// The sleeper, awake again: no ring needs a system call from here on.
void doorbell_wake(struct doorbell *bell);
// The sleeper: makes fd quiet again after it was readable.
void doorbell_clear(struct doorbell *bell);

// Any thread, after its work is visible. True if the sleeper was asleep and was woken: one
// non-blocking system call.
bool doorbell_ring(struct doorbell *bell);
