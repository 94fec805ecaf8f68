/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay paths: for each destination, the outgoing interface of every router. Pure computation
// on a snapshot of the graph, run by the routes thread. Dijkstra from each destination over
// reversed links (E. W. Dijkstra, Numerische Mathematik 1, 1959); ties go to the lower interface
// id, so the same matrix always gives the same paths.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dp_nexthops;

struct paths_link {
	uint32_t from_router; // dense router index
	uint32_t to_router;
	uint32_t iface_id; // the link's id: the interface it leaves from
	uint32_t delay_ns;
};

struct paths_graph {
	uint32_t n_routers;
	uint32_t n_links;
	const struct paths_link *links; // only links that are up, any order
	uint32_t n_dests;
	const uint32_t *dests; // [n_dests] router index of each destination
};

// Returns a new table (free()), or NULL when out of memory or `*cancel` became true.
struct dp_nexthops *paths_compute(
        const struct paths_graph *graph, uint64_t epoch, const volatile bool *cancel);
