/* SPDX-License-Identifier: BSD-3-Clause */
// Rates for stats.top: counters of all links and ports, sampled once a second while somebody asks.
// While somebody asks for ports or nodes their drivers are asked too what they lost: once a second
// each, or as often as slices allow. Thread: control.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct control;
struct sampler;

enum top_what { TOP_LINKS, TOP_PORTS, TOP_NODES };

struct top_query {
	enum top_what what;
	bool by_drops; // else by traffic
	uint32_t limit;
};

#define SAMPLER_PERIOD_MS 1000
#define SAMPLER_IDLE_S 5 // nobody asked for this long: it stops
#define SAMPLER_SLICE_PORTS \
	25 // drivers are asked for this many ports at a time, since each may ask the
	   // kernel and epochs wait meanwhile
#define SAMPLER_SLICE_MS 10 // from one slice to the next

// Borrows `control`, whose event base may be NULL: then each question samples,
// and asks the drivers of one slice.
__attribute__((warn_unused_result)) int sampler_create(
        struct control *control, struct sampler **ret_sampler, struct fault *fault);
void sampler_destroy(struct sampler *sampler);

// The result of stats.top: a new reference. The first question has no rates yet: interval_ms is 0.
__attribute__((warn_unused_result)) int sampler_top(struct sampler *sampler,
        const struct top_query *query, json_t **ret_result, struct fault *fault);
