/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay next hops. Knows numbers only: no names, no model, no thread.
#include "paths.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

#define UNREACHED UINT64_MAX
#define NOT_IN_HEAP UINT32_MAX

// A link as the search meets it: from its far end backwards. Delay and number of links in one sum
// that grows on every link, so what is nearer is settled first and a next hop is always nearer.
struct edge {
	uint32_t from;
	uint32_t iface_id;
	uint64_t cost;
};

struct search {
	uint32_t n_routers;
	uint32_t n_vertices;
	uint32_t *first; // [n_vertices + 1] of the edges into a vertex
	struct edge *edges;
	uint64_t *cost; // [n_vertices] to the destination
	uint32_t *heap; // [n_vertices] vertices, nearest first
	uint32_t *place; // [n_vertices] in the heap
	uint32_t n_heap;
};

static uint64_t cost_of(uint32_t delay_ns)
{
	return ((uint64_t)delay_ns << 16) + 1;
}

static bool is_usable(const struct search *search, const struct paths_link *link)
{
	return link->from_router < search->n_routers && link->to_router < search->n_vertices &&
	       link->from_router != link->to_router;
}

// Sorts the links by their far end (a counting sort).
static void fill_edges(struct search *search, const struct paths_graph *graph)
{
	uint32_t *end = search->place; // scratch
	uint32_t sum = 0;

	memset(end, 0, search->n_vertices * sizeof(*end));
	for (uint32_t i = 0; i < graph->n_links; i++)
		if (is_usable(search, &graph->links[i]))
			end[graph->links[i].to_router]++;
	for (uint32_t v = 0; v < search->n_vertices; v++) {
		search->first[v] = sum;
		sum += end[v];
		end[v] = search->first[v];
	}
	search->first[search->n_vertices] = sum;
	for (uint32_t i = 0; i < graph->n_links; i++) {
		const struct paths_link *link = &graph->links[i];

		if (is_usable(search, link))
			search->edges[end[link->to_router]++] = (struct edge){
			        link->from_router, link->iface_id, cost_of(link->delay_ns)};
	}
}

static void search_fini(struct search *search)
{
	free(search->first);
	free(search->edges);
	free(search->cost);
	free(search->heap);
	free(search->place);
}

static bool search_init(struct search *search, const struct paths_graph *graph)
{
	size_t n;

	memset(search, 0, sizeof(*search));
	search->n_routers = graph->n_routers;
	search->n_vertices =
	        graph->n_vertices > graph->n_routers ? graph->n_vertices : graph->n_routers;
	n = (size_t)search->n_vertices + 1;
	search->first = calloc(n, sizeof(*search->first));
	search->cost = calloc(n, sizeof(*search->cost));
	search->heap = calloc(n, sizeof(*search->heap));
	search->place = calloc(n, sizeof(*search->place));
	search->edges = calloc((size_t)graph->n_links + 1, sizeof(*search->edges));
	if (search->first == NULL || search->cost == NULL || search->heap == NULL ||
	        search->place == NULL || search->edges == NULL) {
		search_fini(search);
		return false;
	}
	fill_edges(search, graph);
	return true;
}

static void heap_put(struct search *search, uint32_t at, uint32_t vertex)
{
	search->heap[at] = vertex;
	search->place[vertex] = at;
}

// Puts `vertex`, new or nearer than before, where it belongs.
static void heap_raise(struct search *search, uint32_t vertex)
{
	uint32_t at = search->place[vertex];

	if (at == NOT_IN_HEAP)
		at = search->n_heap++;
	while (at > 0) {
		uint32_t up = (at - 1) / 2;

		if (search->cost[search->heap[up]] <= search->cost[vertex])
			break;
		heap_put(search, at, search->heap[up]);
		at = up;
	}
	heap_put(search, at, vertex);
}

static uint32_t heap_pop(struct search *search)
{
	uint32_t top = search->heap[0];
	uint32_t last = search->heap[--search->n_heap];
	uint32_t at = 0;

	for (;;) {
		uint32_t down = 2 * at + 1;

		if (down >= search->n_heap)
			break;
		if (down + 1 < search->n_heap &&
		        search->cost[search->heap[down + 1]] < search->cost[search->heap[down]])
			down++;
		if (search->cost[last] <= search->cost[search->heap[down]])
			break;
		heap_put(search, at, search->heap[down]);
		at = down;
	}
	if (search->n_heap > 0)
		heap_put(search, at, last);
	search->place[top] = NOT_IN_HEAP;
	return top;
}

// Next hops towards one destination into `iface` [n_routers]. A settled vertex is never raised
// again: every edge costs something.
static void search_from(struct search *search, uint32_t dest, uint32_t *iface)
{
	memset(iface, 0xff, search->n_routers * sizeof(*iface)); // DP_NONE
	if (dest >= search->n_vertices)
		return;
	memset(search->cost, 0xff, search->n_vertices * sizeof(*search->cost));
	memset(search->place, 0xff, search->n_vertices * sizeof(*search->place));
	search->cost[dest] = 0;
	search->n_heap = 1;
	heap_put(search, 0, dest);
	while (search->n_heap > 0) {
		uint32_t at = heap_pop(search);

		for (uint32_t i = search->first[at]; i < search->first[at + 1]; i++) {
			const struct edge *edge = &search->edges[i];
			uint64_t cost;

			if (__builtin_add_overflow(search->cost[at], edge->cost, &cost) ||
			        cost > search->cost[edge->from] ||
			        (cost == search->cost[edge->from] &&
			                edge->iface_id >= iface[edge->from]))
				continue;
			iface[edge->from] = edge->iface_id;
			if (cost < search->cost[edge->from]) {
				search->cost[edge->from] = cost;
				heap_raise(search, edge->from);
			}
		}
	}
}

struct dp_nexthops *paths_compute(
        const struct paths_graph *graph, uint64_t epoch, const _Atomic bool *cancel)
{
	size_t n_cells = (size_t)graph->n_dests * graph->n_routers; // 32 bits each: no overflow
	struct dp_nexthops *nexthops = malloc(sizeof(*nexthops) + n_cells * sizeof(uint32_t));
	struct search search;

	if (nexthops == NULL)
		return NULL;
	if (!search_init(&search, graph)) {
		free(nexthops);
		return NULL;
	}
	nexthops->n_routers = graph->n_routers;
	nexthops->n_dests = graph->n_dests;
	nexthops->epoch = epoch;
	for (uint32_t i = 0; i < graph->n_dests; i++) {
		if (atomic_load_explicit(cancel, memory_order_relaxed)) {
			free(nexthops);
			nexthops = NULL;
			break;
		}
		search_from(
		        &search, graph->dests[i], &nexthops->iface[(size_t)i * graph->n_routers]);
	}
	search_fini(&search);
	return nexthops;
}
