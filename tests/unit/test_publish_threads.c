/* SPDX-License-Identifier: BSD-3-Clause */
// Publication against real workers: while control publishes epochs as fast as it can, rewrites and
// poisons what the grace period gave back, workers walk links, routes, targets and next hops of the
// view that they loaded, and find one epoch in all of them. CI runs it under the thread sanitizer
// too: no frames pass, so there are no rings of DPDK in it.
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "datapath.h"
#include "fib6.h"
#include "port_ops.h"
#include "publish.h"
#include "rig.h"

#define N_READERS 2
#define N_LINKS 48
#define N_PREFIXES 24
#define N_SLOTS 4 // of targets, used in turn: those of /64s, then those of /128s
#define N_EPOCHS 1000
#define PATIENCE_S 30
#define POISON 0xdeadbeefu

// A queue without frames: its rx_burst is where the worker walks the view.
struct reader {
	struct port_queue queue;
	struct datapath *dp;
	uint64_t last_epoch; // worker's own
	unsigned n_looked;
	_Atomic uint64_t n_epochs; // that it has seen
	_Atomic uint64_t n_mixed; // walks that did not find one epoch everywhere
};

// The sanitizer does not see into DPDK's libraries, and so not that a worker that was waited for
// has ended: what comes before the start and after the stop is not its business here.
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:^datapath_create$\nrace:^close_readers$\n";
}

static cpu_set_t all_cpus;
static struct reader readers[N_READERS];
static struct datapath *dp;
static struct publisher *publisher;

static void make_prefix(uint32_t n, uint8_t len, struct fib6_prefix *prefix)
{
	memset(prefix, 0, sizeof(*prefix));
	prefix->addr[0] = 0xfd;
	prefix->addr[5] = (uint8_t)(n * 37);
	prefix->addr[7] = (uint8_t)n;
	prefix->addr[15] = len == 128 ? 1 : 0;
	prefix->len = len;
}

static uint32_t slot_of(uint64_t epoch, bool is_host)
{
	return (uint32_t)(epoch % N_SLOTS) + (is_host ? N_SLOTS : 0);
}

// Odd epochs have a host route in every prefix, even ones do not.
static bool has_host_routes(uint64_t epoch)
{
	return epoch % 2 != 0;
}

static bool links_are_of(const struct view *view, uint64_t epoch)
{
	for (uint32_t i = 0; i < N_LINKS; i++) {
		const struct link_params *link = &view->links[i];

		if (link->delay_tsc != epoch * 1000 + i || link->seed != epoch ||
		        link->to != (i + epoch) % N_LINKS)
			return false;
	}
	return true;
}

static bool routes_are_of(const struct view *view, uint64_t epoch)
{
	uint32_t slot = slot_of(epoch, has_host_routes(epoch));

	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		struct fib6_prefix host;

		make_prefix(i, 128, &host);
		if (fib6_lookup(view->fib, host.addr) != slot ||
		        view->targets[slot].node_id != (uint32_t)epoch)
			return false;
	}
	return true;
}

static bool nexthops_are_of(const struct view *view, uint64_t epoch)
{
	const struct dp_nexthops *nexthops = view->nexthops;

	for (uint32_t i = 0; i < N_LINKS; i++) {
		if (nexthops->iface[i] != (uint32_t)epoch)
			return false;
	}
	return nexthops->epoch == epoch;
}

static uint16_t rx_walk(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct reader *reader = (struct reader *)queue;
	const struct view *view = datapath_published(reader->dp);
	uint64_t epoch = view->epoch;
	bool good = epoch >= reader->last_epoch && links_are_of(view, epoch);

	// in the middle: now control has all the time that it wants
	(void)sched_yield();
	good = good && routes_are_of(view, epoch) && nexthops_are_of(view, epoch) &&
	       links_are_of(view, epoch) && view->epoch == epoch;
	if (!good)
		atomic_fetch_add_explicit(&reader->n_mixed, 1, memory_order_relaxed);
	if (epoch != reader->last_epoch)
		atomic_fetch_add_explicit(&reader->n_epochs, 1, memory_order_relaxed);
	reader->last_epoch = epoch;
	return 0;
}

// Now and then it says no, and the worker goes to sleep.
static bool pending_mostly(struct port_queue *queue)
{
	return ++((struct reader *)queue)->n_looked % 8 != 0;
}

static const struct port_ops reader_ops = {
        .name = "reader", .rx_burst = rx_walk, .pending = pending_mostly};

static void poison_target(void *arg, void *value)
{
	publisher_target(publisher, (uint32_t)(uintptr_t)value)->node_id = POISON;
}

static void poison_nexthops(void *arg, void *value)
{
	struct dp_nexthops *nexthops = value;

	nexthops->epoch = POISON;
	memset(nexthops->iface, 0xee, N_LINKS * sizeof(nexthops->iface[0]));
}

static void write_links(uint64_t epoch)
{
	// the side that no worker reads any more
	for (uint32_t i = 0; i < N_LINKS; i++) {
		struct link_params *link = publisher_link(publisher, i);

		link->delay_tsc = link->seed = POISON;
		link->to = DP_NONE;
	}
	for (uint32_t i = 0; i < N_LINKS; i++) {
		struct link_params *link = publisher_link(publisher, i);

		link->delay_tsc = epoch * 1000 + i;
		link->seed = epoch;
		link->to = (uint32_t)((i + epoch) % N_LINKS);
	}
}

static void write_routes(uint64_t epoch)
{
	for (unsigned is_host = 0; is_host < 2; is_host++) {
		uint32_t slot = slot_of(epoch, is_host);

		publisher_target(publisher, slot)->node_id = (uint32_t)epoch;
		if (epoch > 1)
			publisher_defer(publisher, poison_target, NULL,
			        (void *)(uintptr_t)slot_of(epoch - 1, is_host));
	}
	for (uint32_t i = 0; i < N_PREFIXES; i++) {
		struct fib6_prefix prefix, host;

		make_prefix(i, 64, &prefix);
		make_prefix(i, 128, &host);
		assert_int_equal(publisher_route_add(publisher, &prefix, slot_of(epoch, false)), 0);
		if (has_host_routes(epoch))
			assert_int_equal(
			        publisher_route_add(publisher, &host, slot_of(epoch, true)), 0);
		else
			assert_int_equal(publisher_route_del(publisher, &host), 0);
	}
}

static void write_nexthops(uint64_t epoch)
{
	struct dp_nexthops *old = (struct dp_nexthops *)(uintptr_t)publisher_nexthops(publisher);
	struct dp_nexthops *nexthops =
	        calloc(1, sizeof(*nexthops) + N_LINKS * sizeof(nexthops->iface[0]));

	assert_non_null(nexthops);
	nexthops->epoch = epoch;
	for (uint32_t i = 0; i < N_LINKS; i++)
		nexthops->iface[i] = (uint32_t)epoch;
	if (old != NULL)
		publisher_defer(publisher, poison_nexthops, NULL, old); // then it is freed
	publisher_set_nexthops(publisher, nexthops);
}

static void publish_epoch(void)
{
	uint64_t epoch = publisher_new_epoch(publisher);

	write_links(epoch);
	write_routes(epoch);
	write_nexthops(epoch);
	publisher_commit(publisher);
}

static void open_readers(enum poll_mode poll)
{
	static const unsigned lcores[N_READERS] = {1, 2};
	struct datapath_config config = rig_config(N_READERS);
	struct publisher_limits limits = {.max_ifaces = N_LINKS,
	        .max_nodes = 16,
	        .max_targets = 2 * N_SLOTS,
	        .max_routes = 2 * N_PREFIXES};
	struct fault fault = {0};

	config.lcores = lcores;
	config.poll = poll;
	config.sweep_ns = 200000; // so long a queue without descriptor stays hot
	assert_int_equal(datapath_create(&config, &dp, &fault), 0);
	assert_int_equal(publisher_create(dp, &limits, &publisher, &fault), 0);
	publish_epoch();
	assert_int_equal(datapath_start(dp, &fault), 0);
	for (uint16_t i = 0; i < N_READERS; i++) {
		readers[i] = (struct reader){
		        .queue = {.ops = &reader_ops, .worker = i, .fd = -1}, .dp = dp};
		assert_int_equal(datapath_add_queue(dp, &readers[i].queue), 0);
	}
}

static void close_readers(void)
{
	for (uint16_t i = 0; i < N_READERS; i++)
		datapath_del_queue(dp, &readers[i].queue);
	datapath_stop(dp);
	publisher_destroy(publisher);
	datapath_destroy(dp);
}

static uint64_t least_seen(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < N_READERS; i++) {
		uint64_t n = atomic_load_explicit(&readers[i].n_epochs, memory_order_relaxed);

		least = n < least ? n : least;
	}
	return least;
}

static uint64_t count_mixed(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N_READERS; i++)
		n += atomic_load_explicit(&readers[i].n_mixed, memory_order_relaxed);
	return n;
}

static void publish_against(enum poll_mode poll, uint64_t n_seen)
{
	time_t end = time(NULL) + PATIENCE_S;

	open_readers(poll);
	while ((publisher_epoch(publisher) < N_EPOCHS || least_seen() < n_seen) &&
	        count_mixed() == 0 && time(NULL) < end)
		publish_epoch();
	assert_int_equal(count_mixed(), 0);
	assert_true(publisher_epoch(publisher) >= N_EPOCHS);
	assert_true(least_seen() >= n_seen);
}

static void test_polling(void **state)
{
	publish_against(POLL_BUSY, N_EPOCHS / 2);
	close_readers();
}

static bool all_slept(void)
{
	for (uint16_t i = 0; i < N_READERS; i++) {
		struct worker_stats stats;

		datapath_worker_stats(dp, i, &stats);
		if (stats.sleeps == 0)
			return false;
	}
	return true;
}

// Workers that sleep are not waited for, and wake in the middle of a publication.
static void test_sleeping(void **state)
{
	time_t end = time(NULL) + PATIENCE_S;

	publish_against(POLL_ADAPTIVE, N_EPOCHS / 10);
	while (!all_slept() && time(NULL) < end)
		publish_epoch();
	assert_true(all_slept());
	assert_int_equal(count_mixed(), 0);
	close_readers();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_polling),
	        cmocka_unit_test(test_sleeping),
	};

	(void)sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	rig_eal();
	// the workers share one processor; control has the others too
	(void)sched_setaffinity(0, sizeof(all_cpus), &all_cpus);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
