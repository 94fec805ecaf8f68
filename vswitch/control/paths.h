/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay paths: for each destination, the outgoing interface of every router. Pure computation
// on a snapshot of the graph, run by the routes thread. Dijkstra from each destination over
// reversed links (E. W. Dijkstra, Numerische Mathematik 1, 1959). Of equal delays the path with
// fewer links wins, then the lower interface id: the same matrix always gives the same paths, and
// links without delay make no loops.
//
// A computation can begin at the result of the one before: next hops that are still right stay, and
// only what changed is searched. The result is the same, cell by cell, as from nothing.
//
// Destinations that nobody but themselves is behind can wait when time is short: their next hops
// stay those of the computation before, all of one graph still, and are computed in turn.
//
// Several ways: with `several` a cell names all links whose path is at most `equal_within_ns`
// longer than the least delay, as long as their far end is strictly nearer to the destination.
// Nearer means less delay, then fewer links: so whichever way each router takes, no frame meets a
// router twice. The tolerance counts at each router anew.
//
// Vertices 0 to n_routers - 1 are routers. Those from n_routers up are sinks: nodes that own routes
// but do not forward (pods). They may be the far end of a link and a destination; a link that
// leaves one counts for nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dp_nexthops;

struct paths_link {
	uint32_t from_router; // dense router index
	uint32_t to_router; // router or sink
	uint32_t iface_id; // the link's id: the interface it leaves from
	uint32_t delay_ns;
};

struct paths_graph {
	uint32_t n_routers;
	uint32_t n_vertices; // routers and sinks; 0: no sinks
	uint32_t n_links;
	const struct paths_link *links; // only links that are up, any order
	uint32_t n_dests;
	const uint32_t *dests; // [n_dests] vertex of each destination; DP_NONE: nobody reaches it
	const bool *can_wait; // [n_dests] destinations; NULL: none can
	uint32_t n_in_turn; // of those that can wait, so many are computed this time
	bool several; // more than one way where they are equal
	uint32_t equal_within_ns;
};

// The next hops of the last computation. Thread: one at a time.
struct paths_memory;

struct paths_memory *paths_memory_create(void); // NULL: no memory
void paths_memory_destroy(struct paths_memory *memory); // NULL allowed

// Returns a new table (free()), or NULL when out of memory or `*cancel` became true. `memory` NULL:
// from nothing. From nothing no destination waits.
struct dp_nexthops *paths_compute(struct paths_memory *memory, const struct paths_graph *graph,
        uint64_t epoch, const _Atomic bool *cancel);
