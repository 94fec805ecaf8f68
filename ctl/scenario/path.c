/* SPDX-License-Identifier: BSD-3-Clause */
// Least-delay paths in a matrix: E. W. Dijkstra, Numerische Mathematik 1, 1959, from the
// destination backwards with a binary heap; then what a frame meets on the way.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "matrix.h"

#define UNREACHED UINT64_MAX

struct heap_entry {
	uint64_t delay_ns;
	uint32_t node;
};

struct path_finder {
	const struct constellation *con;
	const struct matrix *matrix; // of the last run, with its destination
	uint32_t to;
	uint64_t *delays; // [n_nodes] to the destination
	struct heap_entry *heap; // [n_ifaces + 1]: an entry for each improvement over a link
	uint32_t n_heap;
};

struct path_finder *path_finder_create(const struct constellation *con)
{
	struct path_finder *finder = calloc(1, sizeof(*finder));

	if (finder == NULL)
		return NULL;
	finder->con = con;
	finder->delays = calloc(con->n_nodes, sizeof(*finder->delays));
	finder->heap = calloc((size_t)con->n_ifaces + 1, sizeof(*finder->heap));
	if (finder->delays != NULL && finder->heap != NULL)
		return finder;
	path_finder_destroy(finder);
	return NULL;
}

void path_finder_destroy(struct path_finder *finder)
{
	if (finder == NULL)
		return;
	free(finder->delays);
	free(finder->heap);
	free(finder);
}

static void heap_push(struct path_finder *finder, uint64_t delay_ns, uint32_t node)
{
	uint32_t at = finder->n_heap++;

	while (at > 0 && finder->heap[(at - 1) / 2].delay_ns > delay_ns) {
		finder->heap[at] = finder->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	finder->heap[at] = (struct heap_entry){delay_ns, node};
}

static struct heap_entry heap_pop(struct path_finder *finder)
{
	struct heap_entry top = finder->heap[0];
	struct heap_entry last = finder->heap[--finder->n_heap];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= finder->n_heap)
			break;
		if (child + 1 < finder->n_heap &&
		        finder->heap[child + 1].delay_ns < finder->heap[child].delay_ns)
			child++;
		if (finder->heap[child].delay_ns >= last.delay_ns)
			break;
		finder->heap[at] = finder->heap[child];
		at = child;
	}
	finder->heap[at] = last;
	return top;
}

static uint64_t whole_ns(const struct matrix_link *link)
{
	return (uint64_t)llround(link->delay_ns);
}

// The links that end at `entry`'s node: the other halves of those that leave from it.
static void relax(struct path_finder *finder, const struct heap_entry *entry)
{
	const struct matrix_link *links = finder->matrix->links;
	const struct con_node *node = &finder->con->nodes[entry->node];

	for (uint32_t i = 0; i < node->n_ifaces; i++) {
		uint32_t far = links[node->first_iface + i].to;
		const struct matrix_link *back = far != CON_NONE ? &links[far] : NULL;
		uint32_t neighbour;
		uint64_t delay_ns;

		if (back == NULL || !back->up || back->to != node->first_iface + i)
			continue;
		neighbour = finder->con->ifaces[far].node;
		delay_ns = entry->delay_ns + whole_ns(back);
		if (delay_ns >= finder->delays[neighbour])
			continue;
		finder->delays[neighbour] = delay_ns;
		heap_push(finder, delay_ns, neighbour);
	}
}

void path_finder_run(struct path_finder *finder, const struct matrix *matrix, uint32_t to)
{
	finder->matrix = matrix;
	finder->to = to;
	for (uint32_t i = 0; i < finder->con->n_nodes; i++)
		finder->delays[i] = UNREACHED;
	finder->delays[to] = 0;
	finder->n_heap = 0;
	heap_push(finder, 0, to);
	while (finder->n_heap > 0) {
		struct heap_entry entry = heap_pop(finder);

		if (entry.delay_ns == finder->delays[entry.node])
			relax(finder, &entry);
	}
}

static uint32_t next_hop(const struct path_finder *finder, uint32_t at)
{
	const struct con_node *node = &finder->con->nodes[at];
	uint64_t best = UNREACHED;
	uint32_t found = CON_NONE;

	for (uint32_t i = 0; i < node->n_ifaces; i++) {
		const struct matrix_link *link = &finder->matrix->links[node->first_iface + i];
		uint64_t rest;

		if (link->to == CON_NONE || !link->up)
			continue;
		rest = finder->delays[finder->con->ifaces[link->to].node];
		if (rest == UNREACHED || rest + whole_ns(link) >= best)
			continue;
		best = rest + whole_ns(link);
		found = node->first_iface + i;
	}
	return found;
}

int path_finder_path(const struct path_finder *finder, uint32_t from, struct path *path)
{
	path->n_hops = 0;
	while (from != finder->to) {
		uint32_t iface =
		        finder->delays[from] != UNREACHED ? next_hop(finder, from) : CON_NONE;

		// Two satellites in one place are 0 ns apart: never go round between them.
		if (iface == CON_NONE || path->n_hops + 1 >= finder->con->n_nodes)
			return -ENOENT;
		path->ifaces[path->n_hops++] = iface;
		from = finder->con->ifaces[finder->matrix->links[iface].to].node;
	}
	return 0;
}

static double delay_after(const struct matrix_link *link, double after_s)
{
	return link->delay_ns + link->slope_ns_s * after_s;
}

double path_delay_ns(const struct matrix *matrix, const struct path *path, double after_s)
{
	double sum = 0;

	for (uint32_t i = 0; i < path->n_hops; i++)
		sum += delay_after(&matrix->links[path->ifaces[i]], after_s);
	return sum;
}

double path_flight_rtt_ns(
        const struct matrix *matrix, const struct path *path, double after_s, double speed)
{
	double flown_ns = 0;

	for (uint32_t i = 0; i < path->n_hops; i++)
		flown_ns += delay_after(
		        &matrix->links[path->ifaces[i]], after_s + flown_ns * 1e-9 * speed);
	for (uint32_t i = path->n_hops; i > 0; i--)
		flown_ns += delay_after(&matrix->links[matrix->links[path->ifaces[i - 1]].to],
		        after_s + flown_ns * 1e-9 * speed);
	return flown_ns;
}

static double ns_per_byte(const struct matrix_link *link)
{
	return link->rate_bps != 0 ? 8e9 / (double)link->rate_bps : 0;
}

double path_rtt_ns_per_byte(const struct matrix *matrix, const struct path *path)
{
	double sum = 0;

	for (uint32_t i = 0; i < path->n_hops; i++)
		sum += ns_per_byte(&matrix->links[path->ifaces[i]]) +
		       ns_per_byte(&matrix->links[matrix->links[path->ifaces[i]].to]);
	return sum;
}
