/* SPDX-License-Identifier: BSD-3-Clause */
// The player against a clock of the test's: epochs at their exact times, merged when late, seeking
// and playing agree, slopes that outlast the switch's, pins, files that do not fit, and the routes
// of epochs.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_rig.h"
#include "ephemeris_writer.h"
#include "player.h"
#include "player_links.h"
#include "rng.h"

#define S_NS 1000000000ull
#define MS_NS 1000000ull
#define N_NODES 8
#define N_IFACES (N_NODES * 2)
#define START_NS (1000 * S_NS)

static struct control_rig rig;
static struct player *player;
static uint64_t clock_ns; // the test's
static uint64_t work_ns; // that each look at the clock takes
static char folder[32], path[64];

static uint64_t fake_now(void *arg)
{
	return clock_ns += work_ns;
}

static uint64_t tsc_of(uint64_t ns)
{
	return 77 + (uint64_t)((unsigned __int128)ns * datapath_tsc_hz(rig.dp) / S_NS);
}

static uint64_t fake_tsc(void *arg)
{
	return tsc_of(clock_ns);
}

static void fake_wait(void *arg, uint64_t ns)
{
	assert_true(ns >= clock_ns);
	assert_true(ns - clock_ns < 25 * MS_NS);
	clock_ns = ns;
}

static int setup(void **state)
{
	static const struct player_clock clock = {fake_now, fake_tsc, fake_wait, NULL};

	control_rig_open(&rig, NULL);
	player = rig.control->player;
	clock_ns = START_NS;
	work_ns = 0;
	player_set_clock(player, &clock);
	strcpy(folder, "/tmp/orrery-player-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int teardown(void **state)
{
	control_rig_close(&rig, false);
	unlink(path);
	return rmdir(folder);
}

// --- files --------------------------------------------------------------------------------------

static struct orrery_record plug(uint32_t from, uint32_t to, uint32_t delay_ns, int32_t slope)
{
	return (struct orrery_record){.from = from,
	        .to = to,
	        .set = ORRERY_SET_ALL,
	        .flags = ORRERY_LINK_UP,
	        .delay_ns = delay_ns,
	        .slope_ns_s = slope};
}

static struct orrery_record line(uint32_t from, uint32_t delay_ns, int32_t slope)
{
	return (struct orrery_record){.from = from,
	        .to = ORRERY_IFACE_NONE,
	        .set = ORRERY_SET_DELAY | ORRERY_SET_SLOPE,
	        .delay_ns = delay_ns,
	        .slope_ns_s = slope};
}

static struct orrery_record unplug(uint32_t from)
{
	return (struct orrery_record){.from = from, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
}

// N_NODES routers n0, n1, ... with a/b each: interface 2 i is ni/a.
static struct ephemeris_writer *begin_file(uint64_t duration_ns)
{
	const struct ephemeris_info info = {
	        .name = "ring", .producer = "test", .duration_ns = duration_ns};
	struct ephemeris_writer *writer;

	assert_int_equal(ephemeris_writer_create(path, &info, &writer, NULL), 0);
	for (uint32_t i = 0; i < N_NODES; i++) {
		uint8_t address[16] = {0xfd, [15] = (uint8_t)(i + 1)};
		uint8_t prefix[16] = {0xfd, 1, [7] = (uint8_t)i};
		char name[16];
		uint32_t node, iface;

		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(
		        ephemeris_writer_node(writer, name, EPHEMERIS_ROUTER, address, &node, NULL),
		        0);
		assert_int_equal(ephemeris_writer_iface(writer, node, "a", &iface, NULL), 0);
		assert_int_equal(ephemeris_writer_iface(writer, node, "b", &iface, NULL), 0);
		assert_int_equal(ephemeris_writer_route(writer, prefix, 64, node, NULL), 0);
	}
	return writer;
}

static void add_epoch(
        struct ephemeris_writer *writer, uint64_t t_ns, struct orrery_record *records, uint32_t n)
{
	struct fault fault = {0};

	if (ephemeris_writer_epoch(writer, t_ns, records, n, &fault) != 0)
		fail_msg("%s", fault.message);
}

#define EPOCH(writer, t_ns, ...)                                       \
	add_epoch(writer, t_ns, (struct orrery_record[]){__VA_ARGS__}, \
	        sizeof((struct orrery_record[]){__VA_ARGS__}) / sizeof(struct orrery_record))

static void finish_file(struct ephemeris_writer *writer)
{
	struct fault fault = {0};

	if (ephemeris_writer_finish(writer, &fault) != 0)
		fail_msg("%s", fault.message);
	ephemeris_writer_destroy(writer);
}

static int try_load(struct fault *fault)
{
	struct ephemeris *file;

	assert_int_equal(ephemeris_open(path, EPHEMERIS_COPY, &file, fault), 0);
	return player_load(player, file, "test", fault);
}

static void load(void)
{
	struct fault fault = {0};

	if (try_load(&fault) < 0)
		fail_msg("%s", fault.message);
}

static void begin(double speed, uint64_t from_ns, bool loop)
{
	struct fault fault = {0};

	if (player_begin(player, &(struct player_start){speed, from_ns, loop}, &fault) < 0)
		fail_msg("%s", fault.message);
}

// --- looking ------------------------------------------------------------------------------------

static uint32_t id_of(const char *ref)
{
	struct iface *iface;

	assert_int_equal(model_ref_find(&rig.control->model, ref, "", &iface, NULL), 0);
	return iface->id;
}

static const struct link *link_of(const char *ref)
{
	return matrix_link(rig.control->matrix, id_of(ref));
}

static const struct link_params *published(const char *ref)
{
	return &publisher_view(rig.control->publisher)->links[id_of(ref)];
}

static int64_t delay_ns(const char *ref)
{
	return (int64_t)matrix_delay_now_ns(rig.control->matrix, link_of(ref), tsc_of(clock_ns));
}

static struct player_status status(void)
{
	struct player_status s;

	player_get_status(player, &s);
	return s;
}

static void assert_near(int64_t value, int64_t expected, int64_t by)
{
	if (llabs(value - expected) > by)
		fail_msg("%lld, expected %lld within %lld", (long long)value, (long long)expected,
		        (long long)by);
}

// As the timer would.
static void play_until(uint64_t ns)
{
	for (;;) {
		uint64_t due_ns = player_due_ns(player);

		if (due_ns > ns)
			break;
		if (due_ns > clock_ns)
			clock_ns = due_ns;
		player_run(player);
	}
	if (ns > clock_ns)
		clock_ns = ns;
}

static void write_small(void)
{
	struct ephemeris_writer *writer = begin_file(4 * S_NS);

	EPOCH(writer, 0, plug(0, 3, 1000000, 500), plug(3, 0, 1000000, 500));
	EPOCH(writer, 1 * S_NS, line(0, 2000000, -1000));
	EPOCH(writer, 2500 * MS_NS, line(0, 3000000, 0), plug(2, 5, 7000000, 0));
	EPOCH(writer, 3 * S_NS, plug(0, 7, 4000000, 0), unplug(3));
	finish_file(writer);
}

// --- tests --------------------------------------------------------------------------------------

static void test_exact_times(void **state)
{
	const double speed = 60;
	uint64_t epoch;

	write_small();
	load();
	assert_int_equal(status().made.nodes, N_NODES);
	assert_int_equal(status().made.ifaces, N_IFACES);
	assert_int_equal(status().made.routes, N_NODES);
	assert_null(link_of("n0/a"));
	begin(speed, 0, false);
	epoch = publisher_epoch(rig.control->publisher);
	assert_int_equal(delay_ns("n0/a"), 1000000);
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, 30000); // 60 times
	assert_int_equal(link_of("n0/a")->record.to, id_of("n1/b"));

	// 1 s of the file is 1/60 s; it is woken before, and there at its time
	assert_in_range(player_due_ns(player), START_NS + 16 * MS_NS, START_NS + 16666667 - 1);
	clock_ns = player_due_ns(player);
	assert_int_equal(delay_ns("n0/a"), 1000000 + 30000 * (clock_ns - START_NS) / S_NS);
	player_run(player);
	assert_int_equal(clock_ns, START_NS + 16666667);
	assert_int_equal(publisher_epoch(rig.control->publisher), epoch + 1);
	assert_int_equal(delay_ns("n0/a"), 2000000);
	assert_near((int64_t)published("n0/a")->t0_tsc, (int64_t)tsc_of(START_NS + 16666667), 3);
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, -60000);
	assert_int_equal(status().epoch, 1);

	play_until(START_NS + 41666667); // 2.5 s
	assert_int_equal(delay_ns("n0/a"), 3000000);
	assert_int_equal(link_of("n1/a")->record.to, id_of("n2/b"));
	play_until(START_NS + 50000000); // 3 s: a handover
	assert_int_equal(link_of("n0/a")->record.to, id_of("n3/b"));
	assert_int_equal(link_of("n1/b")->record.to, ORRERY_IFACE_NONE);
	assert_int_equal(status().applied, 3);
	assert_int_equal(status().late_max_ns, 0);
	assert_int_equal(status().state, PLAYER_PLAYING);
	play_until(START_NS + 70000000);
	assert_int_equal(status().state, PLAYER_ENDED);
	assert_int_equal(status().t_ns, 4 * S_NS);
	assert_int_equal(player_due_ns(player), UINT64_MAX);
}

static void test_late(void **state)
{
	uint64_t epoch;

	write_small();
	load();
	begin(1, 0, false);
	epoch = publisher_epoch(rig.control->publisher);
	clock_ns = START_NS + 3 * S_NS + 5 * MS_NS; // nobody had time for 3 epochs
	player_run(player);
	assert_int_equal(publisher_epoch(rig.control->publisher), epoch + 1);
	assert_int_equal(status().applied, 3);
	assert_int_equal(status().merged, 2);
	assert_int_equal(status().late, 3);
	assert_int_equal(status().late_ns, 2005 * MS_NS);
	assert_int_equal(status().late_max_ns, 2005 * MS_NS);
	assert_int_equal(link_of("n0/a")->record.to, id_of("n3/b"));
	assert_int_equal(link_of("n1/b")->record.to, ORRERY_IFACE_NONE);
	assert_int_equal(delay_ns("n1/a"), 7000000);
	// as if it had been in time
	assert_near((int64_t)published("n0/a")->t0_tsc, (int64_t)tsc_of(START_NS + 3 * S_NS), 3);
}

// Slow work makes it begin earlier, so that the next is in time.
static void test_learns(void **state)
{
	struct ephemeris_writer *writer = begin_file(100 * S_NS);

	for (uint32_t i = 0; i < 100; i++)
		EPOCH(writer, i * S_NS, plug(0, 3, 1000 * i, 0));
	finish_file(writer);
	load();
	begin(1, 0, false);
	work_ns = 400000; // a commit looks at the clock many times
	play_until(START_NS + 50 * S_NS);
	assert_in_range(status().late, 1, 3);
	assert_in_range(status().late_ns, 0, 500000);
}

// Links that come, move and go at random.
static void write_random(uint64_t n)
{
	struct ephemeris_writer *writer = begin_file(n * S_NS);
	struct orrery_record records[N_IFACES];
	struct rng rng;

	rng_seed(&rng, 1, 0);
	for (uint32_t i = 0; i < N_NODES; i++)
		records[i] = plug(2 * i, (2 * i + 3) % N_IFACES, 1000000 * (i + 1), 1000);
	add_epoch(writer, 0, records, N_NODES);
	for (uint64_t t = 1; t < n; t++) {
		uint32_t from = (uint32_t)(rng_next(&rng) % N_NODES) * 2;
		uint32_t to = (from + 3) % N_IFACES;

		if (rng_next(&rng) % 4 == 0)
			records[0] = unplug(from);
		else
			records[0] = plug(from, to, (uint32_t)t * 1000 + 50000, -3);
		records[1] = plug(from + 1, (from + 4) % N_IFACES, (uint32_t)t * 100, 1);
		add_epoch(writer, t * S_NS + t, records, 2);
	}
	finish_file(writer);
}

struct seen {
	uint32_t to[N_IFACES];
	int64_t delay_ns[N_IFACES];
};

static void look(struct seen *seen)
{
	for (uint32_t id = 0; id < N_IFACES; id++) {
		const struct link *link = matrix_link(rig.control->matrix, id);
		bool plugged = link != NULL && link->record.to != ORRERY_IFACE_NONE;

		seen->to[id] = plugged ? link->record.to : ORRERY_IFACE_NONE;
		seen->delay_ns[id] = plugged ? (int64_t)matrix_delay_now_ns(
		                                       rig.control->matrix, link, tsc_of(clock_ns))
		                             : 0;
	}
}

static void assert_same(const struct seen *a, const struct seen *b)
{
	for (uint32_t i = 0; i < N_IFACES; i++) {
		assert_int_equal(a->to[i], b->to[i]);
		assert_near(a->delay_ns[i], b->delay_ns[i], 2);
	}
}

static void test_seek_is_play(void **state)
{
	struct seen played[60], now;

	write_random(60);
	load();
	begin(1, 0, false);
	for (unsigned t = 0; t < 60; t++) {
		play_until(START_NS + t * S_NS + S_NS / 2);
		look(&played[t]);
	}
	assert_int_equal(status().late_max_ns, 0);
	for (unsigned k = 0; k < 60; k++) { // to and fro, standing still or not
		unsigned t = k * 37 % 60;

		if (k == 20)
			assert_int_equal(player_pause(player, NULL), 0);
		if (k == 40)
			assert_int_equal(player_resume(player, 0, NULL), 0);
		assert_int_equal(player_seek(player, t * S_NS + S_NS / 2, NULL), 0);
		look(&now);
		assert_same(&now, &played[t]);
		if (k < 20 || k >= 40) { // and on from there
			if (t + 3 >= 60)
				continue;
			play_until(clock_ns + 3 * S_NS);
			look(&now);
			assert_same(&now, &played[t + 3]);
		}
	}
	assert_int_equal(player_seek(player, 61 * S_NS, NULL), -ERANGE);
}

// A stall that is longer than what lies behind a key.
static void test_long_stall(void **state)
{
	struct seen late, now;

	write_random(600);
	load();
	begin(10, 0, false);
	clock_ns = START_NS + 50 * S_NS;
	player_run(player);
	look(&late);
	assert_int_equal(status().applied, 500); // the last is due 50 ns later
	assert_int_equal(status().merged, 498);
	assert_int_equal(status().commits, 3);
	assert_int_equal(player_pause(player, NULL), 0);
	assert_int_equal(player_seek(player, 500 * S_NS + 500, NULL), 0);
	look(&now);
	assert_same(&late, &now);
}

static void test_slopes_again(void **state)
{
	struct ephemeris_writer *writer = begin_file(100 * S_NS);

	EPOCH(writer, 0, plug(0, 3, 1000000, 1001), plug(2, 5, 90000000, -777));
	EPOCH(writer, 50 * S_NS, plug(4, 7, 1000, 0));
	finish_file(writer);
	load();
	begin(1, 0, false);
	for (int64_t t = 0; t < 99; t++) {
		play_until(START_NS + (uint64_t)t * S_NS);
		assert_near(delay_ns("n0/a"), 1000000 + 1001 * t, 2);
		assert_near(delay_ns("n1/a"), 90000000 - 777 * t, 2);
	}
	assert_int_equal(status().applied, 1);
	assert_in_range(status().commits, 10, 20);
	play_until(START_NS + 200 * S_NS); // over: they stand still
	assert_near(delay_ns("n0/a"), 1000000 + 1001 * 100, 2);
}

static void test_pause(void **state)
{
	struct seen paused, now;

	write_small();
	load();
	begin(2, 0, false);
	play_until(START_NS + 300 * MS_NS);
	assert_near(delay_ns("n0/a"), 1000300, 1);
	assert_int_equal(player_pause(player, NULL), 0);
	look(&paused);
	clock_ns += 1000 * S_NS;
	player_run(player);
	look(&now);
	assert_same(&paused, &now);
	assert_int_equal(status().t_ns, 600 * MS_NS);
	assert_int_equal(player_due_ns(player), UINT64_MAX);

	assert_int_equal(player_resume(player, 1, NULL), 0); // slower
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, 500);
	play_until(clock_ns + 100 * MS_NS);
	assert_near(delay_ns("n0/a"), 1000350, 1);
	assert_int_equal(player_resume(player, 10, NULL), 0); // faster, in motion
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, 5000);
	play_until(clock_ns + 20 * MS_NS);
	assert_near(delay_ns("n0/a"), 1000450, 1);
	play_until(clock_ns + 10 * MS_NS); // 1 s of the file
	assert_int_equal(delay_ns("n0/a"), 2000000);
	assert_int_equal(status().late_max_ns, 0);
}

static void test_step(void **state)
{
	write_small();
	load();
	assert_int_equal(player_step(player, 1, NULL), 0);
	assert_int_equal(status().epoch_t_ns, 0);
	assert_int_equal(delay_ns("n0/a"), 1000000);
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, 0);
	assert_int_equal(player_step(player, 1, NULL), 0);
	assert_int_equal(delay_ns("n0/a"), 2000000);
	assert_int_equal(delay_ns("n1/b"), 1000500); // all links are of that time
	assert_int_equal(player_step(player, 2, NULL), 0);
	assert_int_equal(status().t_ns, 3 * S_NS);
	assert_int_equal(player_step(player, 1, NULL), -ENOENT);
	assert_int_equal(status().state, PLAYER_PAUSED);
	assert_int_equal(player_seek(player, 500 * MS_NS, NULL), 0);
	assert_int_equal(player_step(player, 1, NULL), 0);
	assert_int_equal(status().t_ns, 1 * S_NS);
}

static void test_loop(void **state)
{
	write_small();
	load();
	assert_int_equal(player_begin(player, &(struct player_start){1000, 0, true}, NULL),
	        -ERANGE); // 4 ms a round
	begin(2, 0, true);
	for (uint64_t round = 0; round < 5; round++) {
		uint64_t from_ns = START_NS + round * 2 * S_NS;

		play_until(from_ns);
		assert_int_equal(status().loops, round);
		assert_int_equal(delay_ns("n0/a"), 1000000);
		assert_int_equal(link_of("n0/a")->record.to, id_of("n1/b"));
		assert_int_equal(link_of("n1/b")->record.to, id_of("n0/a"));
		assert_near((int64_t)published("n0/a")->t0_tsc, (int64_t)tsc_of(from_ns), 3);
		play_until(from_ns + 600 * MS_NS); // 1.2 s
		assert_near(delay_ns("n0/a"), 2000000 - 200, 1);
		play_until(from_ns + 1700 * MS_NS);
		assert_int_equal(link_of("n0/a")->record.to, id_of("n3/b"));
	}
	assert_int_equal(status().late_max_ns, 0);
	clock_ns = START_NS + 20 * S_NS + 600 * MS_NS; // several rounds late
	player_run(player);
	assert_int_equal(status().loops, 10);
	assert_near(delay_ns("n0/a"), 2000000 - 200, 1);
	assert_true(status().late_ns > 8 * S_NS);
	play_until(START_NS + 22 * S_NS);
	assert_int_equal(status().loops, 11);
	assert_int_equal(status().late_ns, 0);
}

static json_int_t call_int(const char *method, const char *params, const char *key)
{
	json_t *answer = control_rig_call(&rig, method, params);
	json_int_t value = json_integer_value(json_object_get(answer, key));

	if (json_object_get(answer, key) == NULL)
		fail_msg("%s: %s", method, json_dumps(answer, 0));
	json_decref(answer);
	return value;
}

static void test_pin(void **state)
{
	write_small();
	load();
	begin(1, 0, false);
	assert_int_equal(call_int("link.pin", "{\"from\":\"n0/a\"}", "pinned"), 1);
	assert_int_equal(call_int("link.pin", "{\"from\":\"n0/a\"}", "pinned"), 0);
	assert_int_equal(call_int("link.set",
	                         "{\"from\":\"n0/a\",\"delay_ns\":42,\"slope_ns_s\":0}", "changed"),
	        1);
	play_until(START_NS + 1500 * MS_NS);
	assert_int_equal(link_of("n0/a")->record.delay_ns, 42);
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, 0);
	assert_true(status().skipped_pinned > 0);
	assert_int_equal(player_seek(player, 1200 * MS_NS, NULL), 0);
	assert_int_equal(link_of("n0/a")->record.delay_ns, 42);
	assert_int_equal(call_int("matrix.commit",
	                         "{\"records\":[{\"from\":\"n0/a\",\"delay_ns\":7},"
	                         "{\"from\":\"n1/b\",\"loss\":0.5}]}",
	                         "pinned"),
	        1);
	assert_int_equal(link_of("n0/a")->record.delay_ns, 42);
	assert_int_equal(link_of("n1/b")->record.loss, 1u << 31);
	// released: it is where the file has it by now
	play_until(clock_ns + 300 * MS_NS);
	assert_int_equal(call_int("link.unpin", "{\"from\":\"n0/a\"}", "changed"), 1);
	assert_near(delay_ns("n0/a"), 2000000 - 500, 1);
	assert_int_equal(link_of("n0/a")->record.slope_ns_s, -1000);
	assert_int_equal(call_int("link.unpin", "{\"from\":\"n0/a\"}", "unpinned"), 0);
	assert_int_equal(call_int("matrix.show", "", "links_pinned"), 0);

	// a link that is deleted by hand stays away too
	assert_int_equal(call_int("link.pin", "{\"from\":\"n0/a\",\"reverse\":true}", "pinned"), 2);
	assert_int_equal(
	        call_int("link.del", "{\"from\":\"n0/a\",\"reverse\":true}", "deleted"), 2);
	play_until(clock_ns + 2 * S_NS);
	assert_null(link_of("n0/a"));
	assert_int_equal(call_int("link.unpin", "{\"from\":\"n0/a\"}", "changed"), 1);
	assert_int_equal(link_of("n0/a")->record.to, id_of("n3/b"));
	// the pin goes with the interface
	assert_int_equal(call_int("link.pin", "{\"from\":\"n0/a\"}", "total"), 2);
	json_decref(control_rig_call(&rig, "node.del", "{\"name\":\"n0\",\"force\":true}"));
	assert_int_equal(call_int("matrix.show", "", "links_pinned"), 1);
}

// What goes while it plays is left out, also when the id is somebody else's by then.
static void test_gone(void **state)
{
	struct link_params before;

	write_small();
	load();
	begin(1, 0, false);
	json_decref(control_rig_call(&rig, "node.del", "{\"name\":\"n0\",\"force\":true}"));
	json_decref(control_rig_call(&rig, "node.add",
	        "{\"name\":\"x\",\"kind\":\"router\",\"interfaces\":[\"y\",\"z\"]}"));
	assert_int_equal(
	        call_int("link.set",
	                "{\"from\":\"x/y\",\"to\":\"x/z\",\"delay_ns\":5,\"reverse\":true}",
	                "changed"),
	        2);
	before = *published("x/y");
	play_until(START_NS + 2600 * MS_NS);
	assert_memory_equal(&before, published("x/y"), sizeof(before));
	assert_int_equal(delay_ns("n1/a"), 7000000);
	assert_true(status().skipped_gone > 0);
	assert_int_equal(player_seek(player, 0, NULL), 0);
	assert_memory_equal(&before, published("x/y"), sizeof(before));
	assert_int_equal(link_of("n1/b")->record.to, ORRERY_IFACE_NONE); // led to n0
	assert_int_equal(player_stop(player, true), N_NODES - 1);
	assert_int_equal(rig.control->model.node_ids.n_used, 1);
}

// All or nothing.
static void test_load_refused(void **state)
{
	struct fault fault = {0};

	write_small();
	json_decref(control_rig_call(
	        &rig, "node.add", "{\"name\":\"n1\",\"kind\":\"router\",\"interfaces\":[\"a\"]}"));
	json_decref(control_rig_call(&rig, "node.add", "{\"name\":\"n7\",\"kind\":\"pod\"}"));
	assert_int_equal(try_load(&fault), -EEXIST); // n1 has no address
	json_decref(control_rig_call(&rig, "node.del", "{\"name\":\"n1\"}"));
	json_decref(control_rig_call(&rig, "node.add",
	        "{\"name\":\"n1\",\"kind\":\"router\",\"address\":\"fd00::2\","
	        "\"interfaces\":[\"a\"]}"));
	assert_int_equal(try_load(&fault), -EEXIST); // n7 is a pod
	assert_string_equal(fault.message, "node 'n7' exists as pod");
	assert_int_equal(rig.control->model.node_ids.n_used, 2);
	assert_int_equal(rig.control->model.iface_ids.n_used, 1);
	assert_int_equal(rig.control->routes.route_ids.n_used, 1);
	assert_int_equal(status().state, PLAYER_EMPTY);

	json_decref(control_rig_call(&rig, "node.del", "{\"name\":\"n7\"}"));
	json_decref(control_rig_call(
	        &rig, "route.add", "{\"prefix\":\"fd01:0:0:3::/64\",\"node\":\"n1\"}"));
	assert_int_equal(try_load(&fault), -EEXIST); // n3's prefix
	assert_int_equal(rig.control->model.node_ids.n_used, 1);
	assert_int_equal(rig.control->model.iface_ids.n_used, 1); // n1/b went again
	assert_int_equal(rig.control->routes.route_ids.n_used, 2);
	json_decref(control_rig_call(&rig, "route.del", "{\"prefix\":\"fd01:0:0:3::/64\"}"));
	assert_int_equal(try_load(&fault), 0);
	assert_int_equal(status().made.nodes, N_NODES - 1);
	assert_int_equal(status().made.ifaces, N_IFACES - 1);
	assert_int_equal(try_load(&fault), -EBUSY);
	assert_int_equal(player_stop(player, true), N_NODES - 1);
	assert_int_equal(rig.control->model.node_ids.n_used, 1); // n1 was there before
}

static void test_no_room(void **state)
{
	struct control_rig_options options = {.max_ifaces = N_IFACES - 1};
	struct fault fault = {0};

	write_small();
	control_rig_close(&rig, false);
	control_rig_open(&rig, &options);
	player = rig.control->player;
	assert_int_equal(try_load(&fault), -ENOSPC);
	assert_int_equal(rig.control->model.node_ids.n_used, 0);
}

// An epoch that the switch cannot hold: it stops there, and says why.
static void test_refused_epoch(void **state)
{
	struct ephemeris_writer *writer = begin_file(10 * S_NS);
	struct seen before, now;

	EPOCH(writer, 0, plug(0, 3, 1000000, 1000), plug(2, 5, 1000000, 0));
	EPOCH(writer, 1 * S_NS, line(2, 5, 0), line(0, 4000000000u, 1000000));
	EPOCH(writer, 2 * S_NS, line(0, 1000, 0));
	finish_file(writer);
	load();
	begin(1, 0, false);
	play_until(START_NS + 5 * S_NS);
	assert_int_equal(status().state, PLAYER_PAUSED);
	assert_non_null(strstr(status().error, "wheel"));
	assert_int_equal(delay_ns("n1/a"), 1000000); // nothing of it is in force
	assert_near(delay_ns("n0/a"), 1001000, 1);
	look(&before);
	clock_ns += 5 * S_NS;
	look(&now);
	assert_same(&before, &now);
	assert_int_equal(player_resume(player, 0, NULL), 0);
	play_until(clock_ns + S_NS);
	assert_int_equal(status().state, PLAYER_PAUSED);
	assert_non_null(strstr(status().error, "wheel"));
	assert_int_equal(player_seek(player, 2 * S_NS, NULL), 0); // past it
	assert_int_equal(delay_ns("n0/a"), 1000);
	assert_string_equal(status().error, "");
}

// The file can be cut or overwritten once it is loaded.
static void test_file_changes(void **state)
{
	write_small();
	load();
	begin(1, 0, false);
	assert_int_equal(truncate(path, 0), 0);
	play_until(START_NS + 3500 * MS_NS);
	assert_int_equal(status().applied, 3);
	assert_int_equal(link_of("n0/a")->record.to, id_of("n3/b"));
	assert_int_equal(player_seek(player, 0, NULL), 0);
}

// What a person sets and the file does not speak of stays.
static void test_other_parameters(void **state)
{
	write_small();
	load();
	begin(1, 0, false);
	json_decref(control_rig_call(&rig, "link.set", "{\"from\":\"n0/a\",\"loss\":0.5}"));
	play_until(START_NS + 2900 * MS_NS);
	assert_int_equal(link_of("n0/a")->record.loss, 1u << 31);
	assert_int_equal(delay_ns("n0/a"), 3000000);
	play_until(START_NS + 3 * S_NS); // another far end is another link
	assert_int_equal(link_of("n0/a")->record.loss, 0);
}

// --- routes -------------------------------------------------------------------------------------

// From n0 to n1: by n0/a until 1 s, then by n0/b and n2 for 2 ms, then by n0/a again.
static void write_detour(void)
{
	struct ephemeris_writer *writer = begin_file(20 * S_NS);

	EPOCH(writer, 0, plug(0, 3, 1000000, 0), plug(1, 4, 2000000, 0), plug(5, 2, 2000000, 0));
	EPOCH(writer, 1000 * MS_NS, line(0, 9000000, 0));
	EPOCH(writer, 1002 * MS_NS, line(0, 1000000, 0));
	EPOCH(writer, 2 * S_NS, line(0, 8000000, 0));
	finish_file(writer);
}

// The interface by which n0 sends to n1, in what workers see.
static uint32_t hop_seen(void)
{
	const struct dp_nexthops *t = publisher_view(rig.control->publisher)->nexthops;
	const struct model *model = &rig.control->model;

	assert_non_null(t);
	return dp_nexthops_cell(t, model_node_find(model, "n1")->dest_idx,
	        model_node_find(model, "n0")->router_idx);
}

static struct paths_counts counts(void)
{
	struct paths_counts n;

	paths_worker_get_counts(rig.control->paths, &n);
	return n;
}

static bool routes_are_of_this_epoch(void)
{
	const struct view *view = publisher_view(rig.control->publisher);

	return view->nexthops->epoch == view->epoch;
}

static void begin_detour(uint64_t convergence_ns)
{
	const struct paths_policy policy = {.convergence_ns = convergence_ns};
	const struct player_clock clock = {fake_now, fake_tsc, fake_wait, NULL};

	paths_worker_set_clock(rig.control->paths, &clock);
	paths_worker_set_policy(rig.control->paths, &policy);
	write_detour();
	load();
	begin(1, 0, false);
	paths_worker_settle(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a"));
}

// What was computed ahead comes in the same view as the links, also for epochs in quick succession.
static void test_routes_with_epoch(void **state)
{
	begin_detour(0);
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a")); // not before its time
	play_until(START_NS + 1000 * MS_NS);
	assert_int_equal(link_of("n0/a")->record.delay_ns, 9000000);
	assert_int_equal(hop_seen(), id_of("n0/b"));
	assert_true(routes_are_of_this_epoch());
	assert_false(paths_worker_pending(rig.control->paths));
	play_until(START_NS + 1002 * MS_NS);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_true(routes_are_of_this_epoch());
	play_until(START_NS + 2 * S_NS);
	assert_int_equal(hop_seen(), id_of("n0/b"));
	assert_int_equal(counts().with_epoch, 3);
	assert_int_equal(counts().late, 0);
}

// Nothing was computed ahead: the epoch does not wait, its routes follow and are counted.
static void test_routes_late(void **state)
{
	begin_detour(0);
	play_until(START_NS + 1000 * MS_NS);
	assert_int_equal(link_of("n0/a")->record.delay_ns, 9000000);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_true(paths_worker_pending(rig.control->paths));
	assert_int_equal(counts().late, 1);
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/b"));
	assert_false(paths_worker_pending(rig.control->paths));
	play_until(START_NS + 1002 * MS_NS); // it caught up
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_int_equal(counts().with_epoch, 1);
}

// What somebody changes, pins, or seeks voids what was computed ahead.
static void test_routes_of_no_future(void **state)
{
	struct fault fault = {0};

	begin_detour(0);
	paths_worker_run(rig.control->paths);
	json_decref(control_rig_call(&rig, "link.set", "{\"from\":\"n0/b\",\"up\":false}"));
	paths_worker_run(rig.control->paths);
	play_until(START_NS + 1000 * MS_NS);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_true(routes_are_of_this_epoch());
	json_decref(control_rig_call(&rig, "link.set", "{\"from\":\"n0/b\",\"up\":true}"));
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/b"));

	json_decref(control_rig_call(&rig, "link.pin", "{\"from\":\"n0/a\"}"));
	paths_worker_run(rig.control->paths);
	play_until(START_NS + 1002 * MS_NS); // 9 ms still
	assert_int_equal(hop_seen(), id_of("n0/b"));
	json_decref(control_rig_call(&rig, "link.unpin", "{\"from\":\"n0/a\"}"));
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_int_equal(player_seek(player, 1001 * MS_NS, &fault), 0);
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/b"));
	assert_false(paths_worker_pending(rig.control->paths));
}

static void test_convergence(void **state)
{
	begin_detour(300 * MS_NS);
	paths_worker_run(rig.control->paths);
	play_until(START_NS + 1000 * MS_NS);
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	play_until(START_NS + 1299 * MS_NS); // two epochs on
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	clock_ns = START_NS + 1301 * MS_NS;
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/b")); // as the links were 300 ms ago
	clock_ns = START_NS + 1303 * MS_NS;
	paths_worker_run(rig.control->paths);
	assert_int_equal(hop_seen(), id_of("n0/a"));
	assert_false(paths_worker_pending(rig.control->paths));
	assert_int_equal(counts().late, 0);
	assert_int_equal(counts().with_epoch, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        TEST(test_exact_times),
	        TEST(test_late),
	        TEST(test_learns),
	        TEST(test_seek_is_play),
	        TEST(test_long_stall),
	        TEST(test_slopes_again),
	        TEST(test_pause),
	        TEST(test_step),
	        TEST(test_loop),
	        TEST(test_pin),
	        TEST(test_gone),
	        TEST(test_load_refused),
	        TEST(test_no_room),
	        TEST(test_refused_epoch),
	        TEST(test_file_changes),
	        TEST(test_other_parameters),
	        TEST(test_routes_with_epoch),
	        TEST(test_routes_late),
	        TEST(test_routes_of_no_future),
	        TEST(test_convergence),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
