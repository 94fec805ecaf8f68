/* SPDX-License-Identifier: BSD-3-Clause */
// Where the player's time comes from. Tests have a clock of their own. Thread: control.
#pragma once

#include <stdint.h>

struct player_clock {
	uint64_t (*now_ns)(void *arg); // monotonic
	uint64_t (*now_tsc)(void *arg); // the data path's
	void (*wait_until)(void *arg, uint64_t ns); // at most some milliseconds ahead
	void *arg;
};

extern const struct player_clock player_clock_real;

// The data path's clock at `ns`. Both are read anew each time: they drift apart.
uint64_t player_clock_tsc_at(const struct player_clock *clock, uint64_t tsc_hz, uint64_t ns);
