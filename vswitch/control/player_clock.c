/* SPDX-License-Identifier: BSD-3-Clause */
// The player's clock: monotonic time for when, the data path's cycles for from when.
#include "player_clock.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <time.h>

#define S_NS 1000000000ull
#define SPIN_NS 80000 // what a sleep may oversleep

static uint64_t monotonic_ns(void *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * S_NS + (uint64_t)now.tv_nsec;
}

static uint64_t data_path_tsc(void *arg)
{
	return rte_rdtsc();
}

static void sleep_and_spin(void *arg, uint64_t ns)
{
	struct timespec until = {(time_t)((ns - SPIN_NS) / S_NS), (long)((ns - SPIN_NS) % S_NS)};

	if (monotonic_ns(NULL) + SPIN_NS < ns)
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	while (monotonic_ns(NULL) < ns)
		rte_pause();
}

const struct player_clock player_clock_real = {monotonic_ns, data_path_tsc, sleep_and_spin, NULL};

uint64_t player_clock_tsc_at(const struct player_clock *clock, uint64_t tsc_hz, uint64_t ns)
{
	uint64_t best_gap = UINT64_MAX, tsc = 0, now = 0;
	int64_t ahead_ns;

	for (int i = 0; i < 3; i++) { // not to believe a pair that was torn apart
		uint64_t before = clock->now_tsc(clock->arg), at = clock->now_ns(clock->arg);
		uint64_t gap = clock->now_tsc(clock->arg) - before;

		if (gap < best_gap) {
			best_gap = gap;
			tsc = before + gap / 2;
			now = at;
		}
	}
	ahead_ns = (int64_t)(ns - now);
	return tsc + (uint64_t)(int64_t)((__int128)ahead_ns * (int64_t)tsc_hz / (int64_t)S_NS);
}
