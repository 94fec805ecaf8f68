/* SPDX-License-Identifier: BSD-3-Clause */
// Log-linear histogram: 64 steps an octave, so a value is known to 1.6 %. Counts only grow; a
// window is the difference of two copies. One writer; others may copy at any time.
#pragma once

#include <stdint.h>

#include "cpu.h"

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_BUCKETS ((48 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS)

struct histogram {
	uint64_t n[HISTOGRAM_BUCKETS];
};

// Values of 2^48 and more count as 2^48 - 1.
static always_inline uint32_t histogram_bucket(uint64_t value)
{
	uint32_t octave;

	if (value < HISTOGRAM_STEPS)
		return (uint32_t)value;
	if (unlikely(value >> 48 != 0))
		value = (1ull << 48) - 1;
	octave = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	return octave * HISTOGRAM_STEPS + (uint32_t)(value >> octave);
}

static always_inline void histogram_add(struct histogram *h, uint64_t value, uint64_t times)
{
	h->n[histogram_bucket(value)] += times;
}

// Smallest and largest value of a bucket.
uint64_t histogram_low(uint32_t bucket);
uint64_t histogram_high(uint32_t bucket);

// h = after - before.
void histogram_subtract(
        struct histogram *h, const struct histogram *after, const struct histogram *before);
uint64_t histogram_count(const struct histogram *h);
// The value that `share` (0..1) of all values do not exceed: the upper end of its bucket; share 0
// is the lower end of the first. 0 when there is none.
uint64_t histogram_percentile(const struct histogram *h, double share);
