/* SPDX-License-Identifier: BSD-3-Clause */
// The compiled ephemeris against the constellation itself: at random times its links are those of
// the sky, delays within the tolerance, events at their time; and the same bytes every time.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <glob.h>

#include <cmocka.h>

#include "compile.h"
#include "ephemeris.h"
#include "line.h"
#include "rng.h"
#include "scenario.h"
#include "sky.h"

#define SHIPPED(name) ORRERY_SOURCE_ROOT "/config/scenarios/" name ".scenario"
#define S_NS 1000000000ull
#define EVENT_NS 1500 // events are found to 1 us

// Two shells; links between planes go down near the poles, and some rays pass too low.
static const char two_shells[] =
        "name = \"two\"; epoch = \"2026-03-01T12:00:00Z\"; duration = \"2h\"; step = \"5s\";\n"
        "shells: (\n"
        " { name = \"low\"; planes = 5; satellites_per_plane = 7; altitude_km = 600.0;\n"
        "   inclination_deg = 85.0; pattern = \"star\"; phase = 2;\n"
        "   isl: { max_latitude_deg = 60.0; min_height_km = 0.0; }; },\n"
        " { name = \"high\"; planes = 3; satellites_per_plane = 4; altitude_km = 8062.0;\n"
        "   inclination_deg = 40.0; pattern = \"delta\"; kind = \"router\"; } );\n"
        "ground_stations: (\n"
        " { name = \"north\"; latitude_deg = 78.2; longitude_deg = 15.6;\n"
        "   min_elevation_deg = 20.0; },\n"
        " { name = \"south\"; latitude_deg = -45.0; longitude_deg = 170.0;\n"
        "   min_elevation_deg = 40.0; } );\n";

// Everything that takes a link away for a time: acquisition, range, slots, outages, failures, some
// of them shorter than a step.
static const char rules[] =
        "name = \"rules\"; epoch = \"2026-01-01T00:00:03Z\"; duration = \"1h\";\n"
        "shells: ({ planes = 12; satellites_per_plane = 16; altitude_km = 900.0;\n"
        " inclination_deg = 60.0; pattern = \"delta\"; phase = 5;\n"
        " isl: { acquisition = \"12s\"; max_range_km = 3500.0; max_latitude_deg = 58.0; }; });\n"
        "ground_stations: (\n"
        " { name = \"a\"; latitude_deg = 50.0; longitude_deg = 7.0; policy = \"slots\";\n"
        "   handover = \"break-before-make\"; outage = \"300ms\"; },\n"
        " { name = \"b\"; latitude_deg = -20.0; longitude_deg = 100.0; min_elevation_deg = 20.0;\n"
        "   handover = \"break-before-make\"; outage = \"2500ms\"; },\n"
        " { name = \"c\"; latitude_deg = 70.0; longitude_deg = -50.0; policy = \"slots\"; },\n"
        " { name = \"d\"; latitude_deg = 10.0; longitude_deg = 20.0; } );\n"
        "failures: (\n"
        " { node = \"sat-3-4\"; from = \"100200ms\"; until = \"100700ms\"; },\n"
        " { node = \"a\"; from = \"5min\"; until = \"6min\"; },\n"
        " { link = \"b/gsl0\"; from = \"600100ms\"; until = \"600101ms\"; },\n"
        " { link = \"sat-1-1/isl0\"; from = \"1200300ms\"; until = \"1200400ms\"; },\n"
        " { shell = \"sat\"; plane = 2; from = \"30min\"; until = \"31min\"; },\n"
        " { latitude_deg = 10.0; longitude_deg = 20.0; radius_km = 1500.0;\n"
        "   from = \"40min\"; until = \"50min\"; } );\n";

struct world {
	struct scenario scenario;
	struct constellation *con;
	struct sky sky;
	char folder[32];
	char path[64];
	struct ephemeris *e;
	struct ephemeris_links links;
	uint32_t *ifaces; // the constellation's interface of each of the file
	uint32_t *numbers; // and back
};

static struct compile_options options_of(uint64_t duration_ns, double tolerance_ns)
{
	return (struct compile_options){.duration_ns = duration_ns,
	        .step_ns = S_NS,
	        .tolerance_ns = tolerance_ns,
	        .n_threads = 2};
}

static void map_ifaces(struct world *world)
{
	uint32_t n_found = 0;

	world->ifaces = calloc(world->e->n_ifaces, sizeof(*world->ifaces));
	world->numbers = calloc(world->con->n_ifaces, sizeof(*world->numbers));
	memset(world->numbers, 0xff, world->con->n_ifaces * sizeof(*world->numbers));
	for (uint32_t i = 0; i < world->e->n_ifaces; i++) {
		// nodes have the same numbers in both
		const struct con_node *node = &world->con->nodes[world->e->ifaces[i].node];

		for (uint32_t k = 0; k < node->n_ifaces; k++) {
			uint32_t iface = node->first_iface + k;
			char name[IFACE_NAME_SIZE];

			if (strcmp(con_iface_name(world->con, iface, name),
			            ephemeris_iface_name(world->e, i)) != 0)
				continue;
			world->ifaces[i] = iface;
			world->numbers[iface] = i;
			n_found++;
		}
	}
	assert_int_equal(n_found, world->e->n_ifaces);
}

// A file, or text.
static void world_init(struct world *world, const char *scenario)
{
	struct fault fault = {0};
	int err = scenario[0] == '/'
	                  ? scenario_read_file(scenario, &world->scenario, &fault)
	                  : scenario_read_text(scenario, "text", &world->scenario, &fault);

	if (err != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(con_create(&world->scenario, &world->con, &fault), 0);
	assert_int_equal(sky_init(&world->sky, world->con), 0);
	strcpy(world->folder, "/tmp/orrery-test-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->path, sizeof(world->path), "%s/a.eph", world->folder);
}

static void world_compile(struct world *world, const struct compile_options *options)
{
	struct fault fault = {0};

	if (compile(world->con, options, world->path, &fault) != 0 ||
	        ephemeris_open(world->path, 0, &world->e, &fault) != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(ephemeris_links_init(&world->links, world->e->n_ifaces), 0);
	map_ifaces(world);
}

static void world_fini(struct world *world)
{
	unlink(world->path);
	assert_int_equal(rmdir(world->folder), 0); // nothing was left
	ephemeris_links_fini(&world->links);
	ephemeris_close(world->e);
	free(world->ifaces);
	free(world->numbers);
	sky_fini(&world->sky);
	con_destroy(world->con);
	scenario_free(&world->scenario);
}

// What the sky says of an interface: where to (CON_NONE: nowhere) and whether it is up.
static uint32_t sky_state(const struct sky *sky, uint32_t iface, bool *ret_up)
{
	uint32_t far = sky_far(sky, iface);

	*ret_up = far != CON_NONE && sky_is_up(sky, iface);
	return far;
}

static uint32_t sky_rate_kbps(const struct world *world, uint32_t iface)
{
	uint32_t antenna = sky_antenna(&world->sky, iface), satellite;

	if (antenna == CON_NONE)
		return (uint32_t)(con_link(world->con, iface)->rate_bps / 1000);
	satellite = world->sky.serving[antenna];
	return (uint32_t)(con_ground_rate_bps(
	                          world->con, iface, satellite, world->sky.n_links[satellite]) /
	                  1000);
}

// Interfaces whose state in the file is not the sky's.
static uint32_t count_wrong(const struct world *world)
{
	uint32_t n_wrong = 0;

	for (uint32_t i = 0; i < world->con->n_ifaces; i++) {
		uint32_t number = world->numbers[i], to = CON_NONE;
		bool up = false, sky_up;
		uint32_t far = sky_state(&world->sky, i, &sky_up);

		if (number != CON_NONE && world->links.records[number].set != 0) {
			const struct orrery_record *link = &world->links.records[number];

			to = world->ifaces[link->to];
			up = (link->flags & ORRERY_LINK_UP) != 0;
			n_wrong += far != CON_NONE && link->rate_kbps != sky_rate_kbps(world, i);
		}
		n_wrong += to != far || up != sky_up;
	}
	return n_wrong;
}

static double worst_delay_ns(const struct world *world, uint64_t t_ns)
{
	double worst = 0;

	for (uint32_t i = 0; i < world->e->n_ifaces; i++) {
		const struct orrery_record *link = &world->links.records[i];
		double want;

		if ((link->flags & ORRERY_LINK_UP) == 0)
			continue;
		want = sky_delay_ns(&world->sky, world->ifaces[i], world->ifaces[link->to]);
		worst = fmax(worst, fabs(ephemeris_links_delay_ns(&world->links, i, t_ns) - want));
	}
	return worst;
}

static void look(struct world *world, uint64_t t_ns, double tolerance_ns)
{
	double worst;

	ephemeris_links_seek(&world->links, world->e, t_ns);
	sky_compute(&world->sky, (double)t_ns * 1e-9);
	// an event may be a microsecond late
	if (count_wrong(world) != 0)
		sky_compute(&world->sky, ((double)t_ns - EVENT_NS) * 1e-9);
	if (count_wrong(world) != 0)
		fail_msg("%u interfaces are wrong at %llu ns", count_wrong(world),
		        (unsigned long long)t_ns);
	worst = worst_delay_ns(world, t_ns);
	if (worst > tolerance_ns + 0.6) // a key rounds
		fail_msg("a delay is off by %g ns at %llu ns", worst, (unsigned long long)t_ns);
}

static void look_around(struct world *world, unsigned n, double tolerance_ns)
{
	uint64_t duration_ns = world->e->header->duration_ns;
	struct rng rng;

	rng_seed(&rng, 3, 0);
	for (unsigned i = 0; i < n; i++)
		look(world, rng_next(&rng) % duration_ns, tolerance_ns);
	look(world, 0, tolerance_ns);
	look(world, duration_ns - 1, tolerance_ns);
}

static bool is_event(const struct ephemeris *e, const struct ephemeris_epoch *epoch)
{
	const struct orrery_record *records = ephemeris_records(e, epoch);

	for (uint32_t i = 0; i < epoch->n; i++) {
		if ((records[i].set & (ORRERY_SET_TO | ORRERY_SET_UP)) != 0)
			return true;
	}
	return false;
}

// Right at an event the sky has it, two microseconds before it has not. How many there are.
static unsigned look_at_events(struct world *world)
{
	unsigned n = 0;

	for (uint32_t i = 1; i < world->e->n_epochs; i++) {
		const struct ephemeris_epoch *epoch = &world->e->epochs[i];

		if ((epoch->flags & EPHEMERIS_KEY) != 0 || !is_event(world->e, epoch))
			continue;
		n++;
		ephemeris_links_seek(&world->links, world->e, epoch->t_ns);
		sky_compute(&world->sky, (double)epoch->t_ns * 1e-9);
		assert_int_equal(count_wrong(world), 0);
		sky_compute(&world->sky, ((double)epoch->t_ns - 2000) * 1e-9);
		assert_true(count_wrong(world) > 0);
	}
	return n;
}

static void test_iridium(void **state)
{
	struct compile_options options = options_of(3000 * S_NS, 250);
	struct world world = {0};

	world_init(&world, SHIPPED("iridium"));
	world_compile(&world, &options);
	look_around(&world, 1000, 250);
	assert_in_range(look_at_events(&world), 10, 60);
	world_fini(&world);
}

static void test_starlink(void **state)
{
	struct compile_options options = options_of(400 * S_NS, 250);
	struct world world = {0};

	world_init(&world, SHIPPED("starlink-100gs"));
	assert_int_equal(world.con->n_isls, 3168);
	assert_int_equal(world.con->n_stations, 100);
	world_compile(&world, &options);
	look_around(&world, 60, 250);
	world_fini(&world);
}

// Links that go down and come up, stations without a satellite, steps longer than a pass is smooth.
static void test_two_shells(void **state)
{
	struct compile_options options = options_of(7200 * S_NS + 1234567, 50);
	struct world world = {0};

	options.step_ns = 5 * S_NS;
	world_init(&world, two_shells);
	world_compile(&world, &options);
	look_around(&world, 1500, 50);
	assert_true(look_at_events(&world) > 100);
	world_fini(&world);
}

static void test_rules(void **state)
{
	struct compile_options options = options_of(3600 * S_NS, 250);
	struct world world = {0};

	world_init(&world, rules);
	world_compile(&world, &options);
	look_around(&world, 1500, 250);
	// in the shortest failures, and right behind them
	look(&world, 100450 * 1000000ull, 250);
	look(&world, 100701 * 1000000ull, 250);
	look(&world, 600100500 * 1000ull, 250);
	look(&world, 1200350 * 1000000ull, 250);
	assert_true(look_at_events(&world) > 500);
	world_fini(&world);
}

// Several antennas of all policies, outages, failures of antennas; satellites shared by many.
static void test_antennas(void **state)
{
	static const char text[] =
	        "name = \"many\"; epoch = \"2026-01-01T00:00:03Z\";"
	        "shells: ({ planes = 6; satellites_per_plane = 8; altitude_km = 1400.0;"
	        " inclination_deg = 60.0; pattern = \"delta\"; phase = 5;"
	        " beam: { capacity = \"100mbit\"; }; });"
	        "gsl: { rate = \"60mbit\"; }; user: { uplink: { rate = \"1mbit\"; }; };"
	        "ground_stations: ("
	        " { name = \"a\"; latitude_deg = 50.0; longitude_deg = 7.0; antennas = 4; },"
	        " { name = \"b\"; latitude_deg = 48.0; longitude_deg = 9.0; antennas = 2;"
	        "   policy = \"longest\"; handover = \"break-before-make\"; outage = \"2s\"; },"
	        " { name = \"c\"; latitude_deg = 51.0; longitude_deg = 3.0; antennas = 3;"
	        "   policy = \"slots\"; class = \"user\"; },"
	        " { name = \"d\"; latitude_deg = 49.0; longitude_deg = 5.0; antennas = 2;"
	        "   handover = \"break-before-make\"; outage = \"700ms\"; },"
	        " { name = \"e\"; latitude_deg = 45.0; longitude_deg = 5.0; policy = \"longest\"; "
	        "});"
	        "failures: ("
	        " { node = \"sat-3-4\"; from = \"100200ms\"; until = \"100700ms\"; },"
	        " { node = \"a\"; from = \"5min\"; until = \"6min\"; },"
	        " { link = \"a/gsl0\"; from = \"600100ms\"; until = \"600400ms\"; },"
	        " { link = \"b/gsl1\"; from = \"700s\"; until = \"701s\"; },"
	        " { shell = \"sat\"; plane = 2; from = \"30min\"; until = \"31min\"; });";
	struct compile_options options = options_of(1920 * S_NS, 250);
	struct world world = {0};

	world_init(&world, text);
	world_compile(&world, &options);
	assert_true(look_at_events(&world) >= 80);
	look_around(&world, 200, 250);
	world_fini(&world);
}

// The satellite that serves fails for a second: another one serves, and then it again, each after
// an outage of 3 s.
static void test_change_and_back(void **state)
{
	static const struct {
		uint64_t t_ms;
		bool up;
	} rows[] = {{9999, true}, {10001, false}, {11001, false}, {12000, false}, {13001, false},
	        {13999, false}, {14001, true}};
	static const char text[] =
	        "name = \"back\"; epoch = \"2026-01-01T00:00:00Z\"; shells: ({ planes = 6;"
	        "satellites_per_plane = 11; altitude_km = 780; inclination_deg = 86.4;"
	        "pattern = \"star\"; phase = 3; }); ground_stations: ({ name = \"bonn\";"
	        "latitude_deg = 50.73; longitude_deg = 7.10; min_elevation_deg = 8.2;"
	        "handover = \"break-before-make\"; outage = \"3s\"; });"
	        "failures: ({ node = \"sat-3-0\"; from = \"10s\"; until = \"11s\"; });";
	struct compile_options options = options_of(30 * S_NS, 250);
	struct world world = {0};
	uint32_t gsl;

	world_init(&world, text);
	world_compile(&world, &options);
	gsl = world.numbers[con_gsl_iface(world.con, 0, 0)];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		look(&world, rows[i].t_ms * 1000000, 250);
		assert_int_equal(
		        (world.links.records[gsl].flags & ORRERY_LINK_UP) != 0, rows[i].up);
	}
	look_around(&world, 100, 250);
	world_fini(&world);
}

// The slot that runs when the file begins was decided by satellites that may have set since.
static void test_first_slot(void **state)
{
	struct compile_options options = options_of(30 * S_NS, 250);
	struct world world = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "name = \"slots\"; epoch = \"2026-01-01T00:00:10Z\"; shells: ("
	             "{ planes = 24; satellites_per_plane = 24; altitude_km = 550.0;"
	             "  inclination_deg = 53.0; pattern = \"delta\"; phase = 5; });"
	             "ground_stations: (");
	for (int i = 0; i < 300; i++)
		fprintf(out,
		        "%s{ name = \"s%d\"; latitude_deg = %d.0; longitude_deg = %d.0;"
		        "    min_elevation_deg = 60.0; policy = \"slots\"; }",
		        i > 0 ? "," : "", i, i % 50, i - 150);
	fprintf(out, ");");
	fclose(out);
	world_init(&world, text);
	world_compile(&world, &options);
	look_around(&world, 60, 250);
	world_fini(&world);
	free(text);
}

// Satellites of element sets, on the ellipsoid.
static void test_elements(void **state)
{
	struct compile_options options = options_of(7200 * S_NS, 250);
	struct world world = {0};

	world_init(&world, SHIPPED("mixed-tle"));
	world_compile(&world, &options);
	look_around(&world, 500, 250);
	assert_true(look_at_events(&world) > 5);
	world_fini(&world);
}

// Whatever a scenario can say, the compiler says as the sky does.
static void test_shipped(void **state)
{
	struct compile_options options = options_of(40 * S_NS, 250);
	glob_t found;

	assert_int_equal(glob(SHIPPED("*"), 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct world world = {0};

		world_init(&world, found.gl_pathv[i]);
		world_compile(&world, &options);
		look_around(&world, 10, 250);
		world_fini(&world);
	}
	globfree(&found);
}

// The largest tolerance of real use and the smallest.
static void test_tolerances(void **state)
{
	const double tolerances[] = {LINE_TOLERANCE_MIN_NS, 100000};
	uint64_t n_records[2];

	for (int i = 0; i < 2; i++) {
		struct compile_options options = options_of(1200 * S_NS, tolerances[i]);
		struct world world = {0};

		world_init(&world, SHIPPED("iridium"));
		world_compile(&world, &options);
		look_around(&world, 300, tolerances[i]);
		n_records[i] = world.e->n_records;
		world_fini(&world);
	}
	assert_true(n_records[0] > 10 * n_records[1]);
}

// What never changes is said once.
static void test_quiet_links(void **state)
{
	struct compile_options options = options_of(3000 * S_NS, 250);
	struct world world = {0};
	uint32_t n_quiet = 0;

	world_init(&world, SHIPPED("iridium"));
	world_compile(&world, &options);
	for (uint32_t i = 1; i < world.e->n_epochs; i++) {
		const struct ephemeris_epoch *epoch = &world.e->epochs[i];
		const struct orrery_record *records = ephemeris_records(world.e, epoch);

		for (uint32_t k = 0; k < epoch->n && (epoch->flags & EPHEMERIS_KEY) == 0; k++) {
			const struct con_iface *iface =
			        &world.con->ifaces[world.ifaces[records[k].from]];

			n_quiet += iface->role == CON_ISL && !world.con->isls[iface->isl].crosses;
		}
	}
	assert_int_equal(n_quiet, 0);
	world_fini(&world);
}

static char *read_whole(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	char *data;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*ret_size = (size_t)ftell(file);
	rewind(file);
	data = malloc(*ret_size);
	assert_int_equal(fread(data, 1, *ret_size, file), *ret_size);
	fclose(file);
	return data;
}

static void test_same_bytes(void **state)
{
	const unsigned threads[] = {1, 1, 2, 5};
	struct compile_options options = options_of(2000 * S_NS + 1, 250);
	struct fault fault = {0};
	struct world world = {0};
	char *first = NULL;
	size_t first_size = 0;

	world_init(&world, two_shells);
	for (int i = 0; i < 4; i++) {
		char *data;
		size_t size;

		options.n_threads = threads[i];
		assert_int_equal(compile(world.con, &options, world.path, &fault), 0);
		data = read_whole(world.path, &size);
		if (i == 0) {
			first = data;
			first_size = size;
			continue;
		}
		assert_int_equal(size, first_size);
		assert_memory_equal(data, first, size);
		free(data);
	}
	free(first);
	world_fini(&world);
}

static int stop_half_way(void *arg, double share)
{
	double *seen = arg;

	assert_true(share >= 0 && share <= 1);
	*seen = share;
	return share > 0.5 ? -EINTR : 0;
}

static void test_stop(void **state)
{
	struct compile_options options = options_of(7200 * S_NS, 250);
	struct fault fault = {0};
	struct world world = {0};
	double seen = 0;

	options.progress = stop_half_way;
	options.arg = &seen;
	world_init(&world, two_shells);
	assert_int_equal(compile(world.con, &options, world.path, &fault), -EINTR);
	assert_true(seen > 0.5);
	assert_int_equal(access(world.path, F_OK), -1);
	world_fini(&world);
}

static void test_no_folder(void **state)
{
	struct compile_options options = options_of(S_NS, 250);
	struct fault fault = {0};
	struct world world = {0};

	world_init(&world, two_shells);
	assert_int_equal(compile(world.con, &options, "/nonexistent/a.eph", &fault), -ENOENT);
	assert_non_null(strstr(fault.message, "/nonexistent/a.eph"));
	world_fini(&world);
}

// A curve with a sharp bend, against its pieces at many times.
static double hyperbola_ns(const void *arg, uint64_t t_ns)
{
	double t_s = (double)t_ns * 1e-9 - 50;

	return 1e6 * sqrt(1 + t_s * t_s / 4);
}

static void test_line(void **state)
{
	const struct curve curve = {hyperbola_ns, NULL, 100, S_NS};
	struct pieces pieces = {0};
	struct line line = {0};
	size_t at = 0;

	assert_int_equal(line_cover(&line, &curve, 7, 60 * S_NS, &pieces), 0);
	assert_int_equal(line_settle(&line, &pieces), 0);
	assert_int_equal(line_cover(&line, &curve, 60 * S_NS, 100 * S_NS, &pieces), 0);
	assert_int_equal(line_close(&line, &pieces), 0);
	assert_false(line.open);
	assert_int_equal(pieces.items[0].t_ns, 7);
	for (uint64_t t_ns = 7; t_ns < 100 * S_NS; t_ns += S_NS / 997) {
		const struct piece *piece;
		double delay;

		while (at + 1 < pieces.n && pieces.items[at + 1].t_ns <= t_ns)
			at++;
		piece = &pieces.items[at];
		delay = piece->delay_ns + piece->slope_ns_s * (double)(t_ns - piece->t_ns) * 1e-9;
		if (fabs(delay - hyperbola_ns(NULL, t_ns)) > 100)
			fail_msg("off by %g at %g s", delay - hyperbola_ns(NULL, t_ns),
			        (double)t_ns * 1e-9);
	}
	// curvature c needs a piece each sqrt(16 tolerance / c): some 200 in all
	assert_in_range(pieces.n, 150, 400);
	pieces_fini(&pieces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_line),
	        cmocka_unit_test(test_iridium),
	        cmocka_unit_test(test_starlink),
	        cmocka_unit_test(test_two_shells),
	        cmocka_unit_test(test_rules),
	        cmocka_unit_test(test_antennas),
	        cmocka_unit_test(test_change_and_back),
	        cmocka_unit_test(test_first_slot),
	        cmocka_unit_test(test_elements),
	        cmocka_unit_test(test_shipped),
	        cmocka_unit_test(test_tolerances),
	        cmocka_unit_test(test_quiet_links),
	        cmocka_unit_test(test_same_bytes),
	        cmocka_unit_test(test_stop),
	        cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
