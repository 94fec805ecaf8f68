/* SPDX-License-Identifier: BSD-3-Clause */
// What the run counted, as a sum of all ports, between two moments.
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "fleet.h"

struct snapshot {
	int64_t time_ns;
	uint64_t cycles;
	uint64_t cpu_ns; // the worker's thread ran so long, and
	uint64_t wait_ns; // wanted to run so long without a CPU
	uint64_t rounds, empty_rounds;
	struct port_counters counters;
	uint64_t lost, reordered, duplicates, late;
	struct histogram latency;
};

void snapshot_take(struct snapshot *snapshot, const struct fleet *fleet);

struct report {
	double seconds, cycles_hz, cpu_share;
	uint64_t cycles;
	double tx_mpps, rx_mpps, tx_gbps, rx_gbps;
	double empty_share; // of the worker's rounds
	struct port_counters counters;
	uint64_t lost, reordered, duplicates, late;
	double latency_ns[6]; // min, p50, p90, p99, p99.9, max
	uint64_t n_latency;
};

// From `before` to `after`. `lost` are gaps in sequences; frames without a sequence number count
// as lost when they were sent and not received, which in the midst of traffic includes those on the
// way. `drained` (NULL allowed) was taken later, when nothing was on the way any more: counts are
// up to there, and what was sent last and did not come is lost as well.
void report_make(struct report *report, const struct fleet *fleet, const struct snapshot *before,
        const struct snapshot *after, const struct snapshot *drained);
// New reference; NULL without memory.
json_t *report_json(const struct report *report, const struct fleet *fleet);
void report_print(const struct report *report, FILE *out);
