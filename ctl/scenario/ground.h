/* SPDX-License-Identifier: BSD-3-Clause */
// Which satellite serves each ground station at a time, by the station's policy, and whether its
// link is up or in the outage after a change of satellites. The answer depends on the time alone:
// what is kept from one time to the next is scratch. Private to sky.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "constellation.h"

#define GROUND_SLOT_NS 15000000000ll
#define GROUND_SLOT_PHASE_NS 12000000000ll // :12, :27, :42, :57 of each minute

struct ground_slot {
	double start_s; // NAN: nothing
	uint32_t *serving; // [n_stations]
};

struct ground {
	const struct constellation *con;
	struct vec3 *now; // [n_nodes] where failed satellites are out of sight
	struct vec3 *other, *begin, *end; // the same at other times
	double other_s; // NAN: nothing
	struct ground_slot slots[2];
};

// 0 or -ENOMEM. ground_fini takes half-built and zeroed ones.
__attribute__((warn_unused_result)) int ground_init(
        struct ground *ground, const struct constellation *con);
void ground_fini(struct ground *ground);
// `positions`: of all nodes at `t_s`. Fills `serving` and `up` for each station.
void ground_serve(struct ground *ground, double t_s, const struct vec3 *positions,
        uint32_t *serving, bool *up);

// Start of the slot that a moment lies in, in seconds since the scenario's start.
double ground_slot_start_s(const struct constellation *con, double t_s);
