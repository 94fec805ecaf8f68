/* SPDX-License-Identifier: BSD-3-Clause */
// Differences of headers and tables.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "record_text.h"

struct side {
	enum diff_table table;
	const struct ephemeris *e;
};

static uint32_t n_rows(const struct side *side)
{
	const uint32_t n[] = {side->e->n_nodes, side->e->n_ifaces, side->e->n_routes};

	return n[side->table];
}

static int compare_rows(const struct side *x, uint32_t i, const struct side *y, uint32_t k)
{
	const struct ephemeris *a = x->e, *b = y->e;
	int order;

	if (x->table == DIFF_NODES)
		return strcmp(ephemeris_node_name(a, i), ephemeris_node_name(b, k));
	if (x->table == DIFF_ROUTES)
		return memcmp(&a->routes[i], &b->routes[k], offsetof(struct ephemeris_route, node));
	order = strcmp(ephemeris_node_name(a, a->ifaces[i].node),
	        ephemeris_node_name(b, b->ifaces[k].node));
	return order != 0 ? order : strcmp(ephemeris_iface_name(a, i), ephemeris_iface_name(b, k));
}

static int compare_own(const void *a, const void *b, void *arg)
{
	const uint32_t *x = a, *y = b;

	return compare_rows(arg, *x, arg, *y);
}

static uint32_t *sorted(struct side *side)
{
	uint32_t n = n_rows(side), *rows = calloc((size_t)n + 1, sizeof(*rows));

	if (rows == NULL)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		rows[i] = i;
	qsort_r(rows, n, sizeof(*rows), compare_own, side);
	return rows;
}

static void merge(const struct side *x, const uint32_t *xs, const struct side *y,
        const uint32_t *ys, struct diff_rows *rows)
{
	uint32_t i = 0, k = 0;

	while (i < n_rows(x) || k < n_rows(y)) {
		int order = i == n_rows(x)   ? 1
		            : k == n_rows(y) ? -1
		                             : compare_rows(x, xs[i], y, ys[k]);

		rows->items[rows->n++] = (struct diff_row){
		        order <= 0 ? xs[i] : DIFF_NONE, order >= 0 ? ys[k] : DIFF_NONE};
		i += order <= 0;
		k += order >= 0;
	}
}

int diff_merge(enum diff_table table, const struct ephemeris *a, const struct ephemeris *b,
        struct diff_rows *ret_rows)
{
	struct side x = {table, a}, y = {table, b};
	uint32_t *xs = sorted(&x), *ys = sorted(&y);
	size_t n = (size_t)n_rows(&x) + n_rows(&y) + 1;
	int err = -ENOMEM;

	*ret_rows = (struct diff_rows){calloc(n, sizeof(*ret_rows->items)), 0};
	if (xs != NULL && ys != NULL && ret_rows->items != NULL) {
		merge(&x, xs, &y, ys, ret_rows);
		err = 0;
	}
	free(xs);
	free(ys);
	return err;
}

struct talk {
	const struct ephemeris *a, *b;
	const struct diff_report *report;
	struct diff_result *result;
};

__attribute__((format(printf, 2, 3))) static void say(const struct talk *talk, const char *fmt, ...)
{
	char text[DIFF_TEXT_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	talk->result->n_tables++;
	talk->report->table(talk->report->arg, text);
}

static void compare_headers(const struct talk *talk)
{
	const struct ephemeris_header *x = talk->a->header, *y = talk->b->header;
	const char *x_name = ephemeris_string(talk->a, x->name);
	const char *y_name = ephemeris_string(talk->b, y->name);

	if (strcmp(x_name, y_name) != 0)
		say(talk, "name: '%s', '%s'", x_name, y_name);
	if (x->epoch_ns != y->epoch_ns)
		say(talk, "epoch_ns: %" PRId64 ", %" PRId64, x->epoch_ns, y->epoch_ns);
	if (x->duration_ns != y->duration_ns)
		say(talk,
		        "duration_ns: %" PRIu64 ", %" PRIu64 "; links are compared up to the end "
		        "of the shorter",
		        x->duration_ns, y->duration_ns);
	if (x->step_ns != y->step_ns)
		say(talk, "step_ns: %" PRIu64 ", %" PRIu64, x->step_ns, y->step_ns);
	if (x->tolerance_ns != y->tolerance_ns)
		say(talk, "tolerance_ns: %" PRIu64 ", %" PRIu64, x->tolerance_ns, y->tolerance_ns);
	if (x->seed != y->seed)
		say(talk, "seed: %" PRIu64 ", %" PRIu64, x->seed, y->seed);
}

static void compare_nodes(const struct talk *talk, const struct diff_row *row)
{
	const struct ephemeris_node *x = &talk->a->nodes[row->a], *y = &talk->b->nodes[row->b];
	const char *name = ephemeris_node_name(talk->a, row->a);
	char one[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN];

	if (x->kind != y->kind)
		say(talk, "node %s: %s, %s", name, kind_text(x->kind), kind_text(y->kind));
	if (memcmp(x->address, y->address, sizeof(x->address)) != 0)
		say(talk, "node %s: address %s, %s", name,
		        inet_ntop(AF_INET6, x->address, one, sizeof(one)),
		        inet_ntop(AF_INET6, y->address, other, sizeof(other)));
}

static void compare_routes(const struct talk *talk, const struct diff_row *row)
{
	const struct ephemeris_route *x = &talk->a->routes[row->a];
	const char *one = ephemeris_node_name(talk->a, x->node);
	const char *other = ephemeris_node_name(talk->b, talk->b->routes[row->b].node);
	char prefix[INET6_ADDRSTRLEN];

	if (strcmp(one, other) != 0)
		say(talk, "route %s/%u: to %s, %s",
		        inet_ntop(AF_INET6, x->prefix, prefix, sizeof(prefix)), x->prefix_len, one,
		        other);
}

static void say_only(const struct talk *talk, enum diff_table table, const struct diff_row *row)
{
	const struct ephemeris *e = row->a != DIFF_NONE ? talk->a : talk->b;
	uint32_t i = row->a != DIFF_NONE ? row->a : row->b;
	const char *where = row->a != DIFF_NONE ? "only in the first" : "only in the second";
	char text[IFACE_REF_SIZE];

	if (table == DIFF_NODES)
		say(talk, "node %s: %s", ephemeris_node_name(e, i), where);
	else if (table == DIFF_IFACES)
		say(talk, "interface %s: %s", iface_text(e, i, text), where);
	else
		say(talk, "route %s/%u: %s",
		        inet_ntop(AF_INET6, e->routes[i].prefix, text, sizeof(text)),
		        e->routes[i].prefix_len, where);
}

static int compare_table(const struct talk *talk, enum diff_table table)
{
	struct diff_rows rows;
	int err = diff_merge(table, talk->a, talk->b, &rows);

	for (uint32_t i = 0; i < rows.n && err == 0; i++) {
		if (rows.items[i].a == DIFF_NONE || rows.items[i].b == DIFF_NONE)
			say_only(talk, table, &rows.items[i]);
		else if (table == DIFF_NODES)
			compare_nodes(talk, &rows.items[i]);
		else if (table == DIFF_ROUTES)
			compare_routes(talk, &rows.items[i]);
	}
	free(rows.items);
	return err;
}

int diff_tables(const struct ephemeris *a, const struct ephemeris *b,
        const struct diff_report *report, struct diff_result *result)
{
	const struct talk talk = {a, b, report, result};
	int err;

	compare_headers(&talk);
	err = compare_table(&talk, DIFF_NODES);
	if (err == 0)
		err = compare_table(&talk, DIFF_IFACES);
	return err == 0 ? compare_table(&talk, DIFF_ROUTES) : err;
}
