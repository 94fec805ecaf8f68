/* SPDX-License-Identifier: BSD-3-Clause */
// Who is to try again, and when: one timer for all ports. Delays come in steps, so that each step
// is a queue in order of time and nothing is ever searched. Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fault.h"

#define RETRY_STEPS 10
#define RETRY_STEP_PEER 6 // a peer that is not there is looked for every second at last
#define RETRY_STEP_PART 7 // a message that began has 2 s to end
#define RETRY_STEP_BROKEN 3 // one that broke the rules waits 100 ms at first, 10 s at last

struct retry {
	TAILQ_ENTRY(retry) link;
	uint64_t due_ns;
	uint8_t step;
	bool queued;
};

TAILQ_HEAD(retry_queue, retry);

struct retry_timer {
	int fd; // readable when somebody is due
	uint64_t armed_ns; // 0: not
	struct retry_queue queues[RETRY_STEPS];
};

__attribute__((warn_unused_result)) int retry_timer_init(
        struct retry_timer *timer, struct fault *fault);
void retry_timer_fini(struct retry_timer *timer);
// `step` counts from 0 (10 ms), and more than RETRY_STEPS - 1 is that.
void retry_put(struct retry_timer *timer, struct retry *retry, uint32_t step);
// The first step that waits at least so long, or the last.
uint32_t retry_step_of(uint64_t ns);
// Nothing if it is not waiting.
void retry_cancel(struct retry_timer *timer, struct retry *retry);
// The next who is due, taken out; NULL: nobody, and the timer is set for the next.
struct retry *retry_next(struct retry_timer *timer);
// Somebody may be due still: sets the timer again.
void retry_rearm(struct retry_timer *timer);
