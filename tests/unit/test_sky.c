/* SPDX-License-Identifier: BSD-3-Clause */
// A constellation at a time: topology of star and delta, who serves a station, delays against an
// independent computation, least-delay paths against a plain one.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "constellation.h"
#include "matrix.h"
#include "scenario.h"
#include "sky.h"

#define SHIPPED(name) ORRERY_SOURCE_ROOT "/config/scenarios/" name ".scenario"

struct world {
	struct scenario scenario;
	struct constellation *con;
	struct sky now, end;
	struct matrix matrix;
};

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.9f, expected %.9f +- %g", value, expected, tolerance);
}

static void world_start(struct world *world)
{
	struct fault fault;

	assert_int_equal(con_create(&world->scenario, &world->con, &fault), 0);
	assert_int_equal(sky_init(&world->now, world->con), 0);
	assert_int_equal(sky_init(&world->end, world->con), 0);
	assert_int_equal(matrix_init(&world->matrix, world->con), 0);
}

static void world_init(struct world *world, const char *path)
{
	struct fault fault = {0};

	if (scenario_read_file(path, &world->scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	world_start(world);
}

// A shell without more than what the arguments say, and two stations.
static void world_init_walker(struct world *world, const char *pattern, int planes, int slots,
        int phase, const char *more)
{
	struct fault fault = {0};
	char text[1024];

	snprintf(text, sizeof(text),
	        "name = \"t\"; epoch = \"2026-01-01T00:00:00Z\"; shells: ({ planes = %d;"
	        "satellites_per_plane = %d; altitude_km = 1000; inclination_deg = 60.0;"
	        "pattern = \"%s\"; phase = %d; %s });"
	        "ground_stations: ({ name = \"a\"; latitude_deg = 10; longitude_deg = 179.9;"
	        "min_elevation_deg = 5; }, { name = \"b\"; latitude_deg = 10; longitude_deg = "
	        "-179.9;"
	        "min_elevation_deg = 5; });",
	        planes, slots, pattern, phase, more);
	if (scenario_read_text(text, "test", &world->scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	world_start(world);
}

static void world_fini(struct world *world)
{
	matrix_fini(&world->matrix);
	sky_fini(&world->now);
	sky_fini(&world->end);
	con_destroy(world->con);
	scenario_free(&world->scenario);
}

static void world_at(struct world *world, double t_s, double step_s)
{
	sky_compute(&world->now, t_s);
	sky_compute(&world->end, t_s + step_s);
	matrix_compute(&world->matrix, &world->now, &world->end);
}

static uint32_t find_iface(const struct constellation *con, const char *ref)
{
	char buf[IFACE_REF_SIZE];

	for (uint32_t i = 0; i < con->n_ifaces; i++) {
		if (strcmp(con_iface_ref(con, i, buf), ref) == 0)
			return i;
	}
	return CON_NONE;
}

static const char *far_of(const struct constellation *con, const char *ref)
{
	static char buf[IFACE_REF_SIZE]; // a test's own
	uint32_t iface = find_iface(con, ref);

	assert_int_not_equal(iface, CON_NONE);
	return con_iface_ref(con, con->ifaces[iface].other, buf);
}

static int find_path(struct path_finder *finder, const struct matrix *matrix, uint32_t from,
        uint32_t to, struct path *path)
{
	path_finder_run(finder, matrix, to);
	return path_finder_path(finder, from, path);
}

static void test_iridium_topology(void **state)
{
	struct world world;

	world_init(&world, SHIPPED("iridium"));
	assert_int_equal(world.con->n_satellites, 66);
	assert_int_equal(world.con->n_stations, 2);
	assert_int_equal(world.con->n_isls, 66 + 5 * 11); // rings, and 5 gaps between 6 planes
	assert_string_equal(far_of(world.con, "sat-0-0/isl0"), "sat-0-1/isl1");
	assert_string_equal(far_of(world.con, "sat-0-10/isl0"), "sat-0-0/isl1");
	assert_string_equal(far_of(world.con, "sat-2-7/isl2"), "sat-3-7/isl3");
	assert_string_equal(far_of(world.con, "sat-3-7/isl3"), "sat-2-7/isl2");
	// The seam: nothing between the last and the first plane.
	assert_int_equal(find_iface(world.con, "sat-0-0/isl3"), CON_NONE);
	assert_int_equal(find_iface(world.con, "sat-5-0/isl2"), CON_NONE);
	assert_int_not_equal(find_iface(world.con, "sat-5-0/gs-newyork"), CON_NONE);
	assert_int_not_equal(find_iface(world.con, "bonn/gsl0"), CON_NONE);
	assert_int_not_equal(find_iface(world.con, "bonn/pod0"), CON_NONE);
	assert_int_equal(con_find_node(world.con, "sat-1-2"), 13);
	assert_int_equal(con_find_node(world.con, "newyork"), 67);
	assert_int_equal(con_find_node(world.con, "sat-6-0"), CON_NONE);
	world_fini(&world);
}

static void test_shell_sizes(void **state)
{
	struct world world;

	world_init(&world, SHIPPED("starlink-shell1"));
	assert_int_equal(world.con->n_satellites, 1584);
	assert_int_equal(world.con->n_isls, 3168);
	// The delta closes F slots further on.
	assert_string_equal(far_of(world.con, "sat-71-0/isl2"), "sat-0-17/isl3");
	assert_string_equal(far_of(world.con, "sat-71-10/isl2"), "sat-0-5/isl3");
	world_fini(&world);
}

static void test_wrap_is_like_any_other_gap(void **state)
{
	struct world world;
	double least[2] = {INFINITY, INFINITY};
	double most[2] = {0, 0};

	world_init(&world, SHIPPED("starlink-shell1"));
	for (int k = 0; k < 60; k++) {
		world_at(&world, k * 100, 0);
		for (uint32_t i = 0; i < world.con->n_isls; i++) {
			const struct con_isl *isl = &world.con->isls[i];
			uint32_t node = world.con->ifaces[isl->a_iface].node;
			bool wraps = world.con->satellites[node].plane == 71;
			double ms = world.matrix.links[isl->a_iface].delay_ns / 1e6;

			if (!isl->crosses) {
				assert_near(ms, 6.571, 1e-3);
				continue;
			}
			least[wraps] = fmin(least[wraps], ms);
			most[wraps] = fmax(most[wraps], ms);
		}
	}
	for (int i = 0; i < 2; i++) {
		assert_near(least[i], 2.77, 6e-3);
		assert_near(most[i], 3.20, 6e-3);
	}
	world_fini(&world);
}

static void test_small_shells(void **state)
{
	struct world world;

	// Two planes of two: two edges each way between the same satellites.
	world_init_walker(&world, "delta", 2, 2, 0, "");
	assert_int_equal(world.con->n_isls, 4 + 4);
	assert_string_equal(far_of(world.con, "sat-0-0/isl0"), "sat-0-1/isl1");
	assert_string_equal(far_of(world.con, "sat-0-1/isl0"), "sat-0-0/isl1");
	assert_string_equal(far_of(world.con, "sat-1-0/isl2"), "sat-0-0/isl3");
	world_at(&world, 0, 1);
	// Half an orbit apart: the Earth is between them.
	assert_false(world.matrix.links[find_iface(world.con, "sat-0-0/isl0")].up);
	world_fini(&world);

	world_init_walker(&world, "delta", 1, 1, 0, "");
	assert_int_equal(world.con->n_isls, 0);
	world_at(&world, 0, 1);
	world_fini(&world);

	world_init_walker(&world, "star", 2, 3, 1, "isl: { grid = \"none\"; };");
	assert_int_equal(world.con->n_isls, 0);
	world_fini(&world);
}

static void test_latitude_limit(void **state)
{
	struct world world;
	unsigned n_down = 0;

	world_init_walker(&world, "delta", 8, 12, 1, "isl: { max_latitude_deg = 50; };");
	for (int k = 0; k < 20; k++) {
		world_at(&world, k * 300, 1);
		for (uint32_t i = 0; i < world.con->n_isls; i++) {
			const struct con_isl *isl = &world.con->isls[i];
			bool poleward = false;

			for (int end = 0; end < 2; end++) {
				uint32_t iface = end != 0 ? isl->b_iface : isl->a_iface;
				struct vec3 p = world.now.positions[world.con->ifaces[iface].node];

				poleward |= rad_to_deg(asin(fabs(p.z) / vec3_norm(p))) > 50;
			}
			assert_int_equal(world.now.isl_up[i], !(isl->crosses && poleward));
			n_down += !world.now.isl_up[i];
		}
	}
	assert_true(n_down > 0);
	world_fini(&world);
}

static void test_matrix_is_symmetric(void **state)
{
	struct world world;

	world_init(&world, SHIPPED("iridium"));
	for (int k = 0; k < 50; k++) {
		world_at(&world, k * 117.3, 1);
		for (uint32_t i = 0; i < world.con->n_ifaces; i++) {
			const struct matrix_link *link = &world.matrix.links[i];

			if (link->to == CON_NONE)
				continue;
			assert_int_equal(world.matrix.links[link->to].to, i);
			assert_int_equal(world.matrix.links[link->to].up, link->up);
			assert_true(world.matrix.links[link->to].delay_ns == link->delay_ns);
		}
	}
	world_fini(&world);
}

// Figures of `python3 tests/unit/scenario_golden.py`, which computes them in another way.
static const struct {
	double t_s;
	const char *station, *satellite;
	double delay_ns, elevation_deg;
	int n_visible;
} golden[] = {
        {0, "bonn", "sat-3-0", 4369660.888, 31.9388, 2},
        {0, "newyork", "sat-1-1", 4644570.456, 29.0248, 1},
        {1000, "bonn", "sat-4-9", 5376783.362, 22.7662, 2},
        {1000, "newyork", "sat-1-10", 2899780.997, 62.1196, 1},
        {5400, "bonn", "sat-4-1", 4868310.147, 26.9084, 2},
        {5400, "newyork", "sat-1-2", 5429204.762, 22.3841, 2},
        {86399, "bonn", "sat-3-7", 4966642.411, 26.0416, 2},
        {86399, "newyork", "sat-1-8", 3847518.251, 38.8357, 1},
};

static const struct {
	double t_s, delay_ns;
} golden_isl[] = {
        {0, 13390691.265}, {1000, 12444846.752}, {5400, 9390872.186}, {86399, 7891773.724}};

static int count_visible(const struct world *world, uint32_t node, double floor_deg)
{
	int n = 0;

	for (uint32_t i = 0; i < world->con->n_satellites; i++)
		n += elevation_rad(world->now.positions[node], world->now.positions[i]) >=
		     deg_to_rad(floor_deg);
	return n;
}

static void test_golden(void **state)
{
	struct world world;

	world_init(&world, SHIPPED("iridium"));
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		char buf[NODE_NAME_SIZE];
		uint32_t node = con_find_node(world.con, golden[i].station);
		uint32_t station = node - world.con->n_satellites;
		uint32_t gsl = con_gsl_iface(world.con, station, 0);
		uint32_t serving;

		world_at(&world, golden[i].t_s, 0);
		serving = world.now.serving[station];
		assert_int_not_equal(serving, CON_NONE);
		assert_string_equal(con_node_name(world.con, serving, buf), golden[i].satellite);
		assert_near(world.matrix.links[gsl].delay_ns, golden[i].delay_ns, 1);
		assert_near(rad_to_deg(elevation_rad(
		                    world.now.positions[node], world.now.positions[serving])),
		        golden[i].elevation_deg, 1e-4);
		assert_int_equal(count_visible(&world, node, 8.2), golden[i].n_visible);
	}
	for (size_t i = 0; i < sizeof(golden_isl) / sizeof(golden_isl[0]); i++) {
		world_at(&world, golden_isl[i].t_s, 0);
		assert_near(world.matrix.links[find_iface(world.con, "sat-1-4/isl2")].delay_ns,
		        golden_isl[i].delay_ns, 0.01);
	}
	world_fini(&world);
}

// Both stations of the shipped constellation see a satellite, and each other, all day long.
static void test_iridium_has_no_gap(void **state)
{
	struct world world;
	struct path_finder *finder;
	struct path path;

	world_init(&world, SHIPPED("iridium"));
	finder = path_finder_create(world.con);
	path.ifaces = calloc(world.con->n_nodes, sizeof(*path.ifaces));
	assert_non_null(finder);
	assert_non_null(path.ifaces);
	for (int t = 0; t < 86400; t += 60) {
		world_at(&world, t, 1);
		assert_int_not_equal(world.now.serving[0], CON_NONE);
		assert_int_not_equal(world.now.serving[1], CON_NONE);
		assert_int_equal(find_path(finder, &world.matrix, 66, 67, &path), 0);
	}
	free(path.ifaces);
	path_finder_destroy(finder);
	world_fini(&world);
}

// Stations beside the antimeridian, 22 km apart on both sides, are served alike.
static void test_antimeridian(void **state)
{
	struct world world;
	int n_same = 0;

	world_init_walker(&world, "delta", 8, 12, 1, "");
	for (int k = 0; k < 100; k++) {
		world_at(&world, k * 60, 0);
		n_same += world.now.serving[0] == world.now.serving[1];
		if (world.now.serving[0] == world.now.serving[1] &&
		        world.now.serving[0] != CON_NONE)
			assert_near(world.matrix.links[con_gsl_iface(world.con, 0, 0)].delay_ns,
			        world.matrix.links[con_gsl_iface(world.con, 1, 0)].delay_ns,
			        73600); // 22 km
	}
	assert_true(n_same > 90);
	world_fini(&world);
}

static void test_nobody_in_sight(void **state)
{
	struct world world;
	int n_none = 0;

	world_init_walker(&world, "delta", 1, 2, 0, "");
	for (int k = 0; k < 50; k++) {
		world_at(&world, k * 200, 1);
		if (world.now.serving[0] != CON_NONE)
			continue;
		n_none++;
		assert_int_equal(world.matrix.links[con_gsl_iface(world.con, 0, 0)].to, CON_NONE);
		assert_false(world.matrix.links[con_gsl_iface(world.con, 0, 0)].up);
	}
	assert_true(n_none > 10);
	world_fini(&world);
}

// Bellman-Ford over all links, in whole nanoseconds.
static uint64_t plain_least_ns(const struct world *world, uint32_t from, uint32_t to)
{
	const struct constellation *con = world->con;
	uint64_t *delays = malloc(con->n_nodes * sizeof(*delays));
	uint64_t least;
	bool changed = true;

	assert_non_null(delays);
	memset(delays, 0xff, con->n_nodes * sizeof(*delays));
	delays[from] = 0;
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < con->n_ifaces; i++) {
			const struct matrix_link *link = &world->matrix.links[i];
			uint64_t here = delays[con->ifaces[i].node];
			uint64_t *there;

			if (link->to == CON_NONE || !link->up || here == UINT64_MAX)
				continue;
			there = &delays[con->ifaces[link->to].node];
			if (here + (uint64_t)llround(link->delay_ns) >= *there)
				continue;
			*there = here + (uint64_t)llround(link->delay_ns);
			changed = true;
		}
	}
	least = delays[to];
	free(delays);
	return least;
}

static void check_path(struct world *world, struct path_finder *finder, uint32_t from, uint32_t to)
{
	struct path path = {0, calloc(world->con->n_nodes, sizeof(uint32_t))};
	uint64_t least = plain_least_ns(world, from, to);
	uint64_t sum = 0;
	uint32_t at = from;
	int err;

	assert_non_null(path.ifaces);
	err = find_path(finder, &world->matrix, from, to, &path);
	assert_int_equal(err, least == UINT64_MAX ? -ENOENT : 0);
	for (uint32_t i = 0; err == 0 && i < path.n_hops; i++) {
		const struct matrix_link *link = &world->matrix.links[path.ifaces[i]];

		assert_int_equal(world->con->ifaces[path.ifaces[i]].node, at);
		assert_true(link->up);
		at = world->con->ifaces[link->to].node;
		sum += (uint64_t)llround(link->delay_ns);
	}
	if (err == 0) {
		assert_int_equal(at, to);
		assert_int_equal(sum, least);
		assert_near(
		        path_delay_ns(&world->matrix, &path, 0), (double)least, path.n_hops + 1);
	}
	free(path.ifaces);
}

static void test_paths(void **state)
{
	struct world world;
	struct path_finder *finder;

	world_init(&world, SHIPPED("iridium"));
	finder = path_finder_create(world.con);
	assert_non_null(finder);
	for (uint32_t k = 0; k < 40; k++) {
		world_at(&world, k * 211, 1);
		check_path(&world, finder, 66, 67);
		check_path(&world, finder, 67, 66);
		check_path(&world, finder, k, 65 - k);
		check_path(&world, finder, k, k);
	}
	path_finder_destroy(finder);
	world_fini(&world);

	world_init_walker(&world, "delta", 2, 3, 0, ""); // mostly out of sight of each other
	finder = path_finder_create(world.con);
	for (uint32_t k = 0; k < 40; k++) {
		world_at(&world, k * 211, 1);
		check_path(&world, finder, 6, 7);
		check_path(&world, finder, 0, 5);
	}
	path_finder_destroy(finder);
	world_fini(&world);
}

static void test_flight(void **state)
{
	struct world world;
	struct path path = {0, NULL};
	struct path_finder *finder;
	double rtt;

	world_init(&world, SHIPPED("iridium"));
	finder = path_finder_create(world.con);
	path.ifaces = calloc(world.con->n_nodes, sizeof(uint32_t));
	assert_non_null(path.ifaces);
	world_at(&world, 1000, 12);
	assert_int_equal(find_path(finder, &world.matrix, 66, 67, &path), 0);
	// While time stands still, the way back is as long as the way there.
	rtt = path_flight_rtt_ns(&world.matrix, &path, 0, 0);
	assert_near(rtt, 2 * path_delay_ns(&world.matrix, &path, 0), 1e-3);
	// At 60x, the flight of some 60 ms lasts 4 simulated seconds: the links move on by half of
	// that on average.
	rtt = path_flight_rtt_ns(&world.matrix, &path, 0, 60);
	assert_near(rtt, 2 * path_delay_ns(&world.matrix, &path, rtt * 1e-9 * 60 / 2), 3000);
	// There and back: 4 times 50 Mbit/s to the sky, the rest 100 between satellites.
	assert_near(path_rtt_ns_per_byte(&world.matrix, &path),
	        4 * 160 + (path.n_hops - 2) * 2 * 80, 1e-9);
	free(path.ifaces);
	path_finder_destroy(finder);
	world_fini(&world);
}

// The straight line misses the curve by no more than asked, over a day of steps of the longest
// kind.
static void check_longest_step(const char *path, double max_error_ns)
{
	struct world world;
	struct sky mid;
	double step_s, worst = 0;

	world_init(&world, path);
	assert_int_equal(sky_init(&mid, world.con), 0);
	step_s = matrix_longest_step_s(world.con, max_error_ns);
	for (int k = 0; k < 300; k++) {
		world_at(&world, k * 97.0, step_s);
		sky_compute(&mid, k * 97.0 + step_s / 2);
		for (uint32_t i = 0; i < world.con->n_ifaces; i++) {
			const struct matrix_link *link = &world.matrix.links[i];
			double line = link->delay_ns + link->slope_ns_s * step_s / 2;

			if (link->up)
				worst = fmax(worst, fabs(line - sky_delay_ns(&mid, i, link->to)));
		}
	}
	assert_true(worst < max_error_ns);
	assert_true(worst > max_error_ns / 10); // not shorter than it need be
	sky_fini(&mid);
	world_fini(&world);
}

static void test_longest_step(void **state)
{
	check_longest_step(SHIPPED("iridium"), 2000);
	check_longest_step(SHIPPED("iridium"), 100);
	check_longest_step(SHIPPED("starlink-shell1"), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_iridium_topology),
	        cmocka_unit_test(test_shell_sizes),
	        cmocka_unit_test(test_wrap_is_like_any_other_gap),
	        cmocka_unit_test(test_small_shells),
	        cmocka_unit_test(test_latitude_limit),
	        cmocka_unit_test(test_matrix_is_symmetric),
	        cmocka_unit_test(test_golden),
	        cmocka_unit_test(test_iridium_has_no_gap),
	        cmocka_unit_test(test_antimeridian),
	        cmocka_unit_test(test_nobody_in_sight),
	        cmocka_unit_test(test_paths),
	        cmocka_unit_test(test_flight),
	        cmocka_unit_test(test_longest_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
