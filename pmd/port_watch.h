/* SPDX-License-Identifier: BSD-3-Clause */
// A word of memory that a peer writes when it has frames for us. A worker keeps those of its quiet
// queues side by side and looks at thousands of them without touching the queues.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct port_watch {
	const uint16_t
	        *word; // aligned; in the peer's memory, readable as long as the queue is a worker's
	uint16_t mask;
	uint16_t value;
	bool until_equal; // quiet until (word & mask) == value; else as long as it is
};

static inline bool port_watch_rings(const struct port_watch *watch)
{
	// Relaxed: whoever takes the frames looks again, with its own ordering.
	uint16_t word = __atomic_load_n(watch->word, __ATOMIC_RELAXED);

	return ((word & watch->mask) == watch->value) == watch->until_equal;
}
