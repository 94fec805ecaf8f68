/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay next hops. Knows numbers only: no names, no model, no thread.
#include "paths.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

#define UNREACHED UINT64_MAX
#define NOT_IN_HEAP UINT32_MAX
#define ON_TRAIL 1 // in place[], while the heap is empty
#define HOPS_BITS 16 // of a cost, below its delay

// A link as the search meets it: from its far end backwards. Delay and number of links in one sum
// that grows on every link, so what is nearer is settled first and a next hop is always nearer.
struct edge {
	uint32_t from;
	uint32_t iface_id;
	uint64_t cost;
};

// The same link, found by where it leaves from.
struct way {
	uint32_t from, to;
	uint32_t iface_id;
	uint64_t cost;
};

struct search {
	uint32_t n_routers;
	uint32_t n_vertices;
	uint32_t *first; // [n_vertices + 1] of the edges into a vertex
	struct edge *edges;
	uint32_t *first_way; // [n_routers + 1] of the links out of a router, by interface id
	struct way *ways;
	uint32_t n_ids;
	uint32_t *way_of_id; // [n_ids] by interface id, plus one; 0: none
	uint64_t *cost; // [n_vertices] to the destination
	uint32_t *heap; // [n_vertices] vertices, nearest first
	uint32_t *place; // [n_vertices] in the heap
	uint32_t n_heap;
	uint32_t *last_order; // [n_routers] scratch
	bool several;
	uint64_t within; // tolerance, as a delay of a cost
};

struct paths_memory {
	uint32_t n_routers, n_dests; // 0: nothing yet
	uint32_t *iface; // [n_dests * n_routers] the best next hop
	uint32_t
	        *order; // [n_dests * n_routers] of the routers: next hops before those who use them
	uint32_t turn; // first destination that may have waited longest
};

struct paths_memory *paths_memory_create(void)
{
	return calloc(1, sizeof(struct paths_memory));
}

void paths_memory_destroy(struct paths_memory *memory)
{
	if (memory == NULL)
		return;
	free(memory->iface);
	free(memory->order);
	free(memory);
}

static uint64_t cost_of(uint32_t delay_ns)
{
	return ((uint64_t)delay_ns << HOPS_BITS) + 1;
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

static int compare_ways(const void *a, const void *b)
{
	const struct way *x = a, *y = b;

	return (x->iface_id > y->iface_id) - (x->iface_id < y->iface_id);
}

// And by their near end. By interface id, so that the order of the snapshot says nothing.
static void fill_ways(struct search *search, const struct paths_graph *graph)
{
	uint32_t *end = search->place; // scratch
	uint32_t sum = 0;

	memset(end, 0, search->n_vertices * sizeof(*end));
	for (uint32_t i = 0; i < graph->n_links; i++)
		if (is_usable(search, &graph->links[i]))
			end[graph->links[i].from_router]++;
	for (uint32_t v = 0; v < search->n_routers; v++) {
		search->first_way[v] = sum;
		sum += end[v];
		end[v] = search->first_way[v];
	}
	search->first_way[search->n_routers] = sum;
	for (uint32_t i = 0; i < graph->n_links; i++) {
		const struct paths_link *link = &graph->links[i];

		if (is_usable(search, link))
			search->ways[end[link->from_router]++] =
			        (struct way){.from = link->from_router,
			                .to = link->to_router,
			                .iface_id = link->iface_id,
			                .cost = cost_of(link->delay_ns)};
	}
	for (uint32_t v = 0; v < search->n_routers; v++)
		qsort(&search->ways[search->first_way[v]],
		        search->first_way[v + 1] - search->first_way[v], sizeof(search->ways[0]),
		        compare_ways);
	for (uint32_t i = 0; i < sum; i++)
		search->way_of_id[search->ways[i].iface_id] = i + 1;
}

static void search_fini(struct search *search)
{
	free(search->first);
	free(search->edges);
	free(search->first_way);
	free(search->ways);
	free(search->way_of_id);
	free(search->cost);
	free(search->heap);
	free(search->place);
	free(search->last_order);
}

static bool search_init(struct search *search, const struct paths_graph *graph)
{
	size_t n;

	memset(search, 0, sizeof(*search));
	search->n_routers = graph->n_routers;
	search->n_vertices =
	        graph->n_vertices > graph->n_routers ? graph->n_vertices : graph->n_routers;
	search->several = graph->several;
	search->within = (uint64_t)graph->equal_within_ns << HOPS_BITS;
	n = (size_t)search->n_vertices + 1;
	search->first = calloc(n, sizeof(*search->first));
	search->first_way = calloc(n, sizeof(*search->first_way));
	search->cost = calloc(n, sizeof(*search->cost));
	search->heap = calloc(n, sizeof(*search->heap));
	search->last_order = calloc(n, sizeof(*search->last_order));
	search->place = calloc(n, sizeof(*search->place));
	search->edges = calloc((size_t)graph->n_links + 1, sizeof(*search->edges));
	search->ways = calloc((size_t)graph->n_links + 1, sizeof(*search->ways));
	for (uint32_t i = 0; i < graph->n_links; i++)
		if (is_usable(search, &graph->links[i]) &&
		        graph->links[i].iface_id >= search->n_ids)
			search->n_ids = graph->links[i].iface_id + 1;
	search->way_of_id = calloc((size_t)search->n_ids + 1, sizeof(*search->way_of_id));
	if (search->way_of_id == NULL || search->first == NULL || search->first_way == NULL ||
	        search->cost == NULL || search->heap == NULL || search->last_order == NULL ||
	        search->place == NULL || search->edges == NULL || search->ways == NULL) {
		search_fini(search);
		return false;
	}
	fill_edges(search, graph);
	fill_ways(search, graph);
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

// All links that arrive at `at`: who comes nearer by one goes into the heap. Hardly any does when
// the search began at the last result: one branch a link, nearly never taken.
static void relax(struct search *search, uint32_t at, uint32_t *iface)
{
	uint64_t base = search->cost[at];

	for (uint32_t i = search->first[at]; i < search->first[at + 1]; i++) {
		const struct edge *edge = &search->edges[i];
		uint64_t cost = base + edge->cost, had = search->cost[edge->from];
		bool is_nearer = cost < had;
		bool is_lower = (cost == had) & (edge->iface_id < iface[edge->from]);

		if (__builtin_expect(is_nearer | is_lower, 0) == 0)
			continue;
		iface[edge->from] = edge->iface_id;
		if (is_nearer) {
			search->cost[edge->from] = cost;
			heap_raise(search, edge->from);
		}
	}
}

// What is popped is never raised again: every edge costs something.
static void drain(struct search *search, uint32_t *iface)
{
	while (search->n_heap > 0)
		relax(search, heap_pop(search), iface);
}

// The link of a next hop; NULL: none, or it leaves from another router by now.
static const struct way *way_by_iface(const struct search *search, uint32_t router, uint32_t id)
{
	uint32_t i = id < search->n_ids ? search->way_of_id[id] : 0;

	return i != 0 && search->ways[i - 1].from == router ? &search->ways[i - 1] : NULL;
}

// What it costs from `router` along the next hops of the last time, with the links as they are now.
// Up to a vertex that has its cost, then back. A hop that is gone leaves all behind it unreached.
// Returns how many routers went behind `order`.
static uint32_t cost_along(
        struct search *search, uint32_t dest, uint32_t router, uint32_t *iface, uint32_t *order)
{
	uint32_t *trail = search->heap; // empty still
	uint32_t n = 0, n_done = 0, at = router;
	uint64_t cost;

	// place[] is 0 for those not yet looked at; a ring of hops ends where it began
	while (search->place[at] == 0) {
		const struct way *way =
		        at < search->n_routers ? way_by_iface(search, at, iface[at]) : NULL;

		search->place[at] = ON_TRAIL;
		trail[n++] = at;
		if (way == NULL)
			break;
		search->cost[at] = way->cost; // of the link, for the way back
		at = way->to;
	}
	cost = search->place[at] == ON_TRAIL ? UNREACHED : search->cost[at];
	while (n > 0) {
		uint32_t v = trail[--n];

		search->place[v] = NOT_IN_HEAP;
		if (v == dest)
			cost = 0;
		else if (cost != UNREACHED)
			cost += search->cost[v];
		search->cost[v] = cost;
		if (v >= search->n_routers)
			continue;
		order[n_done++] = v;
		if (cost == UNREACHED)
			iface[v] = DP_NONE;
	}
	return n_done;
}

// In the order of the last time each router's next hop has its cost already, but for the few whose
// next hop is another since: straight on, without a trail.
static void cost_all(struct search *search, uint32_t dest, uint32_t *iface, uint32_t *order)
{
	uint32_t *last = search->last_order, n = 0;

	memcpy(last, order, search->n_routers * sizeof(*last));
	for (uint32_t i = 0; i < search->n_routers; i++) {
		uint32_t v = last[i];
		const struct way *way = way_by_iface(search, v, iface[v]);

		if (way != NULL && search->place[v] == 0 && search->place[way->to] == NOT_IN_HEAP &&
		        search->cost[way->to] != UNREACHED) {
			search->place[v] = NOT_IN_HEAP;
			search->cost[v] = search->cost[way->to] + way->cost;
			order[n++] = v;
		} else {
			n += cost_along(search, dest, v, iface, order + n);
		}
	}
}

// From the next hops of the last time to those of now.
static void search_again(struct search *search, uint32_t dest, uint32_t *iface, uint32_t *order)
{
	memset(search->place, 0, search->n_vertices * sizeof(*search->place));
	if (dest >= search->n_routers) // else it is found as the others are, without a next hop
		search->place[dest] = NOT_IN_HEAP;
	cost_all(search, dest, iface, order);
	memset(search->place, 0xff, search->n_vertices * sizeof(*search->place));
	for (uint32_t v = 0; v < search->n_vertices; v++)
		if (search->cost[v] != UNREACHED)
			relax(search, v, iface);
	drain(search, iface);
}

static void search_from_nothing(struct search *search, uint32_t dest, uint32_t *iface)
{
	memset(search->place, 0xff, search->n_vertices * sizeof(*search->place));
	search->n_heap = 1;
	heap_put(search, 0, dest);
	drain(search, iface);
}

// Next hops towards one destination into `iface` [n_routers], which has those of the last time if
// `again`.
static void search_from(
        struct search *search, uint32_t dest, uint32_t *iface, uint32_t *order, bool again)
{
	if (!again)
		for (uint32_t v = 0; v < search->n_routers; v++)
			order[v] = v;
	if (dest >= search->n_vertices || !again)
		memset(iface, 0xff, search->n_routers * sizeof(*iface)); // DP_NONE
	if (dest >= search->n_vertices)
		return;
	if (dest < search->n_routers)
		iface[dest] = DP_NONE;
	memset(search->cost, 0xff, search->n_vertices * sizeof(*search->cost));
	search->cost[dest] = 0;
	search->n_heap = 0;
	if (again)
		search_again(search, dest, iface, order);
	else
		search_from_nothing(search, dest, iface);
}

// All ways of a router that are as good, if there are several.
static uint32_t several_ways(const struct search *search, uint32_t router, uint32_t best)
{
	const struct way *ways = &search->ways[search->first_way[router]];
	uint32_t n = search->first_way[router + 1] - search->first_way[router], mask = 0;
	uint64_t cost = search->cost[router];
	uint64_t limit = (cost >> HOPS_BITS << HOPS_BITS) + search->within;

	if (best == DP_NONE)
		return best;
	for (uint32_t i = 0; i < n && i < DP_WAYS_MAX; i++) {
		uint64_t far = search->cost[ways[i].to], sum;

		if (far >= cost || __builtin_add_overflow(far, ways[i].cost, &sum))
			continue;
		if (sum >> HOPS_BITS << HOPS_BITS <= limit)
			mask |= 1u << i;
	}
	return (mask & (mask - 1)) != 0 ? DP_WAYS | mask : best;
}

static void fill_cells(const struct search *search, const uint32_t *iface, uint32_t *cells)
{
	memcpy(cells, iface, search->n_routers * sizeof(*cells));
	for (uint32_t v = 0; search->several && v < search->n_routers; v++)
		cells[v] = several_ways(search, v, iface[v]);
}

// The table with room behind its cells for the ways they name.
static struct dp_nexthops *make_table(
        const struct search *search, const struct paths_graph *graph, uint64_t epoch)
{
	size_t n_cells = (size_t)graph->n_dests * graph->n_routers; // 32 bits each: no overflow
	uint32_t n_ways = search->first_way[search->n_routers];
	size_t n_behind = graph->several ? (size_t)graph->n_routers + n_ways : 0;
	struct dp_nexthops *t = malloc(sizeof(*t) + (n_cells + n_behind) * sizeof(uint32_t));

	if (t == NULL)
		return NULL;
	*t = (struct dp_nexthops){
	        .n_routers = graph->n_routers, .n_dests = graph->n_dests, .epoch = epoch};
	if (graph->several) {
		uint32_t *first_way = t->iface + n_cells, *ways = first_way + graph->n_routers;

		memcpy(first_way, search->first_way, graph->n_routers * sizeof(*first_way));
		for (uint32_t i = 0; i < n_ways; i++)
			ways[i] = search->ways[i].iface_id;
		t->first_way = first_way;
		t->ways = ways;
	}
	return t;
}

// Whether the next hops of the last time stand where those of `graph` will. Other numbers mean
// another world.
static bool remembers(struct paths_memory *memory, const struct paths_graph *graph)
{
	size_t n_cells = (size_t)graph->n_dests * graph->n_routers;
	uint32_t *iface, *order;

	if (memory->iface != NULL && memory->n_routers == graph->n_routers &&
	        memory->n_dests == graph->n_dests)
		return true;
	memory->n_routers = memory->n_dests = 0;
	iface = realloc(memory->iface, (n_cells + 1) * sizeof(*iface));
	if (iface != NULL)
		memory->iface = iface;
	order = realloc(memory->order, (n_cells + 1) * sizeof(*order));
	if (order != NULL)
		memory->order = order;
	if (iface != NULL && order != NULL) {
		memory->n_routers = graph->n_routers;
		memory->n_dests = graph->n_dests;
	}
	return false;
}

// From the one whose turn it is, so that each comes to it. Returns whether this one waits.
static bool waits(const struct paths_graph *graph, bool again, uint32_t dest, uint32_t *left)
{
	if (!again || graph->can_wait == NULL || !graph->can_wait[dest])
		return false;
	if (*left == 0)
		return true;
	(*left)--;
	return false;
}

static bool fill_table(struct search *search, const struct paths_graph *graph,
        struct paths_memory *memory, struct dp_nexthops *t, const _Atomic bool *cancel)
{
	bool again = remembers(memory, graph);
	uint32_t left = graph->n_in_turn, begin = again ? memory->turn : 0, first_waits = DP_NONE;

	if (memory->n_routers != graph->n_routers || memory->n_dests != graph->n_dests)
		return false;
	for (uint32_t n = 0; n < graph->n_dests; n++) {
		uint32_t i = (begin + n) % graph->n_dests;
		size_t at = (size_t)i * graph->n_routers;

		if (atomic_load_explicit(cancel, memory_order_relaxed)) {
			memory->n_routers = memory->n_dests = 0; // half of it is of now
			return false;
		}
		if (waits(graph, again, i, &left)) {
			if (first_waits == DP_NONE)
				first_waits = i;
			memcpy(&t->iface[at], &memory->iface[at],
			        graph->n_routers * sizeof(t->iface[0]));
			continue;
		}
		search_from(search, graph->dests[i], &memory->iface[at], &memory->order[at], again);
		fill_cells(search, &memory->iface[at], &t->iface[at]);
	}
	memory->turn = first_waits != DP_NONE ? first_waits : 0;
	return true;
}

struct dp_nexthops *paths_compute(struct paths_memory *memory, const struct paths_graph *graph,
        uint64_t epoch, const _Atomic bool *cancel)
{
	struct paths_memory none = {0};
	struct dp_nexthops *t;
	struct search search;

	if (!search_init(&search, graph))
		return NULL;
	t = make_table(&search, graph, epoch);
	if (t != NULL && !fill_table(&search, graph, memory != NULL ? memory : &none, t, cancel)) {
		free(t);
		t = NULL;
	}
	free(none.iface);
	free(none.order);
	search_fini(&search);
	return t;
}
