/* SPDX-License-Identifier: BSD-3-Clause */
// The state of a constellation at a time.
#include "sky.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

#define ACQUISITION_SAMPLE_S 5.0 // links do not come and go in less

static int begin_services(struct sky *sky)
{
	for (uint32_t i = 0; i < sky->con->n_stations; i++) {
		if (service_init(&sky->services[i], sky->con, i) != 0)
			return -ENOMEM;
	}
	return 0;
}

int sky_init(struct sky *sky, const struct constellation *con)
{
	*sky = (struct sky){.con = con};
	sky->positions = calloc(con->n_nodes, sizeof(*sky->positions));
	sky->isl_up = calloc((size_t)con->n_isls + 1, sizeof(*sky->isl_up));
	sky->serving = calloc((size_t)con->n_antennas + 1, sizeof(*sky->serving));
	sky->gsl_up = calloc((size_t)con->n_antennas + 1, sizeof(*sky->gsl_up));
	sky->n_links = calloc((size_t)con->n_satellites + 1, sizeof(*sky->n_links));
	sky->services = calloc((size_t)con->n_stations + 1, sizeof(*sky->services));
	if (sky->positions == NULL || sky->isl_up == NULL || sky->serving == NULL ||
	        sky->gsl_up == NULL || sky->n_links == NULL || sky->services == NULL ||
	        begin_services(sky) != 0) {
		sky_fini(sky);
		return -ENOMEM;
	}
	return 0;
}

void sky_fini(struct sky *sky)
{
	free(sky->positions);
	free(sky->isl_up);
	free(sky->serving);
	free(sky->gsl_up);
	free(sky->n_links);
	for (uint32_t i = 0; sky->services != NULL && i < sky->con->n_stations; i++)
		service_fini(&sky->services[i]);
	free(sky->services);
	*sky = (struct sky){0};
}

static double sidereal_rad(const struct constellation *con, double t_s)
{
	return fmod(con->sidereal0_rad + EARTH_RATE_RAD_S * t_s, 2 * M_PI);
}

struct vec3 sky_station_position(const struct constellation *con, uint32_t station, double t_s)
{
	const struct scenario_station *at = &con->scenario->stations[station];

	if (con->scenario->earth == SCENARIO_WGS84)
		return ground_position_wgs84(deg_to_rad(at->latitude_deg),
		        deg_to_rad(at->longitude_deg), at->height_m / 1000, sidereal_rad(con, t_s));
	return ground_position(deg_to_rad(at->latitude_deg), deg_to_rad(at->longitude_deg),
	        at->height_m / 1000, sidereal_rad(con, t_s));
}

struct vec3 sky_up(const struct constellation *con, struct vec3 ground)
{
	double norm;

	if (con->scenario->earth == SCENARIO_WGS84)
		ground.z /= 1 - WGS84_E2; // the normal of the ellipsoid
	norm = vec3_norm(ground);
	return (struct vec3){ground.x / norm, ground.y / norm, ground.z / norm};
}

double sky_elevation_rad(const struct constellation *con, struct vec3 ground, struct vec3 target)
{
	struct vec3 d = vec3_sub(target, ground);
	double sine = vec3_dot(d, sky_up(con, ground)) / vec3_norm(d);

	return asin(fmax(-1, fmin(1, sine)));
}

static void place(struct sky *sky)
{
	const struct constellation *con = sky->con;

	for (uint32_t i = 0; i < con->n_satellites; i++)
		sky->positions[i] = orbit_position(&con->satellites[i].orbit, sky->t_s);
	for (uint32_t i = 0; i < con->n_stations; i++)
		sky->positions[con_station_node(con, i)] = sky_station_position(con, i, sky->t_s);
}

static bool poleward(const struct vec3 *position, double sine)
{
	return fabs(position->z) > sine * vec3_norm(*position);
}

bool sky_isl_is_up(const struct constellation *con, const struct con_isl *isl, const struct vec3 *a,
        const struct vec3 *b)
{
	const struct con_satellite *sat = &con->satellites[con->ifaces[isl->a_iface].node];
	const struct scenario_isl *rules = &con->scenario->shells[sat->shell].isl;

	if (isl->crosses && rules->max_latitude_deg < 90) {
		double sine = sin(deg_to_rad(rules->max_latitude_deg));

		if (poleward(a, sine) || poleward(b, sine))
			return false;
	}
	if (rules->max_range_km != 0 && vec3_norm(vec3_sub(*a, *b)) > rules->max_range_km)
		return false;
	return ray_height_km(*a, *b) >= rules->min_height_km;
}

// Possible at `t_s`, and no end of it failed at any time since `from_s`.
static bool isl_is_whole(const struct constellation *con, uint32_t isl, double from_s, double t_s,
        const struct vec3 at[2])
{
	const struct con_isl *ends = &con->isls[isl];

	return sky_isl_is_up(con, ends, &at[0], &at[1]) &&
	       (con->scenario->n_failures == 0 ||
	               (!failure_of_isl(con, isl, from_s, t_s) &&
	                       !failure_of_node(
	                               con, con->ifaces[ends->a_iface].node, &at[0], from_s, t_s) &&
	                       !failure_of_node(
	                               con, con->ifaces[ends->b_iface].node, &at[1], from_s, t_s)));
}

bool sky_isl_works(const struct constellation *con, uint32_t isl, double t_s, const struct vec3 *a,
        const struct vec3 *b)
{
	const struct con_satellite *first =
	        &con->satellites[con->ifaces[con->isls[isl].a_iface].node];
	const struct con_satellite *second =
	        &con->satellites[con->ifaces[con->isls[isl].b_iface].node];
	double acquisition_s =
	        (double)con->scenario->shells[first->shell].isl.acquisition_ns * 1e-9;
	int n = (int)ceil(acquisition_s / ACQUISITION_SAMPLE_S);

	if (!isl_is_whole(con, isl, t_s - acquisition_s, t_s, (struct vec3[]){*a, *b}))
		return false;
	for (int k = 1; k <= n; k++) {
		double then_s = t_s - acquisition_s * k / n;
		struct vec3 at[2] = {orbit_position(&first->orbit, then_s),
		        orbit_position(&second->orbit, then_s)};

		if (!isl_is_whole(con, isl, then_s, then_s, at))
			return false;
	}
	return true;
}

static void serve(struct sky *sky)
{
	const struct constellation *con = sky->con;

	memset(sky->n_links, 0, con->n_satellites * sizeof(*sky->n_links));
	for (uint32_t i = 0; i < con->n_stations; i++) {
		struct service *service = &sky->services[i];

		service_seek(service, llround(sky->t_s * 1e9));
		for (uint32_t k = 0; k < service->n_antennas; k++) {
			uint32_t antenna = con->first_antenna[i] + k;
			uint32_t satellite = service->antennas[k].satellite;

			sky->serving[antenna] = satellite;
			sky->gsl_up[antenna] = service_is_up(service, k);
			if (satellite != CON_NONE)
				sky->n_links[satellite]++;
		}
	}
}

void sky_compute(struct sky *sky, double t_s)
{
	const struct constellation *con = sky->con;

	sky->t_s = t_s;
	sky->sidereal_rad = sidereal_rad(con, t_s);
	place(sky);
	for (uint32_t i = 0; i < con->n_isls; i++) {
		const struct con_isl *isl = &con->isls[i];

		sky->isl_up[i] =
		        sky_isl_works(con, i, t_s, &sky->positions[con->ifaces[isl->a_iface].node],
		                &sky->positions[con->ifaces[isl->b_iface].node]);
	}
	serve(sky);
}

uint32_t sky_antenna(const struct sky *sky, uint32_t iface)
{
	const struct constellation *con = sky->con;
	const struct con_iface *at = &con->ifaces[iface];

	if (at->role == CON_GSL)
		return sky->serving[at->other] != CON_NONE ? at->other : CON_NONE;
	if (at->role != CON_GS)
		return CON_NONE;
	for (uint32_t i = con->first_antenna[at->other]; i < con->first_antenna[at->other + 1];
	        i++) {
		if (sky->serving[i] == at->node)
			return i;
	}
	return CON_NONE;
}

uint32_t sky_far(const struct sky *sky, uint32_t iface)
{
	const struct constellation *con = sky->con;
	const struct con_iface *at = &con->ifaces[iface];
	uint32_t antenna = sky_antenna(sky, iface);

	if (at->role == CON_ISL)
		return at->other;
	if (antenna == CON_NONE)
		return CON_NONE;
	if (at->role == CON_GS)
		return con_gsl_iface(con, at->other, antenna - con->first_antenna[at->other]);
	return con_gs_iface(con, sky->serving[antenna], at->node - con->n_satellites);
}

bool sky_is_up(const struct sky *sky, uint32_t iface)
{
	const struct con_iface *at = &sky->con->ifaces[iface];
	uint32_t antenna = sky_antenna(sky, iface);

	if (at->role == CON_ISL)
		return sky->isl_up[at->isl];
	return antenna != CON_NONE && sky->gsl_up[antenna];
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
