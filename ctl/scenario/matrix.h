/* SPDX-License-Identifier: BSD-3-Clause */
// The link matrix of a constellation for one step of time: for each interface where its link goes,
// whether it is up, its delay at the start and how the delay runs to the end. The slope is the
// chord from start to end, not the tangent at the start: delays meet at the seams of two steps, and
// the error of the straight line is a quarter of the tangent's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sky.h"

struct matrix_link {
	uint32_t to; // interface, or CON_NONE: unplugged
	bool up;
	double delay_ns;
	double slope_ns_s; // ns per simulated second
	uint64_t rate_bps; // 0: unlimited
};

struct matrix {
	const struct constellation *con;
	double t_s;
	struct matrix_link *links; // [n_ifaces], index: the interface the link leaves from
};

// 0 or -ENOMEM.
__attribute__((warn_unused_result)) int matrix_init(
        struct matrix *matrix, const struct constellation *con);
void matrix_fini(struct matrix *matrix);
// Links as of `now`; `end` is a later moment (the same one: slopes are tangents).
void matrix_compute(struct matrix *matrix, const struct sky *now, const struct sky *end);

// Longest step, in simulated seconds, that keeps the error of straight delays below `max_error_ns`:
// from the greatest curvature that any link of the constellation can have.
double matrix_longest_step_s(const struct constellation *con, double max_error_ns);

// A path: the interfaces that it leaves from, one a hop. At most n_nodes - 1 hops.
struct path {
	uint32_t n_hops;
	uint32_t *ifaces;
};

// Paths of least delay in one matrix; scratch for Dijkstra's algorithm.
struct path_finder;

struct path_finder *path_finder_create(const struct constellation *con); // NULL: out of memory
void path_finder_destroy(struct path_finder *finder);
// Least delays from every node to `to`, over links that are up. Delays count as whole nanoseconds.
void path_finder_run(struct path_finder *finder, const struct matrix *matrix, uint32_t to);
// The path of the last run's matrix and destination; ties go to the interface with the lower index,
// as in the switch. Writes `path->ifaces` (room for n_nodes). Returns 0, or -ENOENT when there is
// none.
__attribute__((warn_unused_result)) int path_finder_path(
        const struct path_finder *finder, uint32_t from, struct path *path);

// Sum of the delays of a path at one moment, `after_s` simulated seconds after the matrix' start.
double path_delay_ns(const struct matrix *matrix, const struct path *path, double after_s);
// There and back as a frame meets it: each link has the delay of the moment the frame reaches it,
// while simulated time runs at `speed`. The way back takes the same links.
double path_flight_rtt_ns(
        const struct matrix *matrix, const struct path *path, double after_s, double speed);
// What rates add to a round trip for each byte of a frame, preamble, gap and FCS included: the sum
// of 1 / rate over both ways; links without rate add nothing.
double path_rtt_ns_per_byte(const struct matrix *matrix, const struct path *path);
