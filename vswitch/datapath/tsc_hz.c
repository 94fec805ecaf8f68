/* SPDX-License-Identifier: BSD-3-Clause */
#include "tsc_hz.h"

#include <rte_cycles.h>
#include <time.h>

#define S_NS 1000000000
#define MEASURED_NS 100000000
#define TRIES 50

// The same moment on both clocks.
struct moment {
	uint64_t tsc, ns;
};

static struct moment begin;
static uint64_t hz;

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * S_NS + (uint64_t)now.tv_nsec;
}

// Of several tries the one that took least time: it was not interrupted.
static struct moment take_moment(void)
{
	uint64_t least = UINT64_MAX;
	struct moment moment = {0};

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before = rte_rdtsc_precise(), ns = monotonic_ns();
		uint64_t took = rte_rdtsc_precise() - before;

		if (took < least) {
			least = took;
			moment = (struct moment){before + took / 2, ns};
		}
	}
	return moment;
}

void tsc_hz_begin(void)
{
	begin = take_moment();
}

uint64_t tsc_hz(void)
{
	struct timespec wait;
	struct moment end;
	uint64_t passed_ns;

	if (hz != 0)
		return hz;
	if (begin.ns == 0)
		tsc_hz_begin();
	passed_ns = monotonic_ns() - begin.ns;
	if (passed_ns < MEASURED_NS) {
		wait = (struct timespec){.tv_nsec = (long)(MEASURED_NS - passed_ns)};
		nanosleep(&wait, NULL); // one that ends early only makes the figure coarser
	}
	end = take_moment();
	hz = (uint64_t)((double)(end.tsc - begin.tsc) / (double)(end.ns - begin.ns) * 1e6 + 0.5) *
	     1000;
	return hz;
}
