/* SPDX-License-Identifier: BSD-3-Clause */
// Points in simulated time: UTC as text and as seconds, and Earth's angle at them.
// UTC stands for UT1 (they differ by less than 0.9 s) and leap seconds are not counted.
#pragma once

#include <stdint.h>

#define SIMTIME_TEXT_SIZE 48

// "2026-01-01T00:00:00Z", seconds with up to 9 decimals, years 1970 to 2199. Result in ns since
// 1970.
__attribute__((warn_unused_result)) int simtime_parse(const char *text, int64_t *ret_unix_ns);
// Whole seconds, "2026-01-01T00:00:00Z".
char *simtime_format(char buf[SIMTIME_TEXT_SIZE], int64_t unix_ns);
// "1:02:03", hours not bounded.
char *simtime_format_span(char buf[SIMTIME_TEXT_SIZE], int64_t ns);

// Greenwich mean sidereal angle (IAU 1982: S. Aoki et al., Astronomy and Astrophysics 105, 1982),
// in [0, 2 pi).
double simtime_sidereal_rad(int64_t unix_ns);
