/* SPDX-License-Identifier: BSD-3-Clause */
// Links of one step, and the longest step that a straight line serves.
#include "matrix.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ELEMENTS_SAMPLED 8 // one satellite in eight, for the curvature of their links
#define ELEMENTS_MARGIN 1.5

int matrix_init(struct matrix *matrix, const struct constellation *con)
{
	*matrix = (struct matrix){.con = con};
	matrix->links = calloc(con->n_ifaces, sizeof(*matrix->links));
	return matrix->links != NULL ? 0 : -ENOMEM;
}

void matrix_fini(struct matrix *matrix)
{
	free(matrix->links);
	*matrix = (struct matrix){0};
}

static uint64_t rate_of(const struct sky *sky, uint32_t iface)
{
	uint32_t antenna = sky_antenna(sky, iface), satellite;

	if (antenna == CON_NONE)
		return con_link(sky->con, iface)->rate_bps;
	satellite = sky->serving[antenna];
	return con_ground_rate_bps(sky->con, iface, satellite, sky->n_links[satellite]);
}

static struct matrix_link link_of(const struct sky *now, const struct sky *end, uint32_t iface)
{
	struct matrix_link link = {.to = sky_far(now, iface)};

	if (link.to == CON_NONE)
		return link;
	link.up = sky_is_up(now, iface);
	link.rate_bps = rate_of(now, iface);
	link.delay_ns = sky_delay_ns(now, iface, link.to);
	if (end->t_s > now->t_s)
		link.slope_ns_s =
		        (sky_delay_ns(end, iface, link.to) - link.delay_ns) / (end->t_s - now->t_s);
	else
		link.slope_ns_s = sky_delay_rate_ns_s(now, iface, link.to);
	return link;
}

void matrix_compute(struct matrix *matrix, const struct sky *now, const struct sky *end)
{
	matrix->t_s = now->t_s;
	for (uint32_t i = 0; i < matrix->con->n_ifaces; i++)
		matrix->links[i] = link_of(now, end, i);
}

// Curvature of the delay between two orbits, ns/s^2: second difference at a moment.
static double isl_curvature(const struct orbit *a, const struct orbit *b, double t_s)
{
	const double h = 1.0;
	double d[3];

	for (int i = 0; i < 3; i++) {
		double t = t_s + (i - 1) * h;

		d[i] = delay_ns(orbit_position(a, t), orbit_position(b, t));
	}
	return fabs(d[0] - 2 * d[1] + d[2]) / (h * h);
}

// Greatest curvature of the links between planes. Each link of a shell meets the same distances in
// the course of a period, each at its own time, so one link a plane is enough.
static double shell_curvature(const struct constellation *con, size_t shell)
{
	// Element sets differ from each other, and their planes change shape: more links, a margin.
	bool elements = con->scenario->shells[shell].tles != NULL;
	const int samples = elements ? 180 : 720;
	double worst = 0;

	for (uint32_t i = 0; i < con->n_isls; i++) {
		const struct con_isl *isl = &con->isls[i];
		const struct con_satellite *a = &con->satellites[con->ifaces[isl->a_iface].node];
		const struct con_satellite *b = &con->satellites[con->ifaces[isl->b_iface].node];
		double period = 2 * M_PI / a->orbit.rate_rad_s;

		if (a->shell != shell || (!elements && (!isl->crosses || a->slot != 0)) ||
		        (elements && a->slot % ELEMENTS_SAMPLED != 0))
			continue;
		for (int k = 0; k < samples; k++)
			worst = fmax(
			        worst, isl_curvature(&a->orbit, &b->orbit, period * k / samples));
	}
	return elements ? worst * ELEMENTS_MARGIN : worst;
}

// A ground link bends most when the satellite passes overhead: (relative speed)^2 / distance. The
// sum of both speeds is an upper bound of the relative one.
static double ground_curvature(
        const struct scenario_shell *shell, const struct scenario_station *station)
{
	double radius = EARTH_RADIUS_KM + shell->altitude_km;
	double distance = fmax(shell->altitude_km - station->height_m / 1000, 100);
	// at the perigee of an ellipse: less than the speed of escape
	double speed = sqrt((shell->tles != NULL ? 2 : 1) * EARTH_MU_KM3_S2 / radius) +
	               EARTH_RATE_RAD_S * EARTH_RADIUS_KM;

	return speed * speed / distance / LIGHT_KM_S * 1e9;
}

double matrix_longest_step_s(const struct constellation *con, double max_error_ns)
{
	const struct scenario *scenario = con->scenario;
	double worst = 1e-3; // ns/s^2: nothing moves

	for (size_t i = 0; i < scenario->n_shells; i++) {
		worst = fmax(worst, shell_curvature(con, i));
		for (size_t k = 0; k < scenario->n_stations; k++)
			worst = fmax(worst,
			        ground_curvature(&scenario->shells[i], &scenario->stations[k]));
	}
	// A chord over h differs from a curve of that curvature by at most worst * h^2 / 8.
	return sqrt(8 * max_error_ns / worst);
}
