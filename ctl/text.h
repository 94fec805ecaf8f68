/* SPDX-License-Identifier: BSD-3-Clause */
// Small pieces of output.
#pragma once

#include "units.h"

// A measured rate, four digits of it: unlike a link's, 0 means that nothing passed.
static inline const char *text_bit_rate(char buf[UNITS_TEXT_SIZE], uint64_t bps)
{
	for (uint64_t step = 1; bps / step >= 10000; step *= 10)
		bps = bps / (step * 10) * (step * 10);
	return bps == 0 ? "0" : units_format_rate(buf, bps);
}

static inline const char *text_plural(int64_t n)
{
	return n == 1 ? "" : "s";
}
