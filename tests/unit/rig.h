/* SPDX-License-Identifier: BSD-3-Clause */
// A whole data path in a unit test: workers without threads, ports in memory, a view that the test
// writes. Port n is plugged into interface n of node n; tests put links between the interfaces.
// Time is the test's own: rig_run() says what the clock shows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "datapath.h"
#include "mem.h"
#include "port_ops.h"
#include "stage.h"

#define RIG_IFACES 64
#define RIG_PORTS 16
#define RIG_POOL_FRAMES 8191
#define RIG_HORIZON_NS 4000000000ull
#define RIG_SLOT_NS 1000ull

struct rig {
	struct datapath *dp;
	struct port_driver *driver;
	struct port ports[RIG_PORTS];
	uint16_t n_workers;
	uint32_t n_ports;
	struct view views[2];
	unsigned n_views;
	struct link_params links[RIG_IFACES];
	struct dp_iface ifaces[RIG_IFACES];
	struct dp_node nodes[RIG_IFACES];
	struct dp_target targets[RIG_IFACES];
	const struct fib6 *fib; // borrowed; NULL unless there are routers
	const struct dp_nexthops *nexthops;
};

// EAL without privileges, once a program. Returns 0, or exits with a message.
void rig_eal(void);
// `n_ports` ports, port i owned by worker i % n_workers. Nothing is linked yet. Fails the test on
// error.
void rig_open(
        struct rig *rig, uint16_t n_workers, uint32_t n_ports, const struct datapath_config *base);
// Fails the test if a frame buffer did not come back.
void rig_close(struct rig *rig);
// The configuration that rig_open uses when given none.
struct datapath_config rig_config(uint16_t n_workers);

// A link from port `from`'s interface to that of `to`: up, no delay, no limit; the caller changes
// what it likes and publishes.
struct link_params *rig_link(struct rig *rig, uint32_t from, uint32_t to);
void rig_publish(struct rig *rig);

// One loop of each worker at this time.
unsigned rig_run(struct rig *rig, uint64_t now_tsc);
// Injects `n` frames of `len` bytes at a port, with `tag` counting up in their first bytes.
void rig_send(struct rig *rig, uint32_t port, unsigned n, uint16_t len, uint32_t tag);
// Next frame that came out of a port, or NULL; to be freed.
struct rte_mbuf *rig_receive(struct rig *rig, uint32_t port);
// How many come out, and are freed.
unsigned rig_count(struct rig *rig, uint32_t port);
uint32_t rig_tag(struct rte_mbuf *m);
uint64_t rig_drops(struct rig *rig, enum drop_reason reason);
