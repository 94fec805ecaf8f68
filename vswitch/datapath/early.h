/* SPDX-License-Identifier: BSD-3-Clause */
// How much sooner than needed a sleep has to end, as the system wakes late: learnt from each sleep,
// so that about one in fifty ends too late. A quantile followed by steps needs one number of memory
// and is not thrown off by the one wake-up in a thousand that comes milliseconds late.
#pragma once

#include <stdint.h>

#define EARLY_UP 50 // steps up after a late end, for one down after another

// TSC cycles. One worker's.
struct early {
	uint64_t tsc; // in force
	uint64_t least_tsc, most_tsc;
	uint64_t step_tsc;
};

// A sleep ended `late_tsc` after the time asked for.
static inline void early_learn(struct early *early, uint64_t late_tsc)
{
	if (late_tsc > early->tsc) {
		early->tsc += EARLY_UP * early->step_tsc;
		if (early->tsc > early->most_tsc)
			early->tsc = early->most_tsc;
	} else if (early->tsc > early->least_tsc + early->step_tsc) {
		early->tsc -= early->step_tsc;
	} else {
		early->tsc = early->least_tsc;
	}
}
