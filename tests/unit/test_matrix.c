/* SPDX-License-Identifier: BSD-3-Clause */
// The link matrix: conversion to the data path's units, all or nothing, what is refused and with
// which numbers, links that arrive at an interface.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control_rig.h"
#include "link_convert.h"
#include "rng.h"

#define N_IFACES 8

static struct control_rig rig;

static int open_rig(void **state)
{
	control_rig_open(&rig, NULL);
	for (int i = 0; i < N_IFACES; i++) {
		char params[80];

		snprintf(params, sizeof(params),
		        "{\"name\":\"n%d\",\"kind\":\"router\",\"interfaces\":[\"i\"]}", i);
		json_decref(control_rig_call(&rig, "node.add", params));
	}
	return 0;
}

static int close_rig(void **state)
{
	control_rig_close(&rig, false);
	return 0;
}

static struct orrery_record new_link(uint32_t from, uint32_t to)
{
	return (struct orrery_record){
	        .from = from, .to = to, .set = ORRERY_SET_TO, .flags = ORRERY_LINK_UP};
}

// Stages, checks and applies one record.
static int commit(
        const struct orrery_record *record, struct matrix_result *result, struct fault *fault)
{
	uint64_t epoch;
	int ret;

	matrix_begin(rig.control->matrix);
	ret = matrix_stage(rig.control->matrix, record, fault);
	return ret < 0 ? ret : control_commit_matrix(rig.control, result, &epoch, fault);
}

static const struct link_params *published(uint32_t id)
{
	return &publisher_view(rig.control->publisher)->links[id];
}

static void test_conversion(void **state)
{
	const uint64_t hz = 2400000000; // 2.4 cycles a ns
	struct matrix_config config = {.tsc_hz = hz, .seed = 7};
	struct link link = {
	        .record = {.set = ORRERY_SET_ALL,
	                .to = 5,
	                .flags = ORRERY_LINK_UP,
	                .mtu = 1500,
	                .delay_ns = 4200000,
	                .slope_ns_s = -21000,
	                .jitter_ns = 1000,
	                .rate_kbps = 10000,
	                .queue_pkts = 100,
	                .loss = 1u << 31,
	                .good_us = 1000,
	                .bad_us = 10,
	                .loss_bad = UINT32_MAX,
	                .duplicate = 655,
	                .reorder = 6553,
	                .jitter_corr = 32768},
	        .t0_tsc = 12345,
	        .incarnation = 3,
	};
	struct link_params p;

	matrix_config_settle(&config);
	link_convert(&link, 9, 1, &config, &p);
	assert_int_equal(p.to, 5);
	assert_int_equal(p.flags, LINK_UP | LINK_IMPAIRED | LINK_GE);
	assert_int_equal(p.mtu_frame, 1514);
	assert_int_equal(p.incarnation, 3);
	assert_int_equal(p.worker, 1);
	assert_int_equal(p.delay_tsc, 10080000);
	assert_int_equal(p.t0_tsc, 12345);
	assert_float_equal((double)p.slope_q32 / 4294967296.0, -21e-6, 1e-9);
	// 10 Mbit/s: 800 ns a byte
	assert_float_equal((double)p.cycles_per_byte_q16 / 65536.0, 1920.0, 0.001);
	assert_int_equal(p.queue_bytes, 125000); // 100 ms at the rate
	assert_int_equal(p.queue_pkts, 100);
	assert_int_equal(p.jitter_tsc, 2400);
	assert_int_equal(p.good_mean_tsc, 2400000);
	assert_int_equal(p.bad_mean_tsc, 24000);
	assert_int_equal(p.loss_q32, 1u << 31);
	assert_int_equal(p.duplicate_q16, 655);

	link.record.rate_kbps = 0;
	link.record.good_us = link.record.bad_us = link.record.loss = link.record.jitter_ns = 0;
	link.record.duplicate = link.record.reorder = 0;
	link.record.mtu = 0;
	link.record.queue_pkts = 0;
	link_convert(&link, 9, 1, &config, &p);
	assert_int_equal(p.flags, LINK_UP);
	assert_int_equal(p.cycles_per_byte_q16, 0);
	assert_int_equal(p.queue_bytes, UINT32_MAX);
	assert_int_equal(p.queue_pkts, UINT32_MAX);
	assert_int_equal(p.mtu_frame, 0);
}

// The longest and the fastest values stay in their types.
// All that arrives at a router is one worker's, and told from what arrives at a pod.
static void test_router_worker(void **state)
{
	static const struct control_rig_options four = {.n_workers = 4};
	struct control_rig own;
	json_t *answer;

	control_rig_open(&own, &four);
	json_decref(control_rig_call(&own, "node.add",
	        "{\"name\":\"r\",\"kind\":\"router\",\"interfaces\":[\"a\",\"b\",\"c\"]}"));
	json_decref(control_rig_call(&own, "node.add",
	        "{\"name\":\"p\",\"kind\":\"pod\",\"interfaces\":[\"a\",\"b\"]}"));
	for (uint32_t i = 1; i < 3; i++)
		assert_int_equal(publisher_iface(own.control->publisher, i)->worker,
		        publisher_iface(own.control->publisher, 0)->worker);
	assert_int_not_equal(publisher_iface(own.control->publisher, 3)->worker,
	        publisher_iface(own.control->publisher, 4)->worker);
	answer = control_rig_call(
	        &own, "link.set", "{\"from\":\"r/b\",\"to\":\"p/b\",\"reverse\":true}");
	json_decref(answer);
	assert_int_equal(publisher_link(own.control->publisher, 1)->to, 4);
	assert_false(publisher_link(own.control->publisher, 1)->flags & LINK_TO_ROUTER);
	assert_true(publisher_link(own.control->publisher, 4)->flags & LINK_TO_ROUTER);
	control_rig_close(&own, false);
}

static void test_extremes(void **state)
{
	struct matrix_config config = {.tsc_hz = 5000000000ull};
	struct link link = {.record = {.set = ORRERY_SET_ALL,
	                            .delay_ns = MATRIX_DELAY_MAX_NS,
	                            .rate_kbps = 1,
	                            .slope_ns_s = INT32_MIN,
	                            .jitter_ns = UINT32_MAX,
	                            .good_us = UINT32_MAX,
	                            .bad_us = UINT32_MAX,
	                            .mtu = UINT16_MAX}};
	struct link_params p;

	matrix_config_settle(&config);
	link_convert(&link, 0, 0, &config, &p);
	assert_int_equal(p.delay_tsc, 20000000000ull);
	assert_float_equal((double)p.cycles_per_byte_q16 / 65536.0, 5e9 * 8 / 1000, 1.0);
	assert_int_equal(p.queue_bytes, MATRIX_QUEUE_MIN_BYTES);
	assert_int_equal(p.mtu_frame, 0); // a frame cannot be longer
	assert_int_equal(p.good_mean_tsc, (uint64_t)UINT32_MAX * 5000);
	link.record.rate_kbps = UINT32_MAX;
	link_convert(&link, 0, 0, &config, &p);
	assert_true(p.cycles_per_byte_q16 > 0);
	assert_int_equal(p.queue_bytes, UINT32_MAX - 1);
}

static void test_seed_by_link(void **state)
{
	const struct matrix_config one = {.tsc_hz = 1, .seed = 1}, two = {.tsc_hz = 1, .seed = 2};
	const struct link link = {.record = {.set = ORRERY_SET_ALL}};
	struct link_params a, b, c, again;

	link_convert(&link, 1, 0, &one, &a);
	link_convert(&link, 2, 0, &one, &b);
	link_convert(&link, 1, 0, &two, &c);
	link_convert(&link, 1, 0, &one, &again);
	assert_int_equal(a.seed, again.seed);
	assert_int_not_equal(a.seed, b.seed);
	assert_int_not_equal(a.seed, c.seed);
}

static void test_partial(void **state)
{
	struct orrery_record r = new_link(0, 1);
	struct matrix_result result = {0};
	struct fault fault = {0};
	uint32_t incarnation;

	r.set |= ORRERY_SET_DELAY | ORRERY_SET_RATE;
	r.delay_ns = 1000000;
	r.rate_kbps = 1000;
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.changed, 1);
	assert_int_equal(result.replugged, 1);
	assert_true(result.paths_changed);
	incarnation = published(0)->incarnation;

	// what is not named keeps its value
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_LOSS, .loss = 1000};
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.changed, 1);
	assert_false(result.paths_changed);
	assert_int_equal(published(0)->to, 1);
	assert_int_equal(published(0)->loss_q32, 1000);
	assert_int_equal(published(0)->queue_bytes, MATRIX_QUEUE_MIN_BYTES);
	assert_int_equal(published(0)->incarnation, incarnation);
	assert_int_equal(matrix_link(rig.control->matrix, 0)->record.delay_ns, 1000000);

	// the same again changes nothing
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.changed, 0);

	// plugged elsewhere: another link
	r = new_link(0, 2);
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.replugged, 1);
	assert_int_not_equal(published(0)->incarnation, incarnation);
	assert_int_equal(matrix_first_arriving(rig.control->matrix, 1), DP_NONE);
	assert_int_equal(matrix_first_arriving(rig.control->matrix, 2), 0);
}

static void test_down_time(void **state)
{
	struct orrery_record r = new_link(0, 1);
	struct matrix_result result = {0};
	struct fault fault = {0};
	uint64_t down;

	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(published(0)->down_tsc, 0);
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_UP, .flags = 0};
	assert_int_equal(commit(&r, &result, &fault), 0);
	down = published(0)->down_tsc;
	assert_true(down != 0);
	assert_int_equal(published(0)->flags & LINK_UP, 0);
	r.flags = ORRERY_LINK_UP;
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(published(0)->down_tsc, down); // kept
	assert_int_equal(published(0)->flags & LINK_UP, LINK_UP);
}

static void test_slope(void **state)
{
	struct orrery_record r = new_link(0, 1);
	struct matrix_result result = {0};
	struct fault fault = {0};
	const struct link *link = NULL;
	uint64_t hz = datapath_tsc_hz(rig.dp);

	r.set |= ORRERY_SET_DELAY | ORRERY_SET_SLOPE;
	r.delay_ns = 1000000;
	r.slope_ns_s = 20000;
	assert_int_equal(commit(&r, &result, &fault), 0);
	link = matrix_link(rig.control->matrix, 0);
	assert_int_equal(
	        matrix_delay_now_ns(rig.control->matrix, link, link->t0_tsc + 2 * hz), 1040000);
	// it acts for a while only
	assert_int_equal(
	        matrix_delay_now_ns(rig.control->matrix, link, link->t0_tsc + 60 * hz), 1200000);
	// a delay without a slope ends it
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_DELAY, .delay_ns = 5};
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(link->record.slope_ns_s, 0);
	// a slope without a delay goes on from the delay now; the same slope again starts again
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_SLOPE, .slope_ns_s = 1000};
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(link->record.delay_ns, 5);
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.changed, 1);
}

static void refuse(struct orrery_record r, int code, const char *field)
{
	struct matrix_result result = {0};
	struct fault fault = {0};

	assert_int_equal(commit(&r, &result, &fault), code);
	assert_string_equal(fault.field, field);
}

static void test_refusals(void **state)
{
	struct orrery_record good = new_link(0, 1), r;

	refuse(new_link(N_IFACES, 1), -ENOENT, "from");
	refuse(new_link(UINT32_MAX, 1), -ENOENT, "from");
	refuse(new_link(0, N_IFACES), -ENOENT, "to");
	refuse(new_link(0, 0), -EINVAL, "to");
	r = good, r.set |= 1u << 20;
	refuse(r, -EINVAL, "set");
	r = good, r.flags |= 1u << 9;
	refuse(r, -EINVAL, "flags");
	r = good, r.reserved = 1;
	refuse(r, -EINVAL, "reserved");
	r = good, r.set |= ORRERY_SET_DELAY, r.delay_ns = MATRIX_DELAY_MAX_NS + 1;
	refuse(r, -ERANGE, "delay_ns");
	r = good, r.set |= ORRERY_SET_LOSS, r.good_us = 5;
	refuse(r, -EINVAL, "bad_us");
	r = good, r.set |= ORRERY_SET_LOSS, r.bad_us = 5;
	refuse(r, -EINVAL, "good_us");
	r = good, r.set = ORRERY_SET_DELAY; // there is no such link yet
	refuse(r, -ENOENT, "from");
	assert_int_equal(matrix_count(rig.control->matrix), 0);
}

// Beyond the wheel: by delay, and by a queue that takes longer to leave than the wheel can hold.
static void test_horizon(void **state)
{
	struct orrery_record r = new_link(0, 1);
	struct matrix_result result = {0};
	struct fault fault = {0};

	r.set |= ORRERY_SET_DELAY | ORRERY_SET_SLOPE;
	r.delay_ns = MATRIX_DELAY_MAX_NS;
	assert_int_equal(commit(&r, &result, &fault), 0);
	r.slope_ns_s = 1;
	assert_int_equal(commit(&r, &result, &fault), -ERANGE);
	assert_string_equal(fault.field, "delay_ns");
	assert_non_null(strstr(fault.message, "n0/i"));
	assert_non_null(strstr(fault.message, "4s"));

	r = new_link(0, 1);
	r.set |= ORRERY_SET_RATE | ORRERY_SET_QUEUE | ORRERY_SET_DELAY;
	r.rate_kbps = 8; // 1 kB/s
	r.queue_bytes = 4001;
	assert_int_equal(commit(&r, &result, &fault), -ERANGE);
	assert_string_equal(fault.field, "queue_bytes");
	r.queue_bytes = 4000;
	assert_int_equal(commit(&r, &result, &fault), 0);
}

// The pool: what the links hold together counts, down and unplugged ones do not, and all or
// nothing.
static void test_pool(void **state)
{
	struct control *c = rig.control;
	uint64_t pool = matrix_config(c->matrix)->pool_frames, one;
	struct matrix_result result = {0};
	struct fault fault = {0};
	struct orrery_record r = new_link(0, 1);

	r.set |= ORRERY_SET_RATE | ORRERY_SET_DELAY | ORRERY_SET_QUEUE;
	r.rate_kbps = 12192; // 1 byte in 656 ns, 1000 frames of 1524 bytes a second
	r.delay_ns = 500000000;
	r.queue_bytes = 1;
	assert_int_equal(commit(&r, &result, &fault), 0);
	one = result.needed_frames;
	assert_true(one >= 500 && one <= 502);
	assert_int_equal(matrix_needed_frames(c->matrix), one);
	assert_true(2 * one > pool); // so that a second one is too many

	matrix_begin(c->matrix);
	r.from = 1, r.to = 2;
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	r = new_link(2, 3);
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	assert_int_equal(matrix_check(c->matrix, 1, &result, &fault), -ENOSPC);
	assert_non_null(strstr(fault.message, "frames in flight"));
	assert_null(matrix_link(c->matrix, 1)); // nothing of it
	assert_null(matrix_link(c->matrix, 2));
	assert_int_equal(matrix_needed_frames(c->matrix), one);

	// with the first one down, there is room
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_UP};
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_int_equal(result.needed_frames, 0);
	r = new_link(1, 2);
	r.set |= ORRERY_SET_RATE | ORRERY_SET_DELAY;
	r.rate_kbps = 12192;
	r.delay_ns = 300000000;
	assert_int_equal(commit(&r, &result, &fault), 0);
	assert_true(result.needed_frames >= 300 && result.needed_frames < 500);
}

// Records for one link in one epoch: later ones build on earlier ones.
static void test_same_link_twice(void **state)
{
	struct control *c = rig.control;
	struct orrery_record r = new_link(0, 1);
	struct matrix_result result = {0};
	struct fault fault = {0};
	uint64_t epoch;

	matrix_begin(c->matrix);
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	r = (struct orrery_record){.from = 0, .set = ORRERY_SET_DELAY, .delay_ns = 7};
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	r = (struct orrery_record){.from = 0, .to = 2, .set = ORRERY_SET_TO};
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	assert_int_equal(control_commit_matrix(c, &result, &epoch, &fault), 0);
	assert_int_equal(result.changed, 1);
	assert_int_equal(published(0)->to, 2);
	assert_int_equal(matrix_link(c->matrix, 0)->record.delay_ns, 7);
	assert_int_equal(matrix_first_arriving(c->matrix, 1), DP_NONE);
	// removed and made again in one epoch: a new link with nothing of the old
	matrix_begin(c->matrix);
	matrix_stage_del(c->matrix, 0);
	r = new_link(0, 2);
	assert_int_equal(matrix_stage(c->matrix, &r, &fault), 0);
	assert_int_equal(control_commit_matrix(c, &result, &epoch, &fault), 0);
	assert_int_equal(matrix_link(c->matrix, 0)->record.delay_ns, 0);
}

// Arriving links by the list against a scan, and the memory reckoning against a sum, after many
// changes.
static void test_churn(void **state)
{
	struct control *c = rig.control;
	struct rng rng;

	rng_seed(&rng, 1, 1);
	for (int round = 0; round < 2000; round++) {
		struct matrix_result result = {0};
		struct fault fault = {0};
		uint64_t epoch, frames = 0;
		uint32_t n_links = 0;

		matrix_begin(c->matrix);
		for (int i = 0; i < 3; i++) {
			uint64_t dice = rng_next(&rng);
			uint32_t from = (uint32_t)(dice % N_IFACES),
			         to = (uint32_t)(dice >> 8) % N_IFACES;
			struct orrery_record r =
			        new_link(from, dice >> 60 == 0 ? ORRERY_IFACE_NONE : to);

			if (dice >> 59 == 31) {
				matrix_stage_del(c->matrix, from);
				continue;
			}
			r.set |= ORRERY_SET_RATE | ORRERY_SET_DELAY | ORRERY_SET_UP;
			r.rate_kbps = 1000 + (uint32_t)(dice >> 40) % 4000;
			r.delay_ns = (uint32_t)(dice >> 20) % 50000000;
			r.flags = (dice >> 58 & 1) != 0 ? ORRERY_LINK_UP : 0;
			(void)!matrix_stage(c->matrix, &r, &fault); // from == to is refused
		}
		(void)!control_commit_matrix(c, &result, &epoch, &fault);
		for (uint32_t to = 0; to < N_IFACES; to++) {
			uint32_t listed = 0, scanned = 0;

			for (uint32_t id = matrix_first_arriving(c->matrix, to); id != DP_NONE;
			        id = matrix_link(c->matrix, id)->in_next) {
				assert_int_equal(matrix_link(c->matrix, id)->record.to, to);
				listed++;
			}
			for (uint32_t id = 0; id < N_IFACES; id++) {
				const struct link *link = matrix_link(c->matrix, id);

				scanned += link != NULL && link->record.to == to;
			}
			assert_int_equal(listed, scanned);
		}
		for (uint32_t id = 0; id < N_IFACES; id++) {
			const struct link *link = matrix_link(c->matrix, id);

			n_links += link != NULL;
			frames += link != NULL ? link->frames : 0;
			assert_int_equal(
			        published(id)->to, link != NULL ? link->record.to : DP_NONE);
		}
		assert_int_equal(n_links, matrix_count(c->matrix));
		assert_int_equal(frames, matrix_needed_frames(c->matrix));
	}
	assert_true(publisher_sides_equal(c->publisher, N_IFACES));
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_conversion),
	        cmocka_unit_test(test_router_worker),
	        cmocka_unit_test(test_extremes),
	        cmocka_unit_test(test_seed_by_link),
	        IN_RIG(test_partial),
	        IN_RIG(test_down_time),
	        IN_RIG(test_slope),
	        IN_RIG(test_refusals),
	        IN_RIG(test_horizon),
	        IN_RIG(test_pool),
	        IN_RIG(test_same_link_twice),
	        IN_RIG(test_churn),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
