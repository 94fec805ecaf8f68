/* SPDX-License-Identifier: BSD-3-Clause */
// What `orrery scenario run` prints: an epoch as a line of JSON, or the last second in words.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <stdio.h>

#include "epoch.h"
#include "sim.h"

#define REPORT_STATIONS_MAX 32 // pairs of the first so many stations are computed and printed

// One committed epoch.
struct tick {
	const struct epoch *epoch;
	double t_s; // simulated
	double step_s;
	int64_t wall_us; // the epoch's time on the realtime clock
	uint64_t number; // the switch's epoch
	uint64_t changed; // links, says the switch
	int64_t applied_us; // says the switch
	int64_t late_us; // in use after its time
	uint64_t n_skipped; // steps left out before it
};

// Adds up what happened since the last lines in words. Zeroed by its owner.
struct report {
	unsigned n_epochs;
	uint64_t changed;
	uint64_t n_skipped;
	int64_t applied_max_us;
	int64_t late_max_us;
};

// First lines: what runs.
void report_start(FILE *out, bool json, const struct sim *sim, double speed, double step_s);
void report_tick_json(FILE *out, struct sim *sim, const struct tick *tick, double speed);
// Handovers are printed at once, the rest is added up until `report_print`.
void report_add(struct report *report, FILE *out, const struct sim *sim, const struct tick *tick);
void report_print(
        struct report *report, FILE *out, struct sim *sim, const struct tick *tick, double speed);

// A station with one antenna by its name, else the antenna's interface.
const char *report_antenna(
        const struct sim *sim, uint32_t station, uint32_t number, char buf[IFACE_REF_SIZE]);
// The path of `sim->path` as the names of its nodes, both ends included. New reference.
json_t *report_path_nodes(const struct sim *sim, uint32_t from);
// One pair: ends, nodes, one-way delay, round trip at `after_s`. New reference.
json_t *report_pair(
        const struct sim *sim, uint32_t from, uint32_t to, double after_s, double speed);
// " sat-3-0 sat-2-0 sat-1-0": the nodes between, of a long path its first and last.
void report_print_hops(FILE *out, const struct sim *sim);
