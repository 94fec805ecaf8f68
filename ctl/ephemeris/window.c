/* SPDX-License-Identifier: BSD-3-Clause */
// Windows: their length follows from the constellation alone, since pieces of lines depend on it.
#include "window.h"

#include <errno.h>
#include <stdlib.h>

#define MEMORY_MAX (64u << 20)
#define STEPS_MAX 1024
#define STEPS_MULTIPLE 16 // as the blocks of line.c

int window_init(struct window *window, const struct constellation *con, uint64_t step_ns,
        uint64_t duration_ns)
{
	size_t n = MEMORY_MAX / sizeof(struct vec3) / ((size_t)con->n_satellites + 1);

	if (n > STEPS_MAX)
		n = STEPS_MAX;
	n = n / STEPS_MULTIPLE * STEPS_MULTIPLE;
	*window = (struct window){.con = con,
	        .step_ns = step_ns,
	        .duration_ns = duration_ns,
	        .n_max = n >= STEPS_MULTIPLE ? (uint32_t)n : STEPS_MULTIPLE};
	window->positions =
	        calloc((size_t)con->n_satellites * (window->n_max + 1), sizeof(*window->positions));
	return window->positions != NULL ? 0 : -ENOMEM;
}

void window_fini(struct window *window)
{
	free(window->positions);
	*window = (struct window){0};
}

void window_move(struct window *window, uint64_t first)
{
	uint64_t end = window->duration_ns / window->step_ns +
	               (window->duration_ns % window->step_ns != 0);

	window->first = first;
	window->n = end - first < window->n_max ? (uint32_t)(end - first) : window->n_max;
}

void window_place(struct window *window, uint32_t satellite)
{
	struct vec3 *positions = window->positions + (size_t)satellite * (window->n_max + 1);

	for (uint32_t k = 0; k <= window->n; k++)
		positions[k] = orbit_position(&window->con->satellites[satellite].orbit,
		        window_seconds(window_time_ns(window, k)));
}
