/* SPDX-License-Identifier: BSD-3-Clause */
// A stretch of regular steps with the places of all satellites at each of them: what the tracks of
// links are computed from, window after window.
#pragma once

#include <stdint.h>

#include "constellation.h"

struct window {
	const struct constellation *con;
	uint64_t step_ns, duration_ns;
	uint64_t first; // step that the window begins with
	uint32_t n; // steps that it has; it ends where the next one begins
	uint32_t n_max;
	struct vec3 *positions; // [n_satellites][n_max + 1]
};

// Window of as many steps as memory is meant for. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int window_init(struct window *window,
        const struct constellation *con, uint64_t step_ns, uint64_t duration_ns);
void window_fini(struct window *window);
// From step `first` on: no places yet.
void window_move(struct window *window, uint64_t first);
// Places of one satellite.
void window_place(struct window *window, uint32_t satellite);

// Time of a step, 0 to n; no later than the end.
static inline uint64_t window_time_ns(const struct window *window, uint32_t step)
{
	uint64_t t_ns = (window->first + step) * window->step_ns;

	return t_ns < window->duration_ns ? t_ns : window->duration_ns;
}

static inline const struct vec3 *window_positions(const struct window *window, uint32_t satellite)
{
	return window->positions + (size_t)satellite * (window->n_max + 1);
}

static inline double window_seconds(uint64_t t_ns)
{
	return (double)t_ns * 1e-9;
}
