/* SPDX-License-Identifier: BSD-3-Clause */
// What the workers see, and the only way to change it.
//
// Links and routes exist twice (left-right). Changes go to the side that no worker reads and into a
// log; publisher_commit() points the workers at that side, waits one grace period for the whole
// batch, replays the log on the other side and runs what was deferred. Slots of interfaces, nodes
// and targets exist once: they are written before anything published refers to them, and their ids
// are reused only from publisher_defer(), when nothing published does any more.
//
// Thread: control. publisher_commit() waits for workers, microseconds; sleeping workers do not
// count.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "datapath.h"
#include "fault.h"
#include "fib6.h"
#include "view.h"

struct publisher;

struct publisher_limits {
	uint32_t max_ifaces, max_nodes, max_targets, max_routes;
};

// Borrows `dp`. Publishes the first, empty view.
__attribute__((warn_unused_result)) int publisher_create(struct datapath *dp,
        const struct publisher_limits *limits, struct publisher **ret_publisher,
        struct fault *fault);
// The workers must have stopped.
void publisher_destroy(struct publisher *publisher);

// Slots. An interface's slot starts with no port and no link, on both sides.
struct dp_iface *publisher_iface_init(struct publisher *publisher, uint32_t iface_id,
        uint32_t node_id, enum node_kind kind, uint16_t worker);
// Nothing refers to it any more; what is in flight to it ends there, whoever has its node's id.
void publisher_iface_retire(struct publisher *publisher, uint32_t iface_id);
struct dp_iface *publisher_iface(struct publisher *publisher, uint32_t iface_id);
struct dp_node *publisher_node(struct publisher *publisher, uint32_t node_id);
struct dp_target *publisher_target(struct publisher *publisher, uint32_t target_id);

// The link's parameters on the idle side, for writing before the next commit.
struct link_params *publisher_link(struct publisher *publisher, uint32_t link_id);

// Changes the idle FIB. Returns 0, -ENOSPC, -ENOMEM; del: 0 or -ENOENT.
__attribute__((warn_unused_result)) int publisher_route_add(
        struct publisher *publisher, const struct fib6_prefix *prefix, uint32_t target_id);
__attribute__((warn_unused_result)) int publisher_route_del(
        struct publisher *publisher, const struct fib6_prefix *prefix);

// Takes `nexthops` (NULL: none); the one before is freed after the grace period.
void publisher_set_nexthops(struct publisher *publisher, struct dp_nexthops *nexthops);
const struct dp_nexthops *publisher_nexthops(const struct publisher *publisher);

// Runs fn(arg, value) after the next commit's grace period. Never fails: without memory it waits
// for a grace period at once.
typedef void publisher_deferred_fn(void *arg, void *value);
void publisher_defer(
        struct publisher *publisher, publisher_deferred_fn *fn, void *arg, void *value);

// A new epoch: the next commit carries its number.
uint64_t publisher_new_epoch(struct publisher *publisher);
uint64_t publisher_epoch(const struct publisher *publisher);
// From when the slopes of the newest epoch count.
void publisher_set_epoch_tsc(struct publisher *publisher, uint64_t tsc);
uint64_t publisher_epoch_tsc(const struct publisher *publisher);

bool publisher_dirty(const struct publisher *publisher);
// Returns how long until the last worker used the new view, ns.
uint64_t publisher_commit(struct publisher *publisher);

// When the last worker used the last view that was committed, before the replay.
uint64_t publisher_applied_tsc(const struct publisher *publisher);

// What workers read now. Tests and diagnosis.
const struct view *publisher_view(const struct publisher *publisher);
// Tests: both sides hold the same links for all ids below `n`, and the same number of routes.
bool publisher_sides_equal(const struct publisher *publisher, uint32_t n);
const struct fib6 *publisher_fib(const struct publisher *publisher, unsigned side);
