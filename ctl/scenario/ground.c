/* SPDX-License-Identifier: BSD-3-Clause */
// Policies of ground stations.
#include "ground.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "sky.h"

int ground_init(struct ground *ground, const struct constellation *con)
{
	*ground = (struct ground){.con = con, .other_s = NAN};
	ground->now = calloc(con->n_nodes, sizeof(*ground->now));
	ground->other = calloc(con->n_nodes, sizeof(*ground->other));
	ground->begin = calloc(con->n_nodes, sizeof(*ground->begin));
	ground->end = calloc(con->n_nodes, sizeof(*ground->end));
	for (int i = 0; i < 2; i++) {
		ground->slots[i].start_s = NAN;
		ground->slots[i].serving =
		        calloc((size_t)con->n_stations + 1, sizeof(*ground->slots[i].serving));
	}
	if (ground->now != NULL && ground->other != NULL && ground->begin != NULL &&
	        ground->end != NULL && ground->slots[0].serving != NULL &&
	        ground->slots[1].serving != NULL)
		return 0;
	ground_fini(ground);
	return -ENOMEM;
}

void ground_fini(struct ground *ground)
{
	free(ground->now);
	free(ground->other);
	free(ground->begin);
	free(ground->end);
	free(ground->slots[0].serving);
	free(ground->slots[1].serving);
	*ground = (struct ground){0};
}

void ground_hide_failed(const struct constellation *con, double t_s, const uint32_t *satellites,
        struct vec3 *positions, uint32_t n)
{
	for (uint32_t i = 0; i < n && con->scenario->n_failures > 0; i++) {
		uint32_t node = satellites != NULL ? satellites[i] : i;

		if (failure_of_node(con, node, &positions[i], t_s, t_s))
			positions[i] = (struct vec3){0};
	}
}

static void look(const struct constellation *con, double t_s, struct vec3 *positions)
{
	for (uint32_t i = 0; i < con->n_satellites; i++)
		positions[i] = orbit_position(&con->satellites[i].orbit, t_s);
	for (uint32_t i = 0; i < con->n_stations; i++)
		positions[con_station_node(con, i)] = sky_station_position(con, i, t_s);
	ground_hide_failed(con, t_s, NULL, positions, con->n_satellites);
}

bool ground_sees(const struct constellation *con, uint32_t station, struct vec3 ground,
        struct vec3 satellite)
{
	return sky_choose(con, station, ground, &satellite, 1) == 0;
}

static uint32_t nearest(
        const struct constellation *con, uint32_t station, const struct vec3 *positions)
{
	return sky_choose(con, station, positions[con_station_node(con, station)], positions,
	        con->n_satellites);
}

double ground_slot_start_s(const struct constellation *con, double t_s)
{
	int64_t now_ns = con->scenario->epoch_ns + llround(t_s * 1e9);
	int64_t into_ns = (now_ns - GROUND_SLOT_PHASE_NS) % GROUND_SLOT_NS;

	if (into_ns < 0)
		into_ns += GROUND_SLOT_NS;
	return (double)(now_ns - into_ns - con->scenario->epoch_ns) * 1e-9;
}

// The nearest of the satellites that are in sight at both ends of the slot; if there is none, of
// those at its start.
uint32_t ground_choose_for_slot(const struct constellation *con, uint32_t station,
        const struct ground_places *begin, const struct ground_places *end, uint32_t n)
{
	uint32_t found = CON_NONE;
	double best = INFINITY;

	for (uint32_t i = 0; i < n; i++) {
		double distance = vec3_norm(vec3_sub(begin->satellites[i], begin->station));

		if (distance >= best ||
		        !ground_sees(con, station, begin->station, begin->satellites[i]) ||
		        !ground_sees(con, station, end->station, end->satellites[i]))
			continue;
		best = distance;
		found = i;
	}
	return found != CON_NONE ? found
	                         : sky_choose(con, station, begin->station, begin->satellites, n);
}

static uint32_t choose_for_slot(const struct ground *ground, uint32_t station)
{
	uint32_t node = con_station_node(ground->con, station);

	return ground_choose_for_slot(ground->con, station,
	        &(struct ground_places){ground->begin[node], ground->begin},
	        &(struct ground_places){ground->end[node], ground->end}, ground->con->n_satellites);
}

static const uint32_t *slot_serving(struct ground *ground, double start_s)
{
	const struct constellation *con = ground->con;
	double second_s = ground->slots[1].start_s;
	// an empty one, or the older one
	bool second = isnan(second_s) || second_s < ground->slots[0].start_s;
	struct ground_slot *slot = &ground->slots[second ? 1 : 0];

	for (int i = 0; i < 2; i++) {
		if (ground->slots[i].start_s == start_s)
			return ground->slots[i].serving;
	}
	look(con, start_s, ground->begin);
	look(con, start_s + (double)GROUND_SLOT_NS * 1e-9, ground->end);
	for (uint32_t i = 0; i < con->n_stations; i++) {
		if (con->scenario->stations[i].policy == SCENARIO_SLOTS)
			slot->serving[i] = choose_for_slot(ground, i);
	}
	slot->start_s = start_s;
	return slot->serving;
}

bool ground_works(const struct constellation *con, uint32_t station, struct vec3 ground, double t_s)
{
	return con->scenario->n_failures == 0 ||
	       (!failure_of_node(con, con_station_node(con, station), &ground, t_s, t_s) &&
	               !failure_of_ground_link(con, station, t_s));
}

static uint32_t serving_at(
        struct ground *ground, uint32_t station, double t_s, const struct vec3 *positions)
{
	const struct constellation *con = ground->con;
	struct vec3 at = positions[con_station_node(con, station)];
	uint32_t serving;

	if (!ground_works(con, station, at, t_s))
		return CON_NONE;
	if (con->scenario->stations[station].policy == SCENARIO_NEAREST)
		return nearest(con, station, positions);
	serving = slot_serving(ground, ground_slot_start_s(con, t_s))[station];
	if (serving != CON_NONE && !ground_sees(con, station, at, positions[serving]))
		return CON_NONE; // it set, or failed, before the slot's end
	return serving;
}

// Break before make: the link is up when the same satellite served already an outage ago.
static bool outage_is_over(struct ground *ground, uint32_t station, double t_s, uint32_t serving)
{
	int64_t outage_ns = ground->con->scenario->stations[station].outage_ns;
	double then_s = t_s - (double)outage_ns * 1e-9;

	if (outage_ns == 0 || serving == CON_NONE)
		return true;
	if (ground->other_s != then_s)
		look(ground->con, then_s, ground->other);
	ground->other_s = then_s;
	return serving_at(ground, station, then_s, ground->other) == serving;
}

void ground_serve(struct ground *ground, double t_s, const struct vec3 *positions,
        uint32_t *serving, bool *up)
{
	const struct constellation *con = ground->con;
	const struct vec3 *seen = positions;

	if (con->scenario->n_failures > 0) {
		memcpy(ground->now, positions, con->n_nodes * sizeof(*positions));
		ground_hide_failed(con, t_s, NULL, ground->now, con->n_satellites);
		seen = ground->now;
	}
	for (uint32_t i = 0; i < con->n_stations; i++) {
		serving[i] = serving_at(ground, i, t_s, seen);
		up[i] = outage_is_over(ground, i, t_s, serving[i]);
	}
}
