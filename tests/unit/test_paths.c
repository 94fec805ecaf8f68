/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay paths: against Floyd and Warshall on random graphs, ties, sinks, several ways,
// no loops.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "paths.h"
#include "rng.h"
#include "view.h"

#define V_MAX 40
#define E_MAX 200
#define FAR (UINT64_MAX / 4)

struct graph {
	struct paths_graph paths;
	struct paths_link links[E_MAX];
	uint32_t dests[V_MAX];
};

static const _Atomic bool go;

static struct graph random_graph(
        struct rng *rng, unsigned n_routers, unsigned n_sinks, unsigned n_links, uint32_t delay_max)
{
	struct graph graph = {.paths = {.n_routers = n_routers,
	                              .n_vertices = n_routers + n_sinks,
	                              .n_links = n_links,
	                              .n_dests = n_routers + n_sinks}};

	for (unsigned i = 0; i < n_links; i++)
		graph.links[i] = (struct paths_link){
		        .from_router = (uint32_t)(rng_next(rng) % (n_routers + n_sinks)),
		        .to_router = (uint32_t)(rng_next(rng) % (n_routers + n_sinks)),
		        .iface_id = 1000 + n_links - i,
		        .delay_ns = (uint32_t)(rng_next(rng) % delay_max),
		};
	for (unsigned i = 0; i < n_routers + n_sinks; i++)
		graph.dests[i] = i;
	return graph;
}

static struct dp_nexthops *compute_with(struct paths_memory *memory, struct graph *graph)
{
	struct dp_nexthops *nexthops;

	graph->paths.links = graph->links;
	graph->paths.dests = graph->dests;
	nexthops = paths_compute(memory, &graph->paths, 7, &go);
	assert_non_null(nexthops);
	assert_int_equal(nexthops->epoch, 7);
	assert_int_equal(nexthops->n_routers, graph->paths.n_routers);
	assert_int_equal(nexthops->n_dests, graph->paths.n_dests);
	return nexthops;
}

static struct dp_nexthops *compute(struct graph *graph)
{
	return compute_with(NULL, graph);
}

static const struct paths_link *link_of(const struct graph *graph, uint32_t iface_id)
{
	for (unsigned i = 0; i < graph->paths.n_links; i++)
		if (graph->links[i].iface_id == iface_id)
			return &graph->links[i];
	fail_msg("no link %u", iface_id);
	return NULL;
}

static void floyd_warshall(const struct graph *graph, uint64_t dist[V_MAX][V_MAX])
{
	unsigned n = graph->paths.n_vertices;

	for (unsigned a = 0; a < n; a++)
		for (unsigned b = 0; b < n; b++)
			dist[a][b] = a == b ? 0 : FAR;
	for (unsigned i = 0; i < graph->paths.n_links; i++) {
		const struct paths_link *link = &graph->links[i];

		if (link->from_router < graph->paths.n_routers &&
		        link->delay_ns < dist[link->from_router][link->to_router])
			dist[link->from_router][link->to_router] = link->delay_ns;
	}
	for (unsigned k = 0; k < n; k++)
		for (unsigned a = 0; a < n; a++)
			for (unsigned b = 0; b < n; b++)
				if (dist[a][k] + dist[k][b] < dist[a][b])
					dist[a][b] = dist[a][k] + dist[k][b];
}

// Follows the next hops: the delays sum up to the least, in no more steps than there are vertices.
static void check_path(const struct graph *graph, const struct dp_nexthops *nexthops, uint32_t from,
        uint32_t to, uint64_t want)
{
	uint32_t n_routers = graph->paths.n_routers;
	uint64_t delay = 0;
	unsigned steps = 0;

	if (want >= FAR || from == to) {
		assert_int_equal(nexthops->iface[to * n_routers + from], DP_NONE);
		return;
	}
	for (uint32_t at = from; at != to; steps++) {
		const struct paths_link *link;

		assert_true(at < n_routers); // a sink does not forward
		link = link_of(graph, nexthops->iface[to * n_routers + at]);
		assert_int_equal(link->from_router, at);
		delay += link->delay_ns;
		at = link->to_router;
		assert_true(steps < graph->paths.n_vertices);
	}
	assert_int_equal(delay, want);
}

static void test_random_graphs(void **state)
{
	static uint64_t dist[V_MAX][V_MAX];
	struct rng rng;

	rng_seed(&rng, 1, 0);
	for (unsigned round = 0; round < 200; round++) {
		// delays of 0 to 2 give ties and loops without cost, the others hardly any
		struct graph graph = random_graph(&rng, 5 + round % 25, round % 4 * 3,
		        10 + round % 190, round % 2 ? 3 : 1000000);
		struct dp_nexthops *nexthops = compute(&graph);

		floyd_warshall(&graph, dist);
		for (uint32_t from = 0; from < graph.paths.n_routers; from++)
			for (uint32_t to = 0; to < graph.paths.n_vertices; to++)
				check_path(&graph, nexthops, from, to, dist[from][to]);
		free(nexthops);
	}
}

// Delays drift, links come and go, destinations move: what begins at the last result ends at the
// same as what begins at nothing.
static void test_memory(void **state)
{
	struct rng rng;

	rng_seed(&rng, 3, 0);
	for (unsigned world = 0; world < 40; world++) {
		struct paths_memory *memory = paths_memory_create();
		struct graph graph = random_graph(
		        &rng, 10 + world / 2, world % 3, 40 + world * 4, world % 2 ? 4 : 1000000);

		assert_non_null(memory);
		graph.paths.several = world % 4 == 0;
		for (unsigned round = 0; round < 40; round++) {
			struct dp_nexthops *again = compute_with(memory, &graph);
			struct dp_nexthops *anew = compute(&graph);

			assert_memory_equal(again->iface, anew->iface,
			        (size_t)anew->n_routers * anew->n_dests * sizeof(uint32_t));
			free(again);
			free(anew);
			for (unsigned k = rng_next(&rng) % 12; k > 0; k--) {
				struct paths_link *link =
				        &graph.links[rng_next(&rng) % graph.paths.n_links];

				link->delay_ns =
				        (uint32_t)(rng_next(&rng) % (world % 2 ? 4 : 1000000));
				if (rng_next(&rng) % 4 == 0)
					link->to_router =
					        (uint32_t)(rng_next(&rng) % graph.paths.n_vertices);
				if (rng_next(&rng) % 8 == 0)
					link->from_router =
					        (uint32_t)(rng_next(&rng) % graph.paths.n_vertices);
			}
			if (rng_next(&rng) % 8 == 0)
				graph.dests[rng_next(&rng) % graph.paths.n_dests] =
				        (uint32_t)(rng_next(&rng) % graph.paths.n_vertices);
		}
		paths_memory_destroy(memory);
	}
}

// What can wait keeps its last next hops, whole, and comes to its turn; what cannot is of now.
static void test_waiting(void **state)
{
	enum { N = 24, IN_TURN = 5 };
	struct paths_memory *memory = paths_memory_create();
	size_t row = N * sizeof(uint32_t);
	bool can_wait[N];
	struct graph graph;
	struct dp_nexthops *last;
	unsigned age[N] = {0}, n_waiting = 0;
	struct rng rng;

	rng_seed(&rng, 5, 0);
	graph = random_graph(&rng, N, 0, 120, 1000000);
	for (unsigned i = 0; i < N; i++)
		n_waiting += can_wait[i] = i % 4 != 0;
	graph.paths.can_wait = can_wait;
	graph.paths.n_in_turn = IN_TURN;
	last = compute_with(memory, &graph);
	for (unsigned round = 0; round < 60; round++) {
		struct dp_nexthops *now, *anew;
		unsigned n_kept = 0;

		for (unsigned i = 0; i < 120; i++)
			graph.links[i].delay_ns = (uint32_t)(rng_next(&rng) % 1000000);
		now = compute_with(memory, &graph);
		anew = compute(&graph);
		for (unsigned i = 0; i < N; i++) {
			bool is_new = memcmp(&now->iface[i * N], &anew->iface[i * N], row) == 0;
			bool is_kept = memcmp(&now->iface[i * N], &last->iface[i * N], row) == 0;

			assert_true(is_new || (can_wait[i] && is_kept));
			age[i] = is_new ? 0 : age[i] + 1;
			assert_true(age[i] < (n_waiting + IN_TURN - 1) / IN_TURN);
			n_kept += !is_new;
		}
		assert_true(n_kept <= n_waiting - IN_TURN);
		if (round == 0)
			assert_int_not_equal(n_kept, 0);
		free(last);
		free(anew);
		last = now;
	}
	free(last);
	paths_memory_destroy(memory);
}

// Least delay, then fewest links, as the search means "nearer".
struct distance {
	uint64_t delay;
	unsigned links;
};

static bool is_nearer(struct distance a, struct distance b)
{
	return a.delay != b.delay ? a.delay < b.delay : a.links < b.links;
}

static void bellman_ford(const struct graph *graph, uint32_t to, struct distance dist[V_MAX])
{
	for (unsigned v = 0; v < graph->paths.n_vertices; v++)
		dist[v] = (struct distance){v == to ? 0 : FAR, 0};
	for (unsigned round = 0; round < graph->paths.n_vertices; round++) {
		for (unsigned i = 0; i < graph->paths.n_links; i++) {
			const struct paths_link *link = &graph->links[i];
			struct distance via = dist[link->to_router];

			if (link->from_router >= graph->paths.n_routers || via.delay >= FAR)
				continue;
			via.delay += link->delay_ns;
			via.links++;
			if (is_nearer(via, dist[link->from_router]))
				dist[link->from_router] = via;
		}
	}
}

// Every way that a cell names, and no other, is nearer and within the tolerance.
static void check_ways(const struct graph *graph, const struct dp_nexthops *nexthops, uint32_t from,
        uint32_t to, const struct distance dist[V_MAX])
{
	uint32_t cell = dp_nexthops_cell(nexthops, to, from);
	unsigned n_want = 0, n_found = 0;

	for (unsigned i = 0; i < graph->paths.n_links; i++) {
		const struct paths_link *link = &graph->links[i];
		struct distance far = dist[link->to_router];
		bool want = link->from_router == from && link->to_router != from &&
		            far.delay < FAR && is_nearer(far, dist[from]) &&
		            far.delay + link->delay_ns <=
		                    dist[from].delay + graph->paths.equal_within_ns;
		bool found = false;

		if (link->from_router != from || link->to_router == from)
			continue;
		n_want += want;
		for (uint32_t hash = 0; dp_nexthops_is_several(cell) && hash < 64; hash++)
			found |=
			        dp_nexthops_way(nexthops, from, cell, hash << 26) == link->iface_id;
		if (!dp_nexthops_is_several(cell))
			found = cell == link->iface_id;
		n_found += found;
		if (found)
			assert_true(want);
	}
	if (from == to || n_want == 0)
		assert_int_equal(cell, DP_NONE);
	else
		assert_int_equal(n_found, n_want);
}

// Whatever way each router takes, at random: it arrives, and never twice at one router.
static void walk_at_random(struct rng *rng, const struct graph *graph,
        const struct dp_nexthops *nexthops, uint32_t from, uint32_t to)
{
	bool seen[V_MAX] = {false};

	for (uint32_t at = from; at != to;) {
		uint32_t cell = dp_nexthops_cell(nexthops, to, at);

		assert_false(seen[at]);
		seen[at] = true;
		if (cell == DP_NONE && at == from)
			return;
		if (dp_nexthops_is_several(cell))
			cell = dp_nexthops_way(nexthops, at, cell, (uint32_t)rng_next(rng));
		assert_int_not_equal(cell, DP_NONE);
		at = link_of(graph, cell)->to_router;
		assert_true(at < graph->paths.n_routers || at == to);
	}
}

static void test_several_ways(void **state)
{
	struct distance dist[V_MAX] = {0};
	struct rng rng;

	rng_seed(&rng, 4, 0);
	for (unsigned round = 0; round < 200; round++) {
		struct graph graph = random_graph(&rng, 5 + round % 25, round % 4 * 3,
		        10 + round % 190, round % 2 ? 3 : 1000);
		struct dp_nexthops *nexthops;

		graph.paths.several = true;
		graph.paths.equal_within_ns = round % 3 * (round % 2 ? 1 : 200);
		nexthops = compute(&graph);
		for (uint32_t to = 0; to < graph.paths.n_vertices; to++) {
			bellman_ford(&graph, to, dist);
			for (uint32_t from = 0; from < graph.paths.n_routers; from++) {
				check_ways(&graph, nexthops, from, to, dist);
				walk_at_random(&rng, &graph, nexthops, from, to);
			}
		}
		free(nexthops);
	}
}

// The order of the links in the snapshot says nothing about the paths.
static void test_order_does_not_matter(void **state)
{
	struct rng rng;

	rng_seed(&rng, 2, 0);
	for (unsigned round = 0; round < 50; round++) {
		struct graph graph = random_graph(&rng, 20, 2, 120, 3);
		struct dp_nexthops *first = compute(&graph);
		struct dp_nexthops *second;

		for (unsigned i = graph.paths.n_links - 1; i > 0; i--) {
			unsigned k = (unsigned)(rng_next(&rng) % (i + 1));
			struct paths_link link = graph.links[i];

			graph.links[i] = graph.links[k];
			graph.links[k] = link;
		}
		second = compute(&graph);
		assert_memory_equal(first->iface, second->iface,
		        (size_t)first->n_routers * first->n_dests * sizeof(uint32_t));
		free(first);
		free(second);
	}
}

static void test_ties(void **state)
{
	struct graph graph = {
	        .paths = {.n_routers = 4, .n_links = 6, .n_dests = 2},
	        .links = {{0, 1, 12, 10}, {0, 2, 11, 10}, {1, 3, 20, 10}, {2, 3, 30, 10},
	                {1, 3, 19, 10}, {0, 3, 40, 20}},
	        .dests = {3, 3},
	};
	struct dp_nexthops *nexthops = compute(&graph);

	assert_int_equal(nexthops->iface[0], 40); // as short in one link
	assert_int_equal(nexthops->iface[1], 19); // the lower of two parallel links
	assert_memory_equal(nexthops->iface, nexthops->iface + 4, 4 * sizeof(uint32_t));
	free(nexthops);
	graph.paths.n_links = 5; // without the direct link
	nexthops = compute(&graph);
	assert_int_equal(nexthops->iface[0], 11); // the lower interface
	assert_int_equal(nexthops->iface[3], DP_NONE); // there already
	free(nexthops);
}

static void test_sinks_and_strays(void **state)
{
	struct graph graph = {
	        .paths = {.n_routers = 3, .n_vertices = 5, .n_links = 6, .n_dests = 4},
	        // 0 -> pod 3 -> 1 would be short; links to nowhere are passed over
	        .links = {{0, 3, 10, 1}, {3, 1, 11, 1}, {0, 2, 12, 100}, {2, 1, 13, 100},
	                {0, 9, 14, 1}, {9, 1, 15, 1}},
	        .dests = {1, 3, 4, DP_NONE},
	};
	struct dp_nexthops *nexthops = compute(&graph);

	assert_int_equal(nexthops->iface[0], 12);
	assert_int_equal(nexthops->iface[2], 13);
	assert_int_equal(nexthops->iface[3 + 0], 10); // the pod itself
	assert_int_equal(nexthops->iface[3 + 2], DP_NONE);
	for (unsigned i = 6; i < 12; i++)
		assert_int_equal(nexthops->iface[i], DP_NONE);
	free(nexthops);
}

static void test_empty_and_cancel(void **state)
{
	static const _Atomic bool stop = true;
	struct paths_graph none = {.n_routers = 0};
	struct paths_graph some = {.n_routers = 1, .n_dests = 1, .dests = (uint32_t[]){0}};
	struct dp_nexthops *nexthops = paths_compute(NULL, &none, 1, &go);

	assert_non_null(nexthops);
	free(nexthops);
	assert_null(paths_compute(NULL, &some, 1, &stop));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_graphs),
	        cmocka_unit_test(test_memory),
	        cmocka_unit_test(test_waiting),
	        cmocka_unit_test(test_several_ways),
	        cmocka_unit_test(test_order_does_not_matter),
	        cmocka_unit_test(test_ties),
	        cmocka_unit_test(test_sinks_and_strays),
	        cmocka_unit_test(test_empty_and_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
