/* SPDX-License-Identifier: BSD-3-Clause */
// Publication: after any sequence of batches both sides hold the same, the published one has what
// was written, and nothing deferred runs before its grace period.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control_rig.h"
#include "rng.h"

#define N_LINKS 200
#define N_PREFIXES 300

static struct datapath *dp;
static struct publisher *publisher;

static int open_publisher(void **state)
{
	struct datapath_config config = {
	        .n_workers = 2,
	        .max_ifaces = N_LINKS,
	        .max_nodes = 16,
	        .max_targets = 512,
	        .max_ports = 16,
	        .wheel_horizon_ns = 10000000,
	        .wheel_slot_ns = 1000,
	        .pool_frames = 511,
	        .frame_bytes = 1518,
	};
	struct publisher_limits limits = {
	        .max_ifaces = N_LINKS, .max_nodes = 16, .max_targets = 512, .max_routes = 1000};
	struct fault fault = {0};

	assert_int_equal(datapath_create(&config, &dp, &fault), 0);
	assert_int_equal(publisher_create(dp, &limits, &publisher, &fault), 0);
	return 0;
}

static int close_publisher(void **state)
{
	publisher_destroy(publisher);
	datapath_destroy(dp);
	return 0;
}

static void make_prefix(uint32_t n, struct fib6_prefix *prefix)
{
	static const uint8_t lens[] = {32, 48, 56, 64, 96, 128};

	memset(prefix, 0, sizeof(*prefix));
	prefix->addr[0] = 0xfd;
	prefix->addr[1] = (uint8_t)(n % 7);
	prefix->addr[3] = (uint8_t)n;
	prefix->addr[5] = (uint8_t)(n >> 8);
	prefix->addr[15] = (uint8_t)n;
	prefix->len = lens[n % sizeof(lens)];
	for (unsigned i = prefix->len; i < 128; i++)
		prefix->addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static void test_churn(void **state)
{
	struct link_params expected[N_LINKS];
	uint32_t target[N_PREFIXES];
	struct rng rng;

	rng_seed(&rng, 5, 5);
	for (uint32_t i = 0; i < N_LINKS; i++) {
		publisher_iface_init(publisher, i, 0, NODE_KIND_POD, 0);
		expected[i] = (struct link_params){.to = DP_NONE};
	}
	memset(target, 0xff, sizeof(target));
	for (int round = 0; round < 1500; round++) {
		unsigned n = (unsigned)(rng_next(&rng) % 20);

		for (unsigned i = 0; i < n; i++) {
			uint64_t dice = rng_next(&rng);
			uint32_t id = (uint32_t)(dice % N_LINKS),
			         p = (uint32_t)(dice >> 16) % N_PREFIXES;
			struct link_params *link;
			struct fib6_prefix prefix;

			link = publisher_link(publisher, id);
			link->delay_tsc = dice;
			link->to = (uint32_t)(dice >> 32) % N_LINKS;
			expected[id].delay_tsc = link->delay_tsc;
			expected[id].to = link->to;
			make_prefix(p, &prefix);
			if (target[p] != DP_NONE && (dice >> 61 & 1) != 0) {
				assert_int_equal(publisher_route_del(publisher, &prefix), 0);
				target[p] = DP_NONE;
			} else {
				target[p] = (uint32_t)(dice >> 40) % 512;
				assert_int_equal(
				        publisher_route_add(publisher, &prefix, target[p]), 0);
			}
		}
		publisher_commit(publisher);
		assert_false(publisher_dirty(publisher));
		assert_true(publisher_sides_equal(publisher, N_LINKS));
		for (uint32_t i = 0; i < N_LINKS; i++) {
			const struct link_params *link = &publisher_view(publisher)->links[i];

			assert_int_equal(link->delay_tsc, expected[i].delay_tsc);
			assert_int_equal(link->to, expected[i].to);
		}
	}
	// both FIBs answer the same for every address there is a prefix for, and for others
	for (uint32_t p = 0; p < N_PREFIXES * 2; p++) {
		struct fib6_prefix prefix;

		make_prefix(p, &prefix);
		assert_int_equal(fib6_lookup(publisher_fib(publisher, 0), prefix.addr),
		        fib6_lookup(publisher_fib(publisher, 1), prefix.addr));
		// a /128 is nobody else's
		if (p < N_PREFIXES && prefix.len == 128)
			assert_true(target[p] == DP_NONE ||
			            fib6_lookup(publisher_view(publisher)->fib, prefix.addr) ==
			                    target[p]);
	}
}

// A batch does not show before its commit, and then all at once.
static void test_not_before(void **state)
{
	const struct link_params *before;
	struct fib6_prefix prefix;

	for (uint32_t i = 0; i < N_LINKS; i++)
		publisher_iface_init(publisher, i, 0, NODE_KIND_POD, 0);
	before = publisher_view(publisher)->links;
	make_prefix(5, &prefix);
	publisher_link(publisher, 3)->to = 4;
	assert_int_equal(publisher_route_add(publisher, &prefix, 1), 0);
	assert_int_equal(before[3].to, DP_NONE);
	assert_int_equal(fib6_lookup(publisher_view(publisher)->fib, prefix.addr), FIB6_NONE);
	publisher_new_epoch(publisher);
	publisher_commit(publisher);
	assert_ptr_not_equal(publisher_view(publisher)->links, before);
	assert_int_equal(publisher_view(publisher)->links[3].to, 4);
	assert_int_equal(publisher_view(publisher)->epoch, 1);
	assert_int_equal(fib6_lookup(publisher_view(publisher)->fib, prefix.addr), 1);
}

static void count_up(void *arg, void *value)
{
	++*(int *)arg;
	if (value != NULL)
		publisher_defer(publisher, count_up, arg, NULL);
}

static void test_deferred(void **state)
{
	int n = 0;

	publisher_defer(publisher, count_up, &n, NULL);
	publisher_defer(publisher, count_up, &n, &n); // defers once more
	assert_int_equal(n, 0);
	assert_true(publisher_dirty(publisher));
	publisher_commit(publisher);
	assert_int_equal(n, 2);
	publisher_commit(publisher);
	assert_int_equal(n, 3);
	for (int i = 0; i < 1000; i++)
		publisher_defer(publisher, count_up, &n, NULL);
	publisher_commit(publisher);
	assert_int_equal(n, 1003);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, open_publisher, close_publisher)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        IN_RIG(test_churn),
	        IN_RIG(test_not_before),
	        IN_RIG(test_deferred),
	};

	control_rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
