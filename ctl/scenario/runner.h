/* SPDX-License-Identifier: BSD-3-Clause */
// Plays a scenario into a running switch against the wall clock: an epoch at each step, until the
// end or a signal.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "sim.h"

#define RUNNER_SPEED_MAX 10000.0
#define RUNNER_TICK_MIN_NS 5000000 // above this speed the delays' error grows instead

struct runner_options {
	double speed; // simulated seconds a second
	double from_s; // simulated time of the first epoch
	double end_s; // simulated time to stop at; INFINITY: none
	bool clean; // delete at the end what was made
};

// Wall time between two epochs.
int64_t runner_tick_ns(const struct constellation *con, double speed);
// Makes the nodes, plays, prints to cli->out. CLI_OK at the end and after a signal.
__attribute__((warn_unused_result)) enum cli_exit runner_run(
        struct cli *cli, struct sim *sim, const struct runner_options *options);
