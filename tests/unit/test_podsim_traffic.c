/* SPDX-License-Identifier: BSD-3-Clause */
// podsim: frames and their checksum, flows and prefixes, sequences, histogram, options.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow.h"
#include "frame.h"
#include "histogram.h"
#include "options.h"
#include "rng.h"
#include "track.h"

static const struct frame_template template = {
        .dst_mac = {2, 0, 0x5e, 0, 0, 1},
        .src_mac = {2, 0x70, 0, 0, 0, 9},
        .type = FRAME_TYPE_IPV6,
        .src = {0xfd, 0, 0, 2},
        .dst = {0xfd, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7},
        .src_port_id = 9,
        .dst_port_id = 8,
};

// The checksum of UDP over IPv6 as RFC 8200, 8.1 has it: big-endian words, from the bytes.
static bool udp_checksum_is_right(const uint8_t *frame, uint32_t bytes)
{
	uint32_t sum = 17 + (bytes - 54);

	for (uint32_t i = 22; i < bytes; i++)
		sum += (uint32_t)frame[i] << (i % 2 == 0 ? 8 : 0);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static void test_checksum(void **state)
{
	static uint32_t sums[FRAME_BYTES_MAX + 1];
	_Alignas(64) static uint8_t buffer[FRAME_BYTES_MAX];
	struct frame *frame = (void *)buffer;
	struct rng rng;

	rng_seed(&rng, 3, 3);
	frame_size_sums(sums, FRAME_BYTES_MAX);
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t bytes = i < 20 ? FRAME_BYTES_MIN + i
		                        : (uint32_t)(FRAME_BYTES_MIN + rng_next(&rng) % 3000);
		bool stamped = bytes >= FRAME_BYTES_STAMPED;

		memset(buffer, 0, sizeof(buffer));
		frame_write(frame, &template, bytes, sums[bytes]);
		frame_stamp(frame, (uint32_t)rng_next(&rng), (uint32_t)rng_next(&rng),
		        (uint32_t)rng_next(&rng), rng_next(&rng), stamped);
		assert_true(udp_checksum_is_right(buffer, bytes));
		assert_true(frame_balances(frame, stamped));
		assert_true(frame_pattern_holds(frame, bytes));
		frame->ports ^= 1u << rng_next(&rng) % 32;
		assert_false(frame_balances(frame, stamped));
	}
}

static void test_resize(void **state)
{
	static uint32_t sums[FRAME_BYTES_MAX + 1];
	_Alignas(64) static uint8_t buffer[1600];
	struct frame *frame = (void *)buffer;

	frame_size_sums(sums, FRAME_BYTES_MAX);
	frame_write(frame, &template, 1518, sums[1518]);
	for (uint32_t bytes = FRAME_BYTES_STAMPED; bytes <= 1518; bytes += 7) {
		frame_resize(frame, bytes, frame_constant(&template), sums[bytes]);
		frame_stamp(frame, 5, 6, 7, 8, /*stamped*/ true);
		assert_true(udp_checksum_is_right(buffer, bytes));
	}
	buffer[800] ^= 4;
	assert_false(frame_pattern_holds(frame, 1518));
	assert_true(frame_pattern_holds(frame, 800));
}

static void test_stamp_survives(void **state)
{
	_Alignas(64) uint8_t buffer[128] = {0};
	struct frame *frame = (void *)buffer;
	uint64_t late = 0xfffffffffff0ull;

	frame_stamp(frame, 1, 2, 0xdeadbeef, late, /*stamped*/ true);
	assert_int_equal(frame->seq, 0xdeadbeef);
	assert_int_equal(frame_cycles(frame), late);
	assert_int_equal(frame_age(late + 0x30, late), 0x30); // across 2^48
}

static void test_prefixes_differ(void **state)
{
	struct flow_plan plan = {.n_flows = 1, .n_prefixes = 65536, .n_destinations = 3};
	uint8_t *seen = calloc(65536, 1);
	uint32_t n = 0;

	assert_int_equal(flow_plan_base(&plan, "fd00:1::/48", NULL), 0);
	for (uint32_t d = 0; d < 3; d++) {
		for (uint32_t k = 0; k < flow_prefix_count(&plan, d); k++, n++) {
			static const uint8_t base[6] = {0xfd, 0, 0, 1, 0, 0};
			uint8_t prefix[16];

			flow_prefix(&plan, d, k, prefix);
			assert_memory_equal(prefix, base, 6);
			assert_false(seen[prefix[6] << 8 | prefix[7]]);
			seen[prefix[6] << 8 | prefix[7]] = 1;
		}
	}
	assert_int_equal(n, 65536);
	free(seen);
	plan.n_prefixes = 65537;
	assert_int_equal(flow_plan_base(&plan, "fd00:1::/48", NULL), -ERANGE);
	assert_int_equal(flow_plan_base(&plan, "fd00:1::/32", NULL), 0);
	assert_int_equal(flow_plan_base(&plan, "fd00:1:2::1/64", NULL), -EINVAL);
	assert_int_equal(flow_plan_base(&plan, "fd00:1:2:3::/48", NULL), -EINVAL);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

// Flows of a sender have different ports, stay with their prefix and only go to prefixes of their
// destination.
static void test_flows(void **state)
{
	struct flow_plan plan = {.n_flows = 1000, .n_prefixes = 70, .n_destinations = 2};
	static uint32_t ports[1000], subnets[1000];
	struct flow_cursor cursor;

	assert_int_equal(flow_plan_base(&plan, "fd00:1::/48", NULL), 0);
	flow_cursor_init(&cursor, &plan, 1);
	for (uint32_t i = 0; i < 3000; i++) {
		struct flow flow = flow_next(&cursor);
		uint8_t prefix[16];

		if (i < 1000) {
			ports[i] = flow.ports;
			subnets[i] = flow.subnet_be;
			flow_prefix(&plan, 1, i % flow_prefix_count(&plan, 1), prefix);
			assert_memory_equal(&flow.subnet_be, prefix + 4, 4);
		}
		assert_int_equal(flow.ports, ports[i % 1000]);
		assert_int_equal(flow.subnet_be, subnets[i % 1000]);
	}
	qsort(ports, 1000, sizeof(ports[0]), compare);
	for (uint32_t i = 1; i < 1000; i++)
		assert_int_not_equal(ports[i], ports[i - 1]);
}

static void test_track(void **state)
{
	struct track t = {0};

	for (uint32_t i = 0; i < 5000; i++)
		track_see(&t, i);
	assert_int_equal(t.n_lost + t.n_reordered + t.n_duplicates + t.n_late, 0);
	track_see(&t, 5010); // 10 lost
	assert_int_equal(t.n_lost, 10);
	track_see(&t, 5003); // one of them late
	assert_int_equal(t.n_lost, 9);
	assert_int_equal(t.n_reordered, 1);
	track_see(&t, 5003);
	track_see(&t, 5010);
	track_see(&t, 4990);
	assert_int_equal(t.n_duplicates, 3);
	track_see(&t, 5010 - TRACK_WINDOW);
	assert_int_equal(t.n_late, 1);
	track_see(&t, 5011 + 3 * TRACK_WINDOW);
	assert_int_equal(t.n_lost, 9 + 3 * TRACK_WINDOW);
}

static void test_track_first_and_wrap(void **state)
{
	struct track t = {0};

	track_see(&t, 3); // 0, 1 and 2 never came
	assert_int_equal(t.n_lost, 3);
	t = (struct track){.started = true, .next = 0xfffffff0u};
	for (uint32_t i = 0; i < 64; i++)
		track_see(&t, 0xfffffff0u + i);
	assert_int_equal(t.n_lost + t.n_reordered + t.n_duplicates + t.n_late, 0);
}

// Against a plain count of each number: a stream with losses, swaps and copies within the window.
static void test_track_random(void **state)
{
	enum { N = 100000 };
	uint8_t *seen = calloc(N + 1, 1);
	struct track t = {0};
	struct rng rng;
	uint64_t duplicates = 0, lost = 0;
	uint32_t top = 0;

	rng_seed(&rng, 5, 5);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t seq = i;

		if (rng_next(&rng) % 10 == 0)
			continue;
		if (rng_next(&rng) % 10 == 0)
			seq = i > 500 ? i - (uint32_t)(rng_next(&rng) % 500) : i;
		duplicates += seen[seq];
		seen[seq] = 1;
		top = seq > top ? seq : top;
		track_see(&t, seq);
	}
	for (uint32_t i = 0; i <= top; i++)
		lost += !seen[i];
	assert_int_equal(t.n_duplicates, duplicates);
	assert_int_equal(t.n_lost, lost);
	assert_int_equal(t.n_late, 0);
	free(seen);
}

static void test_histogram(void **state)
{
	static struct histogram h, before, window;
	struct rng rng;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_bucket(histogram_low(i)), i);
		assert_int_equal(histogram_bucket(histogram_high(i)), i);
	}
	rng_seed(&rng, 1, 1);
	for (int i = 0; i < 10000; i++) {
		uint64_t v = rng_next(&rng) >> (16 + rng_next(&rng) % 48);
		uint32_t b = histogram_bucket(v);

		assert_in_range(v, histogram_low(b), histogram_high(b));
		assert_true(histogram_high(b) - histogram_low(b) <= v / 64);
	}
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (uint64_t v = 1; v <= 50; v++)
		histogram_add(&h, v, 2);
	assert_int_equal(histogram_count(&h), 100);
	assert_int_equal(histogram_percentile(&h, 0), 1);
	assert_int_equal(histogram_percentile(&h, 0.5), 25);
	assert_int_equal(histogram_percentile(&h, 0.99), 50);
	assert_int_equal(histogram_percentile(&h, 1), 50);
	before = h;
	histogram_add(&h, 60, 1);
	histogram_subtract(&window, &h, &before);
	assert_int_equal(histogram_percentile(&window, 0.5), 60);
	assert_int_equal(histogram_percentile(&(struct histogram){{0}}, 0.5), 0);
}

static int parse(struct options *options, enum options_done *done, const char *line)
{
	static char text[256];
	static char name[] = "orrery-podsim";
	char *argv[32] = {name};
	char *save = NULL;
	int argc = 1, err;

	strcpy(text, line);
	for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	err = options_parse(options, argc, argv, done, NULL);
	return err;
}

static void test_options(void **state)
{
	enum options_done done;
	struct options o;

	assert_int_equal(
	        parse(&o, &done, "--ports 10 --active 0,2,5-7 --rate 1.5M --size 64:3,128"), 0);
	assert_int_equal(o.n_ports, 10);
	assert_true(o.busy[0] && !o.busy[1] && o.busy[2] && o.busy[5] && o.busy[7] && !o.busy[8]);
	assert_true(o.rate_pps == 1.5e6);
	assert_int_equal(o.n_sizes, 2);
	assert_int_equal(o.sizes[0].weight, 3);
	options_fini(&o);
	assert_int_equal(parse(&o, &done, "--ports 10 --active 3"), 0);
	assert_true(o.busy[2] && !o.busy[3]);
	options_fini(&o);
	assert_int_equal(parse(&o, &done, "--help"), 0);
	assert_int_equal(done, OPTIONS_HELP);
	options_fini(&o);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = {"--ports 0", "--ports 1x", "--active 1,2,", "--active 5",
	        "--active 1-0", "--rate 0", "--rate 1G", "--rate x", "--size 63", "--size 64-",
	        "--size 9217", "--size 100-90", "--size 64:0", "--ring-size 100",
	        "--ring-size 65536", "--path /x/p.sock", "--path /x/%s", "--path /%d/%d",
	        "--src %n", "--kick maybe", "--burst 65", "--duration 5", "--dst-mac 02:00",
	        "--nonsense", "stray", "--ports", "--size 1500 --buffer 100 --no-mergeable",
	        "--max-loss -1", "--poll-gap 2ms"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum options_done done;
		struct options o;

		if (parse(&o, &done, bad[i]) == 0)
			fail_msg("accepted: %s", bad[i]);
		options_fini(&o);
	}
}

static void test_size_table(void **state)
{
	struct options_size sizes[OPTIONS_SIZES_MAX];
	uint16_t table[1024];
	uint32_t n, count[3] = {0};

	assert_int_equal(options_parse_sizes("imix", sizes, &n, NULL), 0);
	options_size_table(sizes, n, 1, table, 1024);
	for (int i = 0; i < 1024; i++)
		count[table[i] == 64 ? 0 : table[i] == 594 ? 1 : 2]++;
	assert_in_range(count[0], 596, 598);
	assert_in_range(count[1], 340, 342);
	assert_in_range(count[2], 85, 87);
	assert_int_equal(options_parse_sizes("100-200", sizes, &n, NULL), 0);
	options_size_table(sizes, n, 1, table, 1024);
	for (int i = 0; i < 1024; i++)
		assert_in_range(table[i], 100, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_checksum),
	        cmocka_unit_test(test_resize),
	        cmocka_unit_test(test_stamp_survives),
	        cmocka_unit_test(test_prefixes_differ),
	        cmocka_unit_test(test_flows),
	        cmocka_unit_test(test_track),
	        cmocka_unit_test(test_track_first_and_wrap),
	        cmocka_unit_test(test_track_random),
	        cmocka_unit_test(test_histogram),
	        cmocka_unit_test(test_options),
	        cmocka_unit_test(test_bad_options),
	        cmocka_unit_test(test_size_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
