/* SPDX-License-Identifier: BSD-3-Clause */
// The whole pipeline between ports in memory: delays to the cycle, every drop counted by reason and
// link, no buffer lost, workers handing frames to each other.
#include <rte_mbuf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"

#define T0 1000000000ull

static void test_wire(void **state)
{
	struct rig rig;
	struct rte_mbuf *m;
	struct iface_stats iface;
	struct link_stats link;

	rig_open(&rig, 1, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 12345;
	rig_publish(&rig);
	rig_send(&rig, 0, 3, 100, 7);
	rig_run(&rig, T0);
	datapath_link_stats(rig.dp, 0, &link);
	assert_int_equal(link.in_flight_pkts, 3);
	assert_int_equal(link.in_flight_bytes, 300);
	rig_run(&rig, T0 + 12344);
	assert_int_equal(rig_count(&rig, 1), 0);
	rig_run(&rig, T0 + 12345);
	for (uint32_t i = 0; i < 3; i++) {
		m = rig_receive(&rig, 1);
		assert_non_null(m);
		assert_int_equal(rig_tag(m), 7 + i);
		assert_int_equal(rte_pktmbuf_pkt_len(m), 100);
		rte_pktmbuf_free(m);
	}
	assert_null(rig_receive(&rig, 1));
	assert_int_equal(mem_flushes(&rig.ports[1]), 1);
	datapath_link_stats(rig.dp, 0, &link);
	assert_int_equal(link.tx_pkts, 3);
	assert_int_equal(link.tx_bytes, 300);
	assert_int_equal(link.in_flight_pkts, 0);
	assert_int_equal(link.in_flight_bytes, 0);
	datapath_iface_stats(rig.dp, 0, &iface);
	assert_int_equal(iface.rx_pkts, 3);
	assert_int_equal(iface.rx_bytes, 300);
	datapath_iface_stats(rig.dp, 1, &iface);
	assert_int_equal(iface.tx_pkts, 3);
	assert_int_equal(iface.tx_bytes, 300);
	rig_close(&rig);
}

// A frame that meets each end, and where it is counted.
static void expect_drop(struct rig *rig, uint16_t len, enum drop_reason reason, bool by_link)
{
	uint64_t before = rig_drops(rig, reason), at_link;
	static uint64_t now_tsc = T0;
	struct link_stats link;

	datapath_link_stats(rig->dp, 0, &link);
	at_link = link.drops[reason];
	rig_send(rig, 0, 1, len, 0);
	rig_run(rig, now_tsc);
	rig_run(rig, now_tsc += 1000000);
	assert_int_equal(rig_count(rig, 1), 0);
	assert_int_equal(rig_drops(rig, reason), before + 1);
	datapath_link_stats(rig->dp, 0, &link);
	assert_int_equal(link.drops[reason], at_link + by_link);
}

static void test_drops(void **state)
{
	struct rig rig;
	struct link_params *link;

	rig_open(&rig, 1, 2, NULL);
	expect_drop(&rig, 60, DROP_LINK_NONE, true);
	link = rig_link(&rig, 0, 1);
	expect_drop(&rig, 13, DROP_RUNT, false);
	link->flags = 0;
	expect_drop(&rig, 60, DROP_LINK_DOWN, true);
	link->flags = LINK_UP;
	link->mtu_frame = 114;
	expect_drop(&rig, 115, DROP_LINK_MTU, true);
	link->mtu_frame = 0;
	link->delay_tsc = datapath_tsc_hz(rig.dp) * 60;
	expect_drop(&rig, 60, DROP_WHEEL_HORIZON, true);
	link->delay_tsc = 0;
	rig.ports[1].mtu = 100;
	expect_drop(&rig, 119, DROP_PORT_MTU, true);
	rig.ports[1].mtu = 1500;
	link->flags |= LINK_IMPAIRED;
	link->loss_q32 = UINT32_MAX;
	expect_drop(&rig, 60, DROP_LINK_LOSS, true);
	link->flags = LINK_UP;
	datapath_clear_port(rig.dp, 1);
	expect_drop(&rig, 60, DROP_PORT_NONE, true);
	datapath_set_port(rig.dp, &rig.ports[1]);
	rig.ifaces[1].kind = NODE_KIND_NONE;
	expect_drop(&rig, 60, DROP_PORT_NONE, true);
	rig_close(&rig);
}

// A frame in flight to an interface whose id has come to another one meanwhile.
static void test_id_used_again(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 10000;
	rig_send(&rig, 0, 3, 64, 0);
	rig_run(&rig, T0);
	rig.ifaces[1].since_tsc = T0 + 100;
	rig_send(&rig, 0, 2, 64, 0);
	rig_run(&rig, T0 + 100);
	rig_run(&rig, T0 + 20000);
	assert_int_equal(rig_count(&rig, 1), 2);
	assert_int_equal(rig_drops(&rig, DROP_PORT_NONE), 3);
	rig_close(&rig);
}

// What is received on a port that is not plugged in, or no longer known.
static void test_unknown_source(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, 2, NULL);
	rig_link(&rig, 0, 1);
	rig.ifaces[0].kind = NODE_KIND_NONE;
	rig_send(&rig, 0, 1, 60, 0);
	rig_run(&rig, T0);
	assert_int_equal(rig_drops(&rig, DROP_PORT_NONE), 1);
	rig.ifaces[0].kind = NODE_KIND_POD;
	rig_send(&rig, 0, 1, 60, 0);
	datapath_clear_port(rig.dp, 0);
	rig_run(&rig, T0);
	assert_int_equal(rig_drops(&rig, DROP_PORT_NONE), 2);
	datapath_set_port(rig.dp, &rig.ports[0]);
	rig_close(&rig);
}

// Frames for many ports in one burst reach each port in order.
static void test_many_ports(void **state)
{
	struct rig rig;
	const uint32_t half = RIG_PORTS / 2;

	rig_open(&rig, 1, RIG_PORTS, NULL);
	for (uint32_t i = 0; i < half; i++)
		rig_link(&rig, i, half + i);
	for (uint32_t tag = 0; tag < 8; tag++) {
		for (uint32_t i = 0; i < half; i++)
			rig_send(&rig, i, 1, 64, i * 100 + tag);
	}
	rig_run(&rig, T0);
	rig_run(&rig, T0);
	for (uint32_t i = 0; i < half; i++) {
		for (uint32_t tag = 0; tag < 8; tag++) {
			struct rte_mbuf *m = rig_receive(&rig, half + i);

			assert_non_null(m);
			assert_int_equal(rig_tag(m), i * 100 + tag);
			rte_pktmbuf_free(m);
		}
		assert_null(rig_receive(&rig, half + i));
	}
	rig_close(&rig);
}

// Worker 0 receives, worker 1 owns the link and its far end; and back.
static void test_two_workers(void **state)
{
	struct rig rig;
	struct link_stats link;
	struct worker_stats stats;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 5000;
	rig_link(&rig, 1, 0)->delay_tsc = 7000;
	rig_publish(&rig);
	rig_send(&rig, 0, 40, 64, 0);
	rig_send(&rig, 1, 30, 64, 0);
	rig_run(&rig, T0);
	rig_run(&rig, T0 + 100); // worker 0 receives what worker 1 handed over after its turn
	datapath_link_stats(rig.dp, 0, &link);
	assert_int_equal(link.tx_pkts, 40);
	rig_run(&rig, T0 + 4999);
	assert_int_equal(rig_count(&rig, 1), 0);
	rig_run(&rig, T0 + 5000);
	assert_int_equal(rig_count(&rig, 1), 40);
	rig_run(&rig, T0 + 6999);
	assert_int_equal(rig_count(&rig, 0), 0);
	rig_run(&rig, T0 + 7000);
	assert_int_equal(rig_count(&rig, 0), 30);
	datapath_worker_stats(rig.dp, 0, &stats);
	assert_int_equal(stats.rx_pkts, 40);
	assert_int_equal(stats.tx_pkts, 30);
	datapath_worker_stats(rig.dp, 1, &stats);
	assert_int_equal(stats.rx_pkts, 30);
	assert_int_equal(stats.tx_pkts, 40);
	rig_close(&rig);
}

// The ring between two workers is full: counted by link.
static void test_ring_full(void **state)
{
	struct rig rig;
	struct link_stats link;
	unsigned n_sent = 0;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1);
	for (unsigned i = 0; i < 50; i++) {
		rig_send(&rig, 0, 64, 64, 0);
		n_sent += 64;
		datapath_run_once(rig.dp, 0, T0); // worker 1 never runs
	}
	datapath_link_stats(rig.dp, 0, &link);
	assert_true(link.drops[DROP_RING_FULL] > 0);
	assert_int_equal(rig_drops(&rig, DROP_RING_FULL), link.drops[DROP_RING_FULL]);
	for (unsigned i = 0; i < 100; i++) {
		datapath_run_once(rig.dp, 1, T0 + i);
		n_sent -= rig_count(&rig, 1);
	}
	assert_int_equal(n_sent, link.drops[DROP_RING_FULL]);
	rig_close(&rig);
}

// The port is another worker's than the interface's link says, as for a moment after a change.
static void test_port_of_other_worker(void **state)
{
	struct rig rig;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1)->worker = 0;
	rig_send(&rig, 0, 5, 64, 0);
	rig_run(&rig, T0);
	rig_run(&rig, T0);
	assert_int_equal(rig_count(&rig, 1), 5);
	rig_close(&rig);
}

// Links take no frames when there are hardly buffers left to receive into.
static void test_pool_low(void **state)
{
	struct rig rig;
	struct link_stats link;
	unsigned n_left;

	rig_open(&rig, 1, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 1000000;
	for (unsigned i = 0; i < RIG_POOL_FRAMES / 64; i++) {
		rig_send(&rig, 0, 64, 64, 0);
		rig_run(&rig, T0);
	}
	datapath_link_stats(rig.dp, 0, &link);
	assert_true(link.drops[DROP_WHEEL_FULL] > 0);
	assert_true(link.in_flight_pkts > RIG_POOL_FRAMES / 2);
	n_left = RIG_POOL_FRAMES - (unsigned)datapath_pool_in_use(rig.dp, 0);
	assert_true(n_left > 500);
	for (unsigned i = 0; i < 100; i++) {
		rig_run(&rig, T0 + 1000000 + i);
		rig_count(&rig, 1);
	}
	rig_send(&rig, 0, 1, 64, 0);
	rig_run(&rig, T0 + 2000000);
	rig_run(&rig, T0 + 3000000);
	assert_int_equal(rig_count(&rig, 1), 1);
	rig_close(&rig);
}

// Destroying a data path frees what is in flight; the rig looks for lost buffers.
// Buffers come back while their worker receives nothing: its links take frames again.
static void test_pool_low_no_more(void **state)
{
	struct rig rig;
	uint64_t now = T0, drops;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 10000000;
	rig_link(&rig, 1, 0)->delay_tsc = 1000;
	rig_publish(&rig);
	for (unsigned i = 0; i < RIG_POOL_FRAMES / 64; i++) {
		rig_send(&rig, 0, 64, 64, 0);
		rig_run(&rig, now);
	}
	assert_true(rig_drops(&rig, DROP_WHEEL_FULL) > 0);
	for (unsigned i = 0; i < 300; i++) {
		rig_run(&rig, now + 20000000 + i);
		(void)rig_count(&rig, 1);
	}
	now += 30000000;
	assert_int_equal(datapath_pool_in_use(rig.dp, 0), 0);
	drops = rig_drops(&rig, DROP_WHEEL_FULL);
	rig_send(&rig, 1, 10, 64, 0);
	for (unsigned i = 0; i < 3; i++)
		rig_run(&rig, now += 100000);
	assert_int_equal(rig_count(&rig, 0), 10);
	assert_int_equal(rig_drops(&rig, DROP_WHEEL_FULL), drops);
	rig_close(&rig);
}

// Frames that wait in another worker's wheel leave their own worker buffers to receive into.
static void test_pool_low_far(void **state)
{
	struct rig rig;
	uint64_t now = T0;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 100000000;
	rig_publish(&rig);
	for (unsigned i = 0; i < 2 * RIG_POOL_FRAMES / 64; i++) {
		rig_send(&rig, 0, 64, 64, 0); // fails without a buffer
		rig_run(&rig, now);
	}
	assert_true(rig_drops(&rig, DROP_WHEEL_FULL) > 0);
	rig_close(&rig);
}

// A frame that takes no cycle at the link's rate does not stay in the list of those that wait.
static void test_no_time_to_send(void **state)
{
	struct rig rig;
	struct link_params *fast, *slow;
	uint64_t now = T0;

	rig_open(&rig, 1, 4, NULL);
	fast = rig_link(&rig, 0, 1);
	fast->cycles_per_byte_q16 = 262; // 4 Tbit/s at 2 GHz
	fast->queue_pkts = 10;
	fast->delay_tsc = 1000;
	slow = rig_link(&rig, 2, 3);
	slow->cycles_per_byte_q16 = 100ull << 16;
	slow->queue_pkts = 20;
	rig_publish(&rig);
	for (unsigned i = 0; i < 500; i++) {
		struct link_stats stats;

		rig_send(&rig, 0, 3, 64, 0);
		rig_run(&rig, now += 500);
		rig_run(&rig, now += 5000);
		(void)rig_count(&rig, 1);
		rig_send(&rig, 2, 4, 64, 0);
		rig_run(&rig, now += 100);
		rig_run(&rig, now += 5000);
		(void)rig_count(&rig, 3);
		datapath_link_stats(rig.dp, 2, &stats);
		assert_in_range(stats.in_flight_pkts, 0, 21); // and one that is being sent
	}
	rig_close(&rig);
}

static void test_destroy_in_flight(void **state)
{
	struct rig rig;

	rig_open(&rig, 2, 2, NULL);
	rig_link(&rig, 0, 1)->delay_tsc = 1000000;
	rig_send(&rig, 0, 100, 64, 0);
	for (unsigned i = 0; i < 4; i++)
		rig_run(&rig, T0);
	rig_close(&rig);
}

// Queues with a descriptor go cold when quiet and hot again with the first frame.
static void test_cold_queue(void **state)
{
	struct rig rig;
	struct worker_stats stats;
	uint64_t spin;

	rig_open(&rig, 1, 2, NULL);
	spin = datapath_tsc_hz(rig.dp) / 1000; // longer than idle_spin_ns
	datapath_del_queue(rig.dp, mem_ops.worker_queue(rig.driver, 0));
	assert_int_equal(mem_enable_notify(rig.driver), 0);
	assert_int_equal(datapath_add_queue(rig.dp, mem_ops.worker_queue(rig.driver, 0)), 0);
	rig_link(&rig, 0, 1);
	rig_run(&rig, T0);
	rig_run(&rig, T0 + spin);
	datapath_worker_stats(rig.dp, 0, &stats);
	assert_int_equal(stats.hot_queues, 0);
	assert_int_equal(stats.went_cold, 1);
	rig_run(&rig, T0 + 2 * spin);
	datapath_worker_stats(rig.dp, 0, &stats);
	assert_int_equal(stats.went_hot, 0);
	rig_send(&rig, 0, 2, 64, 0);
	rig_run(&rig, T0 + 3 * spin);
	rig_run(&rig, T0 + 3 * spin);
	datapath_worker_stats(rig.dp, 0, &stats);
	assert_int_equal(stats.went_hot, 1);
	assert_int_equal(stats.hot_queues, 1);
	assert_int_equal(rig_count(&rig, 1), 2);
	rig_close(&rig);
}

static void test_bad_config(void **state)
{
	struct datapath_config config = rig_config(1);
	struct datapath *dp;
	struct fault fault;

	config.n_workers = 0;
	assert_int_equal(datapath_create(&config, &dp, &fault), -EINVAL);
	assert_string_equal(fault.field, "n_workers");
	config = rig_config(1);
	config.wheel_horizon_ns = UINT64_MAX / 1000;
	config.wheel_slot_ns = 1;
	assert_true(datapath_create(&config, &dp, &fault) < 0);
	assert_string_equal(fault.field, "wheel_horizon_ns");
	config = rig_config(1);
	config.pool_frames = 100000000;
	assert_true(datapath_create(&config, &dp, &fault) < 0);
	assert_string_equal(fault.field, "pool_frames");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_wire),
	        cmocka_unit_test(test_drops),
	        cmocka_unit_test(test_id_used_again),
	        cmocka_unit_test(test_unknown_source),
	        cmocka_unit_test(test_many_ports),
	        cmocka_unit_test(test_two_workers),
	        cmocka_unit_test(test_ring_full),
	        cmocka_unit_test(test_port_of_other_worker),
	        cmocka_unit_test(test_pool_low),
	        cmocka_unit_test(test_pool_low_no_more),
	        cmocka_unit_test(test_pool_low_far),
	        cmocka_unit_test(test_no_time_to_send),
	        cmocka_unit_test(test_destroy_in_flight),
	        cmocka_unit_test(test_cold_queue),
	        cmocka_unit_test(test_bad_config),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
