/* SPDX-License-Identifier: BSD-3-Clause */
// The state of a constellation at a time.
#include "sky.h"

#include <errno.h>
#include <stdlib.h>

int sky_init(struct sky *sky, const struct constellation *con)
{
	*sky = (struct sky){.con = con};
	sky->positions = calloc(con->n_nodes, sizeof(*sky->positions));
	sky->isl_up = calloc((size_t)con->n_isls + 1, sizeof(*sky->isl_up));
	sky->serving = calloc((size_t)con->n_stations + 1, sizeof(*sky->serving));
	if (sky->positions != NULL && sky->isl_up != NULL && sky->serving != NULL)
		return 0;
	sky_fini(sky);
	return -ENOMEM;
}

void sky_fini(struct sky *sky)
{
	free(sky->positions);
	free(sky->isl_up);
	free(sky->serving);
	*sky = (struct sky){0};
}

static void place(struct sky *sky)
{
	const struct constellation *con = sky->con;

	for (uint32_t i = 0; i < con->n_satellites; i++)
		sky->positions[i] = orbit_position(&con->satellites[i].orbit, sky->t_s);
	for (uint32_t i = 0; i < con->n_stations; i++) {
		const struct scenario_station *station = &con->scenario->stations[i];

		sky->positions[con_station_node(con, i)] = ground_position(
		        deg_to_rad(station->latitude_deg), deg_to_rad(station->longitude_deg),
		        station->height_m / 1000, sky->sidereal_rad);
	}
}

static bool poleward(const struct vec3 *position, double sine)
{
	return fabs(position->z) > sine * vec3_norm(*position);
}

static bool isl_is_up(const struct sky *sky, const struct con_isl *isl)
{
	const struct constellation *con = sky->con;
	uint32_t a = con->ifaces[isl->a_iface].node;
	uint32_t b = con->ifaces[isl->b_iface].node;
	const struct scenario_isl *rules = &con->scenario->shells[con->satellites[a].shell].isl;
	double sine = sin(deg_to_rad(rules->max_latitude_deg));

	if (isl->crosses && rules->max_latitude_deg < 90 &&
	        (poleward(&sky->positions[a], sine) || poleward(&sky->positions[b], sine)))
		return false;
	return ray_height_km(sky->positions[a], sky->positions[b]) >= rules->min_height_km;
}

// The nearest satellite above the station's least elevation; of equally near ones the first. Sines
// are compared, since this runs for each station and satellite.
static uint32_t nearest(const struct sky *sky, uint32_t station)
{
	const struct constellation *con = sky->con;
	struct vec3 ground = sky->positions[con_station_node(con, station)];
	double floor = sin(deg_to_rad(con->scenario->stations[station].min_elevation_deg)) *
	               vec3_norm(ground);
	double best2 = INFINITY;
	uint32_t found = CON_NONE;

	for (uint32_t i = 0; i < con->n_satellites; i++) {
		struct vec3 d = vec3_sub(sky->positions[i], ground);
		double distance2 = vec3_dot(d, d);
		double rise = vec3_dot(d, ground);

		if (distance2 >= best2 || rise < floor * sqrt(distance2))
			continue;
		best2 = distance2;
		found = i;
	}
	return found;
}

void sky_compute(struct sky *sky, double t_s)
{
	const struct constellation *con = sky->con;

	sky->t_s = t_s;
	sky->sidereal_rad = fmod(con->sidereal0_rad + EARTH_RATE_RAD_S * t_s, 2 * M_PI);
	place(sky);
	for (uint32_t i = 0; i < con->n_isls; i++)
		sky->isl_up[i] = isl_is_up(sky, &con->isls[i]);
	for (uint32_t i = 0; i < con->n_stations; i++)
		sky->serving[i] = nearest(sky, i);
}

uint32_t sky_far(const struct sky *sky, uint32_t iface)
{
	const struct constellation *con = sky->con;
	const struct con_iface *at = &con->ifaces[iface];
	uint32_t serving;

	switch (at->role) {
	case CON_ISL:
		return at->other;
	case CON_GS:
		return sky->serving[at->other] == at->node ? con_gsl_iface(con, at->other)
		                                           : CON_NONE;
	case CON_GSL:
		serving = sky->serving[at->node - con->n_satellites];
		return serving == CON_NONE
		               ? CON_NONE
		               : con_gs_iface(con, serving, at->node - con->n_satellites);
	default:
		return CON_NONE;
	}
}

double sky_delay_ns(const struct sky *sky, uint32_t iface, uint32_t far)
{
	const struct con_iface *ifaces = sky->con->ifaces;

	return delay_ns(sky->positions[ifaces[iface].node], sky->positions[ifaces[far].node]);
}

struct vec3 sky_velocity(const struct sky *sky, uint32_t node)
{
	if (node < sky->con->n_satellites)
		return orbit_velocity(&sky->con->satellites[node].orbit, sky->t_s);
	return ground_velocity(sky->positions[node]);
}

double sky_delay_rate_ns_s(const struct sky *sky, uint32_t iface, uint32_t far)
{
	uint32_t a = sky->con->ifaces[iface].node;
	uint32_t b = sky->con->ifaces[far].node;

	return delay_rate_ns_s(
	        sky->positions[a], sky_velocity(sky, a), sky->positions[b], sky_velocity(sky, b));
}
