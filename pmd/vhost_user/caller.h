/* SPDX-License-Identifier: BSD-3-Clause */
// Calls guests: adds one to their eventfds, and never waits.
//
// A plain write() waits while the counter is full, unless the descriptor says O_NONBLOCK. A guest
// that is a process shares the descriptor's flags, can clear that one at any time and fill the
// counter. No flag of a single write goes before it: the kernel knows RWF_NOWAIT for reads of an
// eventfd only. So the kernel is asked for something that is done at once, and to signal the
// guest's eventfd on completion (aio, IOCB_FLAG_RESFD): it never waits for that.
#pragma once

#include <linux/aio_abi.h>
#include <stdbool.h>

#include "fault.h"

struct caller {
	aio_context_t context; // 0: none, calls are plain writes
	int file; // always ready; -1 with no context
};

// Thread: control. -errno with a fault: the kernel has no aio, or no more of it (fs.aio-max-nr).
// The caller works then too, by plain writes.
__attribute__((warn_unused_result)) int caller_init(struct caller *caller, struct fault *fault);
void caller_fini(struct caller *caller);

// Any thread, also several at once; one each is faster. `event_fd` is an eventfd. False: it has not
// been called, and should be later. A counter that is full is as good as a call.
bool caller_call(struct caller *caller, int event_fd);
