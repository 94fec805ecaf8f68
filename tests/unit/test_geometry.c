/* SPDX-License-Identifier: BSD-3-Clause */
// Delays and elevations of satellites from element sets against python3-skyfield, which goes
// another way; tests/unit/skyfield_golden.py makes the figures. Within 10 ns: a hundredth of what
// is promised.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "constellation.h"
#include "scenario.h"
#include "sky.h"

struct golden_ray {
	int number; // of the satellite
	const char *station;
	int t_s;
	double delay_ns, elevation_deg;
};

#include "golden/geometry.inc"

#define N_RAYS (sizeof(golden_rays) / sizeof(golden_rays[0]))
#define FILE_NAME ORRERY_SOURCE_ROOT "/config/scenarios/mixed-tle.scenario"

static void check_ray(const struct constellation *con, const struct golden_ray *ray)
{
	char name[NODE_NAME_SIZE];
	struct vec3 ground, satellite;
	uint32_t node, station;

	snprintf(name, sizeof(name), "sat-%d", ray->number);
	node = con_find_node(con, name);
	station = con_find_node(con, ray->station) - con->n_satellites;
	assert_true(node < con->n_satellites && station < con->n_stations);
	ground = sky_station_position(con, station, ray->t_s);
	satellite = orbit_position(&con->satellites[node].orbit, ray->t_s);
	if (!(fabs(delay_ns(ground, satellite) - ray->delay_ns) < 10) ||
	        !(fabs(rad_to_deg(sky_elevation_rad(con, ground, satellite)) - ray->elevation_deg) <
	                1e-3))
		fail_msg("%s to %s at %d s: %.3f ns and %.6f deg, skyfield has %.3f and %.6f", name,
		        ray->station, ray->t_s, delay_ns(ground, satellite),
		        rad_to_deg(sky_elevation_rad(con, ground, satellite)), ray->delay_ns,
		        ray->elevation_deg);
}

static void test_rays(void **state)
{
	struct scenario scenario;
	struct constellation *con;
	struct fault fault = {0};

	if (scenario_read_file(FILE_NAME, &scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(scenario.earth, SCENARIO_WGS84);
	assert_int_equal(con_create(&scenario, &con, &fault), 0);
	assert_int_equal(con->n_satellites, 27);
	for (size_t i = 0; i < N_RAYS; i++)
		check_ray(con, &golden_rays[i]);
	con_destroy(con);
	scenario_free(&scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rays)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
