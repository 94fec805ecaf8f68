/* SPDX-License-Identifier: BSD-3-Clause */
// A small routed world on the rig.
#include "world.h"

#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib6.h"

#define N_ROUTERS 2
#define N_DESTS 4

static void set_iface(struct rig *rig, uint32_t iface_id, uint32_t node_id)
{
	rig->ifaces[iface_id].node_id = node_id;
	rig->ifaces[iface_id].kind = rig->nodes[node_id].kind;
	rig->ifaces[iface_id].worker = 0;
}

static void set_node(struct rig *rig, uint32_t node_id, enum node_kind kind, const char *address)
{
	struct dp_node *node = &rig->nodes[node_id];

	*node = (struct dp_node){.kind = (uint8_t)kind, .router_idx = node_id, .dest_idx = node_id};
	if (address != NULL)
		memcpy(node->address, addr_of(address).b, 16);
}

static void add_route(struct world *world, uint32_t target_id, const char *prefix, uint8_t len,
        uint32_t node_id, uint32_t iface_id, const uint8_t *mac)
{
	struct dp_target *target = &world->rig.targets[target_id];
	struct fib6_prefix entry = {.len = len};

	*target = (struct dp_target){.node_id = node_id, .iface_id = iface_id};
	if (mac != NULL)
		memcpy(target->mac, mac, sizeof(target->mac));
	memcpy(entry.addr, addr_of(prefix).b, 16);
	assert_int_equal(fib6_add(world->fib, &entry, target_id), 0);
}

static struct dp_nexthops *make_nexthops(void)
{
	struct dp_nexthops *nexthops =
	        malloc(sizeof(*nexthops) + N_ROUTERS * N_DESTS * sizeof(uint32_t));
	static const uint32_t iface[N_DESTS][N_ROUTERS] = {
	        {DP_NONE, 11}, {10, DP_NONE}, {10, 12}, {DP_NONE, DP_NONE}};

	assert_non_null(nexthops);
	*nexthops = (struct dp_nexthops){.n_routers = N_ROUTERS, .n_dests = N_DESTS};
	memcpy(nexthops->iface, iface, sizeof(iface));
	return nexthops;
}

void world_open(struct world *world)
{
	struct rig *rig = &world->rig;

	rig_open(rig, 1, WORLD_PORTS, NULL);
	world->now_tsc = 1000000000000;
	world->fib = fib6_create(64);
	assert_non_null(world->fib);
	set_node(rig, 0, NODE_KIND_ROUTER, R0_ADDR);
	set_node(rig, 1, NODE_KIND_ROUTER, R1_ADDR);
	set_node(rig, 2, NODE_KIND_POD, NULL);
	set_node(rig, 3, NODE_KIND_ROUTER, NULL);
	for (uint32_t i = 0; i < 3; i++)
		set_iface(rig, i, i);
	set_iface(rig, 3, 0);
	set_iface(rig, 10, 0);
	set_iface(rig, 11, 1);
	set_iface(rig, 12, 1);
	rig_link(rig, 10, 11);
	rig_link(rig, 11, 10);
	rig_link(rig, 12, 2);
	rig_link(rig, 2, 12);
	add_route(world, 0, "fd01::", 64, 0, 0, mac_a);
	add_route(world, 1, "fd02::", 64, 1, 1, mac_b);
	add_route(world, 2, "fd03::", 64, 2, 2, mac_c);
	add_route(world, 3, "fd04::", 64, 0, DP_NONE, NULL);
	add_route(world, 4, "fd05::", 64, 3, DP_NONE, NULL);
	add_route(world, 5, R0_ADDR, 128, 0, DP_NONE, NULL);
	add_route(world, 6, R1_ADDR, 128, 1, DP_NONE, NULL);
	add_route(world, 7, "fd06::", 64, 0, 3, mac_d);
	world->nexthops = make_nexthops();
	rig->fib = world->fib;
	rig->nexthops = world->nexthops;
	rig_publish(rig);
}

void world_close(struct world *world)
{
	rig_close(&world->rig);
	fib6_destroy(world->fib);
	free(world->nexthops);
}

void world_inject(struct world *world, uint32_t port, const struct bytes *bytes)
{
	struct rte_mbuf *m = mem_frame(datapath_pool(world->rig.dp, 0), (uint16_t)bytes->len);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), bytes->data, bytes->len);
	assert_int_equal(mem_inject(&world->rig.ports[port], &m, 1), 1);
}

void world_run(struct world *world)
{
	unsigned quiet = 0;

	while (quiet < 3) { // a frame may lie in the wheel for a loop
		world->now_tsc += 100000;
		quiet = rig_run(&world->rig, world->now_tsc) == 0 ? quiet + 1 : 0;
	}
}

void world_send(struct world *world, uint32_t port, const struct bytes *bytes)
{
	world_inject(world, port, bytes);
	world_run(world);
}

struct bytes world_receive(struct world *world, uint32_t port)
{
	struct rte_mbuf *m = rig_receive(&world->rig, port);
	struct bytes bytes = {.len = 0};

	if (m == NULL)
		return bytes;
	for (const struct rte_mbuf *segment = m; segment != NULL; segment = segment->next)
		put(&bytes, rte_pktmbuf_mtod(segment, const void *), segment->data_len);
	rte_pktmbuf_free(m);
	return bytes;
}

void world_expect_nothing(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_PORTS; i++)
		assert_int_equal(rig_count(&world->rig, i), 0);
}

void world_expect(struct world *world, uint32_t port, const struct bytes *want)
{
	struct bytes got = world_receive(world, port);

	assert_int_equal(got.len, want->len);
	assert_memory_equal(got.data, want->data, want->len);
	world_expect_nothing(world);
}

void world_expect_drop(
        struct world *world, uint32_t port, const struct bytes *bytes, enum drop_reason reason)
{
	uint64_t before = rig_drops(&world->rig, reason);

	world_send(world, port, bytes);
	if (rig_drops(&world->rig, reason) != before + 1)
		fail_msg("no drop for reason %s", drop_reason_names[reason]);
	world_expect_nothing(world);
}
