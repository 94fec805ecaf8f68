/* SPDX-License-Identifier: BSD-3-Clause */
// What the control thread publishes and the workers read: one pointer to one `struct view`, so that
// links, routes and next hops always belong together. A worker loads the pointer once a loop and
// reports quiescent at its end; control frees or rewrites only after a grace period.
//
// Tables are indexed by stable ids and never move (address space reserved for the configured
// maxima). `links` and `fib` are left-right pairs: the view points at one copy, control changes the
// other. Slots of `ifaces`, `nodes` and `targets` are written before anything published refers to
// them and not reused before a grace period after nothing does; a field marked atomic may change at
// any time.
#pragma once

#include <assert.h>
#include <linux/if_ether.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"

struct fib6;

#define DP_NONE UINT32_MAX
#define DP_MAX_IFACES_PER_NODE 65535u

enum node_kind { NODE_KIND_NONE, NODE_KIND_POD, NODE_KIND_ROUTER };

struct dp_node {
	uint8_t kind; // enum node_kind
	uint8_t address[16]; // a router's own, source of its ICMPv6; all zero: it sends none
	uint32_t router_idx; // dense index of a router: row in nexthops
	uint32_t dest_idx; // dense index of an owner of routes: column; DP_NONE if it owns none
};

struct dp_iface {
	uint32_t node_id;
	uint16_t worker; // owner of what arrives here, and of its port; one for all of a router's
	uint8_t kind; // enum node_kind of its node, copied here to save a load a frame
	uint8_t reserved;
	_Atomic uint32_t port_id; // DP_NONE: no port here
	// When the interface was made. Ids are used again, and frames fly for long: what a link
	// accepted before was meant for the interface that had the id then.
	uint64_t since_tsc;
};

// Owner of a prefix: what a FIB value indexes.
struct dp_target {
	uint32_t node_id;
	uint32_t iface_id; // the router's interface where the station is; DP_NONE: the node itself
	uint8_t mac[ETH_ALEN]; // its static neighbour entry; unused when iface_id is DP_NONE
};

// A cell of the next hops with this bit has several equal ways: the other bits say which of the
// router's first DP_WAYS_MAX outgoing interfaces. Interface ids stay below it.
#define DP_WAYS (1u << 31)
#define DP_WAYS_MAX 31

// Least-delay next hops, for each destination node and router the outgoing interface.
struct dp_nexthops {
	uint32_t n_routers;
	uint32_t n_dests;
	uint64_t epoch; // of the matrix they were computed from
	const uint32_t *first_way; // [n_routers] into `ways`; NULL: no cell has several
	const uint32_t *ways; // outgoing interfaces, router by router
	uint32_t iface[]; // [dest_idx * n_routers + router_idx], DP_NONE: no path
};

static inline uint32_t dp_nexthops_cell(
        const struct dp_nexthops *nexthops, uint32_t dest_idx, uint32_t router_idx)
{
	return nexthops->iface[(size_t)dest_idx * nexthops->n_routers + router_idx];
}

static inline bool dp_nexthops_is_several(uint32_t cell)
{
	return cell != DP_NONE && (cell & DP_WAYS) != 0;
}

// One of the cell's several ways by the upper bits of `hash`.
static inline uint32_t dp_nexthops_way(
        const struct dp_nexthops *nexthops, uint32_t router_idx, uint32_t cell, uint32_t hash)
{
	uint32_t mask = cell & ~DP_WAYS;
	uint32_t n = (uint32_t)(((uint64_t)hash * (unsigned)__builtin_popcount(mask)) >> 32);

	while (n-- > 0)
		mask &= mask - 1;
	return nexthops->ways[nexthops->first_way[router_idx] + (unsigned)__builtin_ctz(mask)];
}

enum link_flag {
	LINK_UP = 1 << 0,
	LINK_REORDER = 1 << 1,
	LINK_IMPAIRED = 1 << 2, // the second line matters: jitter, loss, duplicates, reordering
	LINK_GE = 1 << 3,
	LINK_TO_ROUTER = 1 << 4, // the kind of `to`'s node
	LINK_ORDERED = LINK_TO_ROUTER | LINK_REORDER, // see wheel.h
};

// One link's parameters as the data path wants them: TSC cycles and fixed point. 128 bytes, the
// first 64 are all that a plain link touches.
struct link_params {
	alignas(64) uint32_t to; // far interface, DP_NONE: unplugged
	uint16_t flags; // enum link_flag
	uint16_t mtu_frame; // longest frame, Ethernet header included; 0: no limit
	uint32_t incarnation; // another number: a new link, state starts empty
	uint16_t worker; // owner of `to`
	uint16_t reserved;
	uint64_t delay_tsc;
	int64_t slope_q32; // change of delay, cycles per cycle * 2^32
	uint64_t t0_tsc; // when the slope started; it stops after slope_max_tsc (datapath.h)
	uint64_t cycles_per_byte_q16; // 0: unlimited rate
	uint32_t queue_bytes; // UINT32_MAX when the rate is unlimited
	uint32_t queue_pkts; // UINT32_MAX: no limit
	// When UP was cleared the last time, 0: never. Kept when UP is set again: what was accepted
	// before and had not left the queue by then is dropped.
	uint64_t down_tsc;

	alignas(64) uint64_t seed; // of this link's generator: run seed and link id
	uint64_t good_mean_tsc;
	uint64_t bad_mean_tsc;
	uint32_t loss_q32;
	uint32_t loss_bad_q32;
	uint64_t jitter_tsc; // standard deviation
	uint32_t jitter_corr_q16;
	uint16_t duplicate_q16;
	uint16_t reorder_q16;
};

static_assert(sizeof(struct link_params) == 128, "two cache lines a link");
static_assert(offsetof(struct link_params, seed) == 64, "a plain link touches one line");

struct view {
	uint64_t epoch;
	const struct link_params *links; // [max_ifaces], index: source interface id
	const struct dp_iface *ifaces; // [max_ifaces]
	const struct dp_node *nodes; // [max_nodes]
	const struct dp_target *targets; // [max_targets]
	const struct fib6 *fib; // dst -> target id
	const struct dp_nexthops *nexthops; // NULL: none yet
};
