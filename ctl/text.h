/* SPDX-License-Identifier: BSD-3-Clause */
// Small pieces of output.
#pragma once

#include "units.h"

// A measured rate: unlike a link's, 0 means that nothing passed.
static inline const char *text_bit_rate(char buf[UNITS_TEXT_SIZE], uint64_t bps)
{
	return bps == 0 ? "0" : units_format_rate(buf, bps);
}

static inline const char *text_plural(int64_t n)
{
	return n == 1 ? "" : "s";
}
