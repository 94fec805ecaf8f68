/* SPDX-License-Identifier: BSD-3-Clause */
// Scheduled failures of a constellation: which nodes and links are broken at a time. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "constellation.h"

enum failure_what { FAILURE_NODES, FAILURE_ISL, FAILURE_GROUND_LINK, FAILURE_REGION };

struct failure {
	int what; // enum failure_what
	uint32_t first, n; // nodes; the pair of an ISL; the antenna of a ground link
	struct vec3 middle; // region: unit vector, turning with the Earth
	double cosine; // of the region's radius
	double from_s, until_s; // since the scenario's start
};

// Looks up what the scenario's failures name. 0, -ENOMEM or -ENOENT.
__attribute__((warn_unused_result)) int failures_resolve(
        struct constellation *con, struct fault *fault);

// True if the thing is broken at a moment of [from_s, t_s]. A region counts at `t_s` alone, for a
// node that is at `position` then.
bool failure_of_node(const struct constellation *con, uint32_t node, const struct vec3 *position,
        double from_s, double t_s);
bool failure_of_isl(const struct constellation *con, uint32_t isl, double from_s, double t_s);
bool failure_of_ground_link(const struct constellation *con, uint32_t antenna, double t_s);
// First time behind `from_ns` and before `to_ns` at which a failure begins or ends, or `to_ns`. In
// ns since the scenario's start.
int64_t failure_next_ns(const struct constellation *con, int64_t from_ns, int64_t to_ns);
