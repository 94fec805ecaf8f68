/* SPDX-License-Identifier: BSD-3-Clause */
// Histograms: bounds, windows and percentiles.
#include "histogram.h"

#include <math.h>

uint64_t histogram_low(uint32_t bucket)
{
	uint32_t octave = bucket / HISTOGRAM_STEPS;

	if (octave == 0)
		return bucket;
	octave--;
	return (uint64_t)(bucket - octave * HISTOGRAM_STEPS) << octave;
}

uint64_t histogram_high(uint32_t bucket)
{
	return histogram_low(bucket + 1) - 1;
}

void histogram_subtract(
        struct histogram *h, const struct histogram *after, const struct histogram *before)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->n[i] = after->n[i] - before->n[i];
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->n[i];
	return n;
}

uint64_t histogram_percentile(const struct histogram *h, double share)
{
	uint64_t total = histogram_count(h);
	uint64_t rank = (uint64_t)ceil(share * (double)total);
	uint64_t n = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && total > 0; i++) {
		n += h->n[i];
		if (h->n[i] > 0 && (rank == 0 || n >= rank))
			return rank == 0 ? histogram_low(i) : histogram_high(i);
	}
	return 0;
}
