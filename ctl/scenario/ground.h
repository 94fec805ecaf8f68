/* SPDX-License-Identifier: BSD-3-Clause */
// Which satellite serves each ground station at a time, by the station's policy, and whether its
// link is up or in the outage after a change of satellites. The answer depends on the time alone:
// what is kept from one time to the next is scratch. For sky.c; who looks at one station at a time
// takes the rules by themselves.
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

// The rules by themselves, for one station and `n` satellites that it may see, in ascending order
// of their numbers (NULL: 0, 1, 2, ...): a failed satellite goes to the Earth's centre, where no
// station sees it;
void ground_hide_failed(const struct constellation *con, double t_s, const uint32_t *satellites,
        struct vec3 *positions, uint32_t n);
// whether neither the station, which is at `ground`, nor its link to the sky has failed;
bool ground_works(
        const struct constellation *con, uint32_t station, struct vec3 ground, double t_s);
// whether the station sees a satellite, with both at these places;
bool ground_sees(const struct constellation *con, uint32_t station, struct vec3 ground,
        struct vec3 satellite);
// which satellite is chosen for a slot: an index, or CON_NONE.
struct ground_places { // at one moment
	struct vec3 station;
	const struct vec3 *satellites;
};
uint32_t ground_choose_for_slot(const struct constellation *con, uint32_t station,
        const struct ground_places *begin, const struct ground_places *end, uint32_t n);

// Start of the slot that a moment lies in, in seconds since the scenario's start.
double ground_slot_start_s(const struct constellation *con, double t_s);
