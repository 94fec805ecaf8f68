/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay paths: for each destination, the outgoing interface of every router. Pure computation
// on a snapshot of the graph, run by the routes thread. Dijkstra from each destination over
// reversed links (E. W. Dijkstra, Numerische Mathematik 1, 1959). Of equal delays the path with
// fewer links wins, then the lower interface id: the same matrix always gives the same paths, and
// links without delay make no loops.
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
};

// Returns a new table (free()), or NULL when out of memory or `*cancel` became true.
struct dp_nexthops *paths_compute(
        const struct paths_graph *graph, uint64_t epoch, const _Atomic bool *cancel);
