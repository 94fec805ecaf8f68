/* SPDX-License-Identifier: BSD-3-Clause */
// The test rig: EAL, a data path, ports in memory.
#include "rig.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TAG_OFFSET 14

void rig_eal(void)
{
	// Three lcores on the first CPU that the test may use.
	static char cpus[64], program[] = "test", no_huge[] = "--no-huge", no_pci[] = "--no-pci",
	                      no_files[] = "--no-shconf", memory[] = "-m", memory_mb[] = "64",
	                      lcores[] = "--lcores", no_telemetry[] = "--no-telemetry",
	                      level[] = "--log-level=lib.eal:error";
	char *argv[] = {program, no_huge, no_pci, no_files, memory, memory_mb, lcores, cpus,
	        no_telemetry, level, NULL};
	cpu_set_t allowed;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
		while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed))
			cpu++;
	}
	snprintf(cpus, sizeof(cpus), "0@%d,1@%d,2@%d", cpu, cpu, cpu);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		fprintf(stderr, "EAL did not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}

struct datapath_config rig_config(uint16_t n_workers)
{
	return (struct datapath_config){
	        .n_workers = n_workers,
	        .poll = POLL_ADAPTIVE,
	        .max_ifaces = RIG_IFACES,
	        .max_nodes = RIG_IFACES,
	        .max_targets = RIG_IFACES,
	        .max_ports = RIG_PORTS,
	        .wheel_horizon_ns = RIG_HORIZON_NS,
	        .wheel_slot_ns = RIG_SLOT_NS,
	        .pool_frames = RIG_POOL_FRAMES,
	        .frame_bytes = 1518,
	        .idle_spin_ns = 50000,
	        .wake_early_ns = 50000,
	};
}

static void open_ports(struct rig *rig, uint32_t n_ports)
{
	struct fault fault = {0};

	for (uint32_t i = 0; i < n_ports; i++) {
		struct port *port = &rig->ports[i];
		struct port_config config = {.netns_fd = -1};

		snprintf(config.ref, sizeof(config.ref), "node-%u/if0", i);
		port->id = i;
		port->iface_id = i;
		port->worker = (uint16_t)(i % rig->n_workers);
		assert_int_equal(mem_ops.create(rig->driver, &config, port, &fault), 0);
		datapath_set_port(rig->dp, port);
		rig->nodes[i] = (struct dp_node){.kind = NODE_KIND_POD, .dest_idx = DP_NONE};
		rig->ifaces[i].node_id = i;
		rig->ifaces[i].kind = NODE_KIND_POD;
		rig->ifaces[i].worker = port->worker;
		atomic_store(&rig->ifaces[i].port_id, i);
	}
	rig->n_ports = n_ports;
}

void rig_open(
        struct rig *rig, uint16_t n_workers, uint32_t n_ports, const struct datapath_config *base)
{
	struct datapath_config config = base != NULL ? *base : rig_config(n_workers);
	struct rte_mempool *pools[DP_WORKERS_MAX];
	struct port_driver_config driver = {
	        .instance = "test", .n_workers = n_workers, .pools = pools, .max_ports = RIG_PORTS};
	struct fault fault = {0};

	memset(rig, 0, sizeof(*rig));
	rig->n_workers = n_workers;
	if (datapath_create(&config, &rig->dp, &fault) < 0)
		fail_msg("datapath_create: %s", fault.message);
	for (uint16_t i = 0; i < n_workers; i++)
		pools[i] = datapath_pool(rig->dp, i);
	assert_int_equal(mem_ops.open(&driver, &rig->driver, &fault), 0);
	for (uint32_t i = 0; i < RIG_IFACES; i++) {
		rig->links[i].to = DP_NONE;
		atomic_store(&rig->ifaces[i].port_id, DP_NONE);
	}
	open_ports(rig, n_ports);
	rig_publish(rig);
	for (uint16_t i = 0; i < n_workers; i++)
		assert_int_equal(
		        datapath_add_queue(rig->dp, mem_ops.worker_queue(rig->driver, i)), 0);
}

// Every buffer that is out must be in a wheel.
static void check_leaks(struct rig *rig)
{
	uint64_t n_out = 0, n_held = 0;

	for (uint16_t i = 0; i < rig->n_workers; i++) {
		struct worker_stats stats;

		datapath_worker_stats(rig->dp, i, &stats);
		n_held += stats.wheel_pkts;
		n_out += datapath_pool_in_use(rig->dp, i);
	}
	assert_int_equal(n_out, n_held);
}

void rig_close(struct rig *rig)
{
	for (uint16_t i = 0; i < rig->n_workers; i++)
		datapath_del_queue(rig->dp, mem_ops.worker_queue(rig->driver, i));
	for (uint32_t i = 0; i < rig->n_ports; i++) {
		datapath_clear_port(rig->dp, i);
		mem_ops.destroy(&rig->ports[i], false);
	}
	mem_ops.close(rig->driver, false);
	check_leaks(rig);
	datapath_destroy(rig->dp);
}

struct link_params *rig_link(struct rig *rig, uint32_t from, uint32_t to)
{
	struct link_params *link = &rig->links[from];

	*link = (struct link_params){
	        .to = to,
	        .flags = LINK_UP,
	        .incarnation = 1,
	        .worker = rig->ifaces[to].worker,
	        .queue_bytes = UINT32_MAX,
	        .queue_pkts = UINT32_MAX,
	        .seed = 1000 + from,
	};
	return link;
}

void rig_publish(struct rig *rig)
{
	struct view *view = &rig->views[rig->n_views++ % 2];

	for (uint32_t i = 0; i < RIG_IFACES; i++) {
		struct link_params *link = &rig->links[i];

		link->flags &= (uint16_t)~LINK_TO_ROUTER;
		if (link->to != DP_NONE && rig->ifaces[link->to].kind == NODE_KIND_ROUTER)
			link->flags |= LINK_TO_ROUTER;
	}
	*view = (struct view){
	        .epoch = rig->n_views,
	        .links = rig->links,
	        .ifaces = rig->ifaces,
	        .nodes = rig->nodes,
	        .targets = rig->targets,
	        .fib = rig->fib,
	        .nexthops = rig->nexthops,
	};
	datapath_publish(rig->dp, view);
}

unsigned rig_run(struct rig *rig, uint64_t now_tsc)
{
	unsigned n_moved = 0;

	for (uint16_t i = 0; i < rig->n_workers; i++)
		n_moved += datapath_run_once(rig->dp, i, now_tsc);
	return n_moved;
}

void rig_send(struct rig *rig, uint32_t port, unsigned n, uint16_t len, uint32_t tag)
{
	for (unsigned i = 0; i < n; i++, tag++) {
		struct rte_mbuf *m =
		        mem_frame(datapath_pool(rig->dp, rig->ports[port].worker), len);

		assert_non_null(m);
		if (len >= TAG_OFFSET + sizeof(tag))
			memcpy(rte_pktmbuf_mtod_offset(m, void *, TAG_OFFSET), &tag, sizeof(tag));
		assert_int_equal(mem_inject(&rig->ports[port], &m, 1), 1);
	}
}

struct rte_mbuf *rig_receive(struct rig *rig, uint32_t port)
{
	struct rte_mbuf *m;

	return mem_collect(&rig->ports[port], &m, 1) == 1 ? m : NULL;
}

unsigned rig_count(struct rig *rig, uint32_t port)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while ((m = rig_receive(rig, port)) != NULL) {
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

uint32_t rig_tag(struct rte_mbuf *m)
{
	uint32_t tag;

	memcpy(&tag, rte_pktmbuf_mtod_offset(m, void *, TAG_OFFSET), sizeof(tag));
	return tag;
}

uint64_t rig_drops(struct rig *rig, enum drop_reason reason)
{
	uint64_t n = 0;

	for (uint16_t i = 0; i < rig->n_workers; i++) {
		struct worker_stats stats;

		datapath_worker_stats(rig->dp, i, &stats);
		n += stats.drops[reason];
	}
	return n;
}
