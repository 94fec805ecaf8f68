/* SPDX-License-Identifier: BSD-3-Clause */
// Stations with several antennas, satellites that stay longest, shared beams: against plain
// computations from elevations.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sky_world.h"

#define SHIPPED(name) ORRERY_SOURCE_ROOT "/config/scenarios/" name ".scenario"
#define MIN_ELEVATION_DEG 20.0
#define N_MAX 4

// With more keys of the station, and of all.
static void world_init(struct sky_world *world, const char *station, const char *more)
{
	char keys[1024];

	snprintf(keys, sizeof(keys), "min_elevation_deg = %g; %s", MIN_ELEVATION_DEG, station);
	sky_world_init(world, "", keys, more);
}

static double elevation_deg_at(const struct sky_world *world, uint32_t satellite, double t_s)
{
	return rad_to_deg(elevation_rad(sky_station_position(world->con, 0, t_s),
	        orbit_position(&world->con->satellites[satellite].orbit, t_s)));
}

static double distance_km(const struct sky_world *world, uint32_t satellite)
{
	return vec3_norm(vec3_sub(world->sky.positions[satellite],
	        world->sky.positions[con_station_node(world->con, 0)]));
}

static bool contains(const uint32_t *satellites, uint32_t n, uint32_t satellite)
{
	for (uint32_t i = 0; i < n; i++) {
		if (satellites[i] == satellite)
			return true;
	}
	return false;
}

// The `n` nearest in sight: how many there are.
static uint32_t plain_nearest(const struct sky_world *world, uint32_t n, uint32_t *satellites)
{
	uint32_t n_found = 0;

	while (n_found < n) {
		uint32_t best = CON_NONE;

		for (uint32_t i = 0; i < world->con->n_satellites; i++) {
			if (elevation_deg_at(world, i, world->sky.t_s) >= MIN_ELEVATION_DEG &&
			        !contains(satellites, n_found, i) &&
			        (best == CON_NONE ||
			                distance_km(world, i) < distance_km(world, best)))
				best = i;
		}
		if (best == CON_NONE)
			break;
		satellites[n_found++] = best;
	}
	return n_found;
}

// Each antenna has one of the nearest, none two have the same, and who stays keeps its antenna.
static void test_antennas(void **state)
{
	uint32_t before[3] = {CON_NONE, CON_NONE, CON_NONE};
	struct sky_world world;
	unsigned n_handovers = 0, n_short = 0;

	world_init(&world, "antennas = 3;", "");
	assert_int_equal(world.con->n_antennas, 3);
	for (int t = 0; t < 1200; t++) {
		uint32_t nearest[3] = {0};
		uint32_t n, n_served = 0;

		sky_world_at(&world, t + 0.5);
		n = plain_nearest(&world, 3, nearest);
		n_short += n < 3;
		for (uint32_t k = 0; k < 3; k++) {
			uint32_t serving = world.sky.serving[k];
			uint32_t gsl = con_gsl_iface(world.con, 0, k);
			const struct matrix_link *link = &world.matrix.links[gsl];

			n_handovers += serving != before[k];
			if (before[k] != CON_NONE && contains(nearest, n, before[k]))
				assert_int_equal(serving, before[k]);
			before[k] = serving;
			if (serving == CON_NONE) {
				assert_int_equal(link->to, CON_NONE);
				continue;
			}
			n_served++;
			assert_true(contains(nearest, n, serving));
			assert_false(contains(world.sky.serving, k, serving));
			assert_int_equal(link->to, con_gs_iface(world.con, serving, 0));
			assert_int_equal(world.matrix.links[link->to].to, gsl);
			assert_true(link->up && world.matrix.links[link->to].up);
		}
		assert_int_equal(n_served, n);
	}
	assert_in_range(n_handovers, 11, 199);
	assert_true(n_short < 1200);
	sky_world_fini(&world);
}

static void test_slots_of_antennas(void **state)
{
	uint32_t before[2] = {CON_NONE, CON_NONE};
	struct sky_world world;
	unsigned n_changes = 0;

	world_init(&world, "antennas = 2; policy = \"slots\";", "");
	for (int t = 0; t < 600; t++) {
		sky_world_at(&world, t + 0.25);
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t serving = world.sky.serving[k];

			// it may set in a slot, but another one comes with the next only
			if (serving != before[k] && serving != CON_NONE && t > 0)
				assert_int_equal((t + 3) % 15, 0);
			if (serving != CON_NONE)
				assert_true(elevation_deg_at(&world, serving, t + 0.25) >=
				            MIN_ELEVATION_DEG);
			n_changes += serving != before[k];
			before[k] = serving;
		}
		assert_true(world.sky.serving[0] != world.sky.serving[1] ||
		            world.sky.serving[0] == CON_NONE);
	}
	assert_true(n_changes > 5);
	sky_world_fini(&world);
}

// Seconds until it sets, by looking each half second.
static double plain_stay_s(const struct sky_world *world, uint32_t satellite)
{
	double t_s = world->sky.t_s;

	while (elevation_deg_at(world, satellite, t_s) >= MIN_ELEVATION_DEG)
		t_s += 0.5;
	return t_s - world->sky.t_s;
}

static void check_longest(unsigned n_antennas)
{
	char keys[64];
	uint32_t before[N_MAX];
	struct sky_world world;
	unsigned n_changes = 0;

	memset(before, 0xff, sizeof(before));
	snprintf(keys, sizeof(keys), "policy = \"longest\"; antennas = %u;", n_antennas);
	world_init(&world, keys, "");
	for (double t_s = 0; t_s < 1500; t_s += 0.5) {
		sky_world_at(&world, t_s);
		for (uint32_t k = 0; k < n_antennas; k++) {
			uint32_t serving = world.sky.serving[k];

			if (before[k] != CON_NONE &&
			        elevation_deg_at(&world, before[k], t_s) >= MIN_ELEVATION_DEG)
				assert_int_equal(serving, before[k]); // it is kept
			if (serving == before[k] || serving == CON_NONE)
				continue;
			n_changes++;
			for (uint32_t i = 0; i < world.con->n_satellites; i++) {
				if (!contains(world.sky.serving, n_antennas, i) &&
				        elevation_deg_at(&world, i, t_s) >= MIN_ELEVATION_DEG)
					assert_true(plain_stay_s(&world, i) <=
					            plain_stay_s(&world, serving) + 1);
			}
		}
		memcpy(before, world.sky.serving, n_antennas * sizeof(*before));
	}
	assert_true(n_changes >= 3 * n_antennas);
	sky_world_fini(&world);
}

static void test_longest(void **state)
{
	check_longest(1);
	check_longest(3);
}

// What fails is let go of, and not taken back while another one serves.
static void test_longest_fails(void **state)
{
	struct sky_world world;
	char name[NODE_NAME_SIZE], more[160];
	uint32_t first, second;

	world_init(&world, "policy = \"longest\";", "");
	sky_world_at(&world, 0);
	first = world.sky.serving[0];
	con_node_name(world.con, first, name);
	sky_world_fini(&world);
	snprintf(more, sizeof(more),
	        "failures: ({ node = \"%s\"; from = \"10s\"; until = \"11s\"; });", name);
	world_init(&world, "policy = \"longest\";", more);
	sky_world_at(&world, 9.999999);
	assert_int_equal(world.sky.serving[0], first);
	sky_world_at(&world, 10);
	second = world.sky.serving[0];
	assert_int_not_equal(second, first);
	sky_world_at(&world, 20);
	assert_int_equal(world.sky.serving[0], second);
	sky_world_fini(&world);
}

// One of three antennas fails: two satellites remain, and those of the other antennas stay.
static void test_failed_antenna(void **state)
{
	struct sky_world world;
	uint32_t nearest[2] = {0}, kept;

	world_init(&world, "antennas = 3;",
	        "failures: ({ link = \"a/gsl1\"; from = \"5s\"; until = \"6s\"; });");
	sky_world_at(&world, 4.9);
	kept = world.sky.serving[0];
	sky_world_at(&world, 5);
	assert_int_equal(world.sky.serving[1], CON_NONE);
	assert_int_equal(plain_nearest(&world, 2, nearest), 2);
	for (uint32_t k = 0; k < 3; k += 2)
		assert_true(contains(nearest, 2, world.sky.serving[k]));
	if (contains(nearest, 2, kept))
		assert_int_equal(world.sky.serving[0], kept);
	sky_world_at(&world, 6);
	assert_int_not_equal(world.sky.serving[1], CON_NONE);
	sky_world_fini(&world);
}

// Any time by itself gives what a walk gives.
static void test_any_time(void **state)
{
	static const char *const keys[] = {"antennas = 3;", "policy = \"longest\";",
	        "outage = \"2s\"; handover = \"break-before-make\"; policy = \"longest\";",
	        "policy = \"slots\"; antennas = 2;",
	        "handover = \"break-before-make\"; outage = \"2s\";"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct sky_world walk, jump;

		world_init(&walk, keys[i], "");
		world_init(&jump, keys[i], "");
		for (int k = 0; k < 400; k++) {
			double t_s = k * 1.7;

			sky_world_at(&walk, t_s);
			if (k % 20 == 0)
				sky_world_at(&jump, 3000);
			sky_world_at(&jump, t_s);
			for (uint32_t a = 0; a < walk.con->n_antennas; a++) {
				assert_int_equal(jump.sky.serving[a], walk.sky.serving[a]);
				assert_int_equal(jump.sky.gsl_up[a], walk.sky.gsl_up[a]);
			}
		}
		sky_world_fini(&walk);
		sky_world_fini(&jump);
	}
}

// 120 Mbit/s for all of a satellite's links each way, at most what the link has.
static void test_beams(void **state)
{
	static const uint64_t shares_bps[] = {0, 120000000, 60000000, 40000000, 30000000};
	struct fault fault = {0};
	unsigned seen[5] = {0};
	struct sky_world world;

	if (scenario_read_file(SHIPPED("antennas"), &world.scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	sky_world_start(&world);
	for (int t = 0; t < 1800; t += 5) {
		sky_world_at(&world, t);
		for (uint32_t i = 0; i < world.con->n_ifaces; i++) {
			const struct matrix_link *link = &world.matrix.links[i];
			const struct con_iface *at = &world.con->ifaces[i];
			uint64_t own_bps, want_bps;
			uint32_t satellite, n = 0;

			if (at->role == CON_ISL)
				assert_int_equal(link->rate_bps, 0);
			if (link->to == CON_NONE || (at->role != CON_GS && at->role != CON_GSL))
				continue;
			satellite =
			        at->role == CON_GS ? at->node : world.con->ifaces[link->to].node;
			for (uint32_t a = 0; a < world.con->n_antennas; a++)
				n += world.sky.serving[a] == satellite;
			assert_in_range(n, 1, 4);
			seen[n]++;
			own_bps = con_link(world.con, i)->rate_bps;
			want_bps = own_bps < shares_bps[n] ? own_bps : shares_bps[n];
			assert_int_equal(link->rate_bps, want_bps);
		}
	}
	assert_true(seen[1] > 0 && seen[2] > 0 && seen[3] > 0);
	sky_world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_antennas),
	        cmocka_unit_test(test_slots_of_antennas),
	        cmocka_unit_test(test_longest),
	        cmocka_unit_test(test_longest_fails),
	        cmocka_unit_test(test_failed_antenna),
	        cmocka_unit_test(test_any_time),
	        cmocka_unit_test(test_beams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
