/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario with all that is computed from it at a time: what every command on scenarios starts
// with. Pure.
#pragma once

#include <stdint.h>

#include "fault.h"
#include "matrix.h"
#include "scenario.h"
#include "sky.h"

struct sim {
	struct scenario scenario;
	struct constellation *con;
	struct sky now, end;
	struct matrix matrix;
	struct path_finder *finder;
	struct path path; // scratch
};

// Reads the file. 0 or a negative errno; on failure there is nothing to close.
__attribute__((warn_unused_result)) int sim_open(
        struct sim *sim, const char *file, struct fault *fault);
void sim_close(struct sim *sim);
// Everything at `t_s` simulated seconds after the start, for a step of `step_s` (0: slopes are
// tangents). A step that continues the one before is cheaper.
void sim_at(struct sim *sim, double t_s, double step_s);
// "10min" after the scenario's start, or a UTC time not before it. 0, -EINVAL or -ERANGE.
__attribute__((warn_unused_result)) int sim_parse_time(
        const struct sim *sim, const char *text, double *ret_t_s);
