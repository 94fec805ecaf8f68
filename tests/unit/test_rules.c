/* SPDX-License-Identifier: BSD-3-Clause */
// The rules of links at a time: seam, range, acquisition, slots, outages, failures.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sky_world.h"

static const struct matrix_link *link_of(const struct sky_world *world, const char *ref)
{
	char buf[IFACE_REF_SIZE];

	for (uint32_t i = 0; i < world->con->n_ifaces; i++) {
		if (strcmp(con_iface_ref(world->con, i, buf), ref) == 0)
			return &world->matrix.links[i];
	}
	fail_msg("no interface %s", ref);
	return NULL;
}

static uint32_t count_isls(const char *pattern, const char *seam)
{
	struct scenario scenario;
	struct constellation *con;
	struct fault fault = {0};
	char text[512];
	uint32_t n;

	snprintf(text, sizeof(text),
	        "name = \"t\"; epoch = \"2026-01-01T00:00:00Z\"; shells: ({ planes = 4;"
	        "satellites_per_plane = 5; altitude_km = 800; inclination_deg = 60;"
	        "pattern = \"%s\"; phase = 1; isl: { %s }; });",
	        pattern, seam);
	if (scenario_read_text(text, "t", &scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(con_create(&scenario, &con, &fault), 0);
	n = con->n_isls;
	con_destroy(con);
	scenario_free(&scenario);
	return n;
}

// Rings of 5 in 4 planes, and 5 links across each of 3 or 4 gaps.
static void test_seam(void **state)
{
	assert_int_equal(count_isls("star", ""), 20 + 15);
	assert_int_equal(count_isls("star", "seam = \"open\";"), 20 + 15);
	assert_int_equal(count_isls("star", "seam = \"linked\";"), 20 + 20);
	assert_int_equal(count_isls("delta", ""), 20 + 20);
	assert_int_equal(count_isls("delta", "seam = \"open\";"), 20 + 15);
	// planes over a part of the turn: the gap is none between neighbours
	assert_int_equal(
	        count_isls("delta", "}; arc_deg = 120.0; raan_deg = 0.0; beam: {"), 20 + 15);
	assert_int_equal(count_isls("delta", "}; arc_deg = 360.0; beam: {"), 20 + 20);
	assert_int_equal(
	        count_isls("delta", "seam = \"linked\"; }; arc_deg = 120.0; beam: {"), 20 + 20);
}

// In a plane of 20 at 7,171 km the next satellite is 2 * 7171 * sin(9 deg) = 2243.6 km away.
static void test_range(void **state)
{
	static const struct {
		const char *keys;
		bool up;
	} rows[] = {
	        {"", true}, {"max_range_km = 2244.0;", true}, {"max_range_km = 2243.0;", false}};

	for (size_t i = 0; i < 3; i++) {
		struct sky_world world;

		sky_world_init(&world, rows[i].keys, "", "");
		sky_world_at(&world, 100);
		assert_int_equal(link_of(&world, "sat-3-4/isl0")->up, rows[i].up);
		assert_int_equal(link_of(&world, "sat-3-5/isl1")->up, rows[i].up);
		sky_world_fini(&world);
	}
}

// Up when the link has been possible at each second of the last 30.
static void test_acquisition(void **state)
{
	struct sky_world plain, slow;
	int n_waiting = 0;
	uint8_t since[24 * 20 * 2] = {0}; // seconds possible, saturated

	sky_world_init(&plain, "max_latitude_deg = 50.0;", "", "");
	sky_world_init(&slow, "max_latitude_deg = 50.0; acquisition = \"30s\";", "", "");
	for (int t = -40; t < 250; t++) {
		sky_compute(&plain.sky, t + 0.5);
		for (uint32_t i = 0; i < plain.con->n_isls; i++) {
			since[i] = (uint8_t)(plain.sky.isl_up[i] ? since[i] + (since[i] < 200) : 0);
		}
		if (t < 0)
			continue;
		sky_compute(&slow.sky, t + 0.5);
		for (uint32_t i = 0; i < plain.con->n_isls; i++) {
			// 31 samples within 30 s; with 30 it may have begun between two
			if (since[i] != 30 && since[i] != 31)
				assert_int_equal(slow.sky.isl_up[i], since[i] > 31);
			n_waiting += plain.sky.isl_up[i] && !slow.sky.isl_up[i];
		}
	}
	assert_true(n_waiting > 500);
	sky_world_fini(&plain);
	sky_world_fini(&slow);
}

static void test_slot_starts(void **state)
{
	static const struct {
		double t_s, start_s;
	} rows[] = {{0, -3}, {11.999999, -3}, {12, 12}, {26.999999999, 12}, {27, 27}, {41.5, 27},
	        {42, 42}, {57, 57}, {60, 57}, {72, 72}, {86400 + 12, 86412}, {-3.000000001, -18}};
	struct sky_world world;

	sky_world_init(&world, "", "", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(service_slot_start_ns(world.con, llround(rows[i].t_s * 1e9)),
		        llround(rows[i].start_s * 1e9));
	sky_world_fini(&world);
}

// Satellites change at the slots' starts only, and are in sight for all of the slot.
static void test_slots(void **state)
{
	struct sky_world world;
	uint32_t before = CON_NONE;
	int n_changes = 0;

	sky_world_init(&world, "", "policy = \"slots\"; min_elevation_deg = 15;", "");
	for (double t = 12; t < 1500; t += 1.5) {
		uint32_t serving;
		bool start = fmod(t - 12, 15) == 0;

		sky_world_at(&world, t);
		serving = world.sky.serving[0];
		assert_int_not_equal(serving, CON_NONE);
		assert_true(world.sky.gsl_up[0]);
		assert_true(elevation_rad(world.sky.positions[con_station_node(world.con, 0)],
		                    world.sky.positions[serving]) >= deg_to_rad(15));
		if (!start)
			assert_int_equal(serving, before);
		n_changes += start && serving != before;
		before = serving;
	}
	assert_true(n_changes > 5);
	// Any time by itself gives the same.
	sky_world_at(&world, 500);
	before = world.sky.serving[0];
	sky_world_at(&world, 86000);
	sky_world_at(&world, 500);
	assert_int_equal(world.sky.serving[0], before);
	sky_world_fini(&world);
}

// Down for 300 ms after each change, with the new satellite plugged.
static void check_outage(const char *policy)
{
	struct sky_world world, plain;
	char keys[160], plain_keys[80];
	int n_down = 0;
	double changed = -INFINITY;
	uint32_t before = CON_NONE;

	snprintf(plain_keys, sizeof(plain_keys), "policy = \"%s\";", policy);
	snprintf(keys, sizeof(keys), "%s handover = \"break-before-make\"; outage = \"300ms\";",
	        plain_keys);
	sky_world_init(&world, "", keys, "");
	sky_world_init(&plain, "", plain_keys, "");
	for (int k = 0; k < 3000; k++) {
		double t = k * 0.1 + 0.0123;
		const struct matrix_link *link;

		sky_world_at(&world, t);
		sky_world_at(&plain, t);
		assert_int_equal(world.sky.serving[0], plain.sky.serving[0]);
		if (plain.sky.serving[0] != before && k > 0)
			changed = t;
		before = plain.sky.serving[0];
		link = &world.matrix.links[con_gsl_iface(world.con, 0, 0)];
		assert_int_not_equal(link->to, CON_NONE);
		assert_int_equal(world.matrix.links[link->to].up, link->up);
		assert_true(plain.sky.gsl_up[0]);
		// the change was up to 0.1 s before it was seen
		if (t - changed < 0.19)
			assert_false(link->up);
		else if (t - changed > 0.31 && k > 3)
			assert_true(link->up);
		n_down += !link->up;
	}
	assert_true(n_down >= 3 && n_down < 300);
	sky_world_fini(&world);
	sky_world_fini(&plain);
}

static void test_outage(void **state)
{
	check_outage("nearest");
	check_outage("slots");
}

// A change of satellites and back within the outage: down until the first satellite has served all
// of it again.
static void check_change_and_back(const char *policy, double until_s, double up_s)
{
	struct sky_world world;
	char name[NODE_NAME_SIZE], station[128], more[160];

	snprintf(station, sizeof(station),
	        "policy = \"%s\"; handover = \"break-before-make\"; outage = \"3s\";", policy);
	sky_world_init(&world, "", station, "");
	sky_world_at(&world, 33); // in the middle of a slot
	con_node_name(world.con, world.sky.serving[0], name);
	sky_world_fini(&world);
	snprintf(more, sizeof(more),
	        "failures: ({ node = \"%s\"; from = \"33s\"; until = \"%gs\"; });", name, until_s);
	sky_world_init(&world, "", station, more);
	for (int k = 0; k < 100; k++) {
		double t = 31.95 + k * 0.1;
		bool failed = t >= 33 && t < until_s;

		// a long step, and any time by itself
		sky_world_at(&world, k % 3 == 0 ? t : k % 3 == 1 ? t - 1000 : t - 10);
		sky_world_at(&world, t);
		if (!failed && t < 41)
			assert_string_equal(
			        con_node_name(world.con, world.sky.serving[0], name), name);
		if (world.sky.serving[0] != CON_NONE && t < 41)
			assert_int_equal(world.sky.gsl_up[0], t < 33 || t > up_s);
	}
	sky_world_fini(&world);
}

static void test_change_and_back(void **state)
{
	check_change_and_back("nearest", 34, 37);
	check_change_and_back("nearest", 33.2, 36.2); // between two whole seconds
	check_change_and_back("slots", 34.5, 37.5);
}

static void test_classes(void **state)
{
	const char *groups =
	        "gsl: { rate = \"1gbit\"; }; user: { loss = \"1%\";"
	        "uplink: { rate = \"20mbit\"; }; downlink: { rate = \"300mbit\"; }; };";
	struct sky_world world;
	uint32_t gsl;

	sky_world_init(&world, "", "class = \"user\";", groups);
	gsl = con_gsl_iface(world.con, 0, 0);
	assert_int_equal(con_link(world.con, gsl)->rate_bps, 20000000);
	assert_int_equal(con_link(world.con, con_gs_iface(world.con, 7, 0))->rate_bps, 300000000);
	assert_true(con_link(world.con, gsl)->loss == 0.01);
	sky_world_fini(&world);
	sky_world_init(&world, "", "", groups);
	assert_int_equal(con_link(world.con, con_gsl_iface(world.con, 0, 0))->rate_bps, 1000000000);
	sky_world_fini(&world);
}

static void test_failed_link(void **state)
{
	static const struct {
		double t_s;
		bool up;
	} rows[] = {{99.9, true}, {100, false}, {199.9, false}, {200, false}, {211.9, false},
	        {212, true}};
	struct sky_world world;

	// down from 100 to 200 s, then 12 s of acquisition
	sky_world_init(&world, "acquisition = \"12s\";", "",
	        "failures: ({ link = \"sat-3-5/isl1\"; from = \"100s\"; until = \"200s\"; });");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sky_world_at(&world, rows[i].t_s);
		assert_int_equal(link_of(&world, "sat-3-4/isl0")->up, rows[i].up);
		assert_int_equal(link_of(&world, "sat-3-5/isl1")->up, rows[i].up);
		assert_true(link_of(&world, "sat-3-5/isl0")->up);
	}
	sky_world_fini(&world);
}

static void test_failed_nodes(void **state)
{
	struct sky_world world;
	uint32_t served;
	char name[NODE_NAME_SIZE], more[160];

	sky_world_init(
	        &world, "", "", "failures: ({ shell = \"sat\"; plane = 3; from = \"10s\"; });");
	sky_world_at(&world, 9);
	assert_true(link_of(&world, "sat-3-4/isl0")->up);
	sky_world_at(&world, 1e6); // for good
	for (uint32_t i = 0; i < world.con->n_isls; i++) {
		const struct con_isl *isl = &world.con->isls[i];
		uint32_t a = world.con->ifaces[isl->a_iface].node;
		uint32_t b = world.con->ifaces[isl->b_iface].node;

		assert_int_equal(world.sky.isl_up[i],
		        world.con->satellites[a].plane != 3 && world.con->satellites[b].plane != 3);
	}
	sky_world_at(&world, 0);
	served = world.sky.serving[0];
	con_node_name(world.con, served, name);
	sky_world_fini(&world);

	// another satellite takes over while the nearest is broken
	snprintf(more, sizeof(more), "failures: ({ node = \"%s\"; until = \"5s\"; });", name);
	sky_world_init(&world, "", "", more);
	sky_world_at(&world, 0);
	assert_int_not_equal(world.sky.serving[0], CON_NONE);
	assert_int_not_equal(world.sky.serving[0], served);
	sky_world_at(&world, 5);
	assert_int_equal(world.sky.serving[0], served);
	sky_world_fini(&world);

	// the station itself, and its link
	sky_world_init(&world, "", "",
	        "failures: ({ node = \"a\"; from = \"3s\"; until = \"4s\"; },"
	        "{ link = \"a/gsl0\"; from = \"7s\"; until = \"8s\"; });");
	for (int t = 0; t < 10; t++) {
		sky_world_at(&world, t);
		assert_int_equal(world.sky.serving[0] == CON_NONE, t == 3 || t == 7);
	}
	sky_world_fini(&world);
}

// The station stands 3 degrees, 333.6 km, south of the region's middle.
static void test_failed_region(void **state)
{
	static const struct {
		const char *failure;
		bool station_fails;
	} rows[] = {{"latitude_deg = 33; longitude_deg = 20; radius_km = 334;", true},
	        {"latitude_deg = 33; longitude_deg = 20; radius_km = 333;", false}};

	for (size_t k = 0; k < 2; k++) {
		struct sky_world world;
		char more[160];
		int n_failed = 0;

		snprintf(more, sizeof(more), "failures: ({ %s });", rows[k].failure);
		sky_world_init(&world, "", "", more);
		for (int t = 0; t < 3000; t += 60) {
			sky_world_at(&world, t);
			assert_int_equal(world.sky.serving[0] == CON_NONE, rows[k].station_fails);
			for (uint32_t i = 0; i < world.con->n_isls; i++)
				n_failed += !world.sky.isl_up[i];
		}
		assert_true(n_failed > 0 && n_failed < 1000); // who is above it at the time
		sky_world_fini(&world);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *failure, *words;
	} rows[] = {{"node = \"sat-99-0\";", "failure 1: there is no 'sat-99-0'"},
	        {"link = \"sat-0-0/gs-a\";", "failure 1: there is no 'sat-0-0/gs-a'"},
	        {"shell = \"sat\"; plane = 24;", "there is no 'sat' with that plane"},
	        {"", "expected one of 'node'"},
	        {"node = \"a\"; radius_km = 10;", "expected one of 'node'"},
	        {"node = \"a\"; from = \"2s\"; until = \"1s\";", "ends before it begins"},
	        {"nodes = \"a\";", "unknown key"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scenario scenario;
		struct constellation *con;
		struct fault fault = {0};
		char text[512];
		int err;

		snprintf(text, sizeof(text),
		        "name = \"t\"; epoch = \"2026-01-01T00:00:00Z\"; shells: ({ planes = 24;"
		        "satellites_per_plane = 20; altitude_km = 800; inclination_deg = 60;"
		        "pattern = \"delta\"; }); ground_stations: ({ name = \"a\"; latitude_deg ="
		        "30; longitude_deg = 20; }); failures: ({ %s });",
		        rows[i].failure);
		err = scenario_read_text(text, "t", &scenario, &fault);
		if (err == 0) {
			err = con_create(&scenario, &con, &fault);
			scenario_free(&scenario);
		}
		assert_true(err < 0);
		if (strstr(fault.message, rows[i].words) == NULL)
			fail_msg("'%s' is not in '%s'", rows[i].words, fault.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_seam),
	        cmocka_unit_test(test_range),
	        cmocka_unit_test(test_acquisition),
	        cmocka_unit_test(test_slot_starts),
	        cmocka_unit_test(test_slots),
	        cmocka_unit_test(test_outage),
	        cmocka_unit_test(test_change_and_back),
	        cmocka_unit_test(test_classes),
	        cmocka_unit_test(test_failed_link),
	        cmocka_unit_test(test_failed_nodes),
	        cmocka_unit_test(test_failed_region),
	        cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
