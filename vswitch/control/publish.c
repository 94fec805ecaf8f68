/* SPDX-License-Identifier: BSD-3-Clause */
// Left-right publication of links and routes to the workers.
#include "publish.h"

#include <assert.h>
#include <errno.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "reserve.h"

enum fib_op_kind { FIB_OP_ADD, FIB_OP_DEL };

struct fib_op {
	struct fib6_prefix prefix;
	uint8_t kind;
	uint32_t target_id;
};

struct deferred {
	publisher_deferred_fn *fn;
	void *arg, *value;
};

struct publisher {
	struct datapath *dp;
	struct publisher_limits limits;

	struct link_params *links[2];
	struct fib6 *fib[2];
	unsigned idle; // the side of `links` that no worker reads
	unsigned fib_idle; // the same of `fib`: it stays where it is while a replay is due
	struct dp_iface *ifaces;
	struct dp_node *nodes;
	struct dp_target *targets;
	struct dp_nexthops *nexthops;

	struct view views[2]; // the published one and the next, in turn
	unsigned view_idx;
	uint64_t epoch, epoch_tsc;
	uint64_t applied_tsc;
	bool dirty;

	// links changed on the idle side since the last replay, each once
	uint32_t *changed;
	uint32_t n_changed;
	uint64_t *changed_words;
	struct fib_op *ops;
	size_t n_ops, max_ops;
	bool replay_due; // the idle side's FIB lacks ops[]: memory ran out in the last replay

	struct deferred *deferred;
	size_t n_deferred, max_deferred;
};

static bool alloc_tables(struct publisher *p)
{
	const struct publisher_limits *l = &p->limits;

	for (int side = 0; side < 2; side++) {
		p->links[side] = reserve_alloc(l->max_ifaces, sizeof(p->links[0][0]));
		p->fib[side] = fib6_create(l->max_routes);
		if (p->links[side] == NULL || p->fib[side] == NULL)
			return false;
	}
	p->ifaces = reserve_alloc(l->max_ifaces, sizeof(p->ifaces[0]));
	p->nodes = reserve_alloc(l->max_nodes, sizeof(p->nodes[0]));
	p->targets = reserve_alloc(l->max_targets, sizeof(p->targets[0]));
	p->changed = reserve_alloc(l->max_ifaces, sizeof(p->changed[0]));
	p->changed_words = reserve_alloc(l->max_ifaces / 64 + 1, sizeof(p->changed_words[0]));
	return p->ifaces != NULL && p->nodes != NULL && p->targets != NULL && p->changed != NULL &&
	       p->changed_words != NULL;
}

int publisher_create(struct datapath *dp, const struct publisher_limits *limits,
        struct publisher **ret_publisher, struct fault *fault)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the switch's tables");
	p->dp = dp;
	p->limits = *limits;
	if (!alloc_tables(p)) {
		publisher_destroy(p);
		return fault_set(fault, -ENOMEM, "limits",
		        "no memory for tables of %u interfaces and %u routes", limits->max_ifaces,
		        limits->max_routes);
	}
	p->idle = 0;
	publisher_commit(p);
	*ret_publisher = p;
	return 0;
}

static void run_deferred(struct publisher *p)
{
	// a deferred function may defer again: that is for the next grace period
	size_t n = p->n_deferred;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		p->deferred[i].fn(p->deferred[i].arg, p->deferred[i].value);
	p->n_deferred -= n;
	memmove(p->deferred, p->deferred + n, p->n_deferred * sizeof(p->deferred[0]));
}

void publisher_destroy(struct publisher *p)
{
	const struct publisher_limits *l;

	if (p == NULL)
		return;
	while (p->n_deferred > 0)
		run_deferred(p);
	l = &p->limits;
	for (int side = 0; side < 2; side++) {
		reserve_free(p->links[side], l->max_ifaces, sizeof(p->links[0][0]));
		if (p->fib[side] != NULL)
			fib6_destroy(p->fib[side]);
	}
	reserve_free(p->ifaces, l->max_ifaces, sizeof(p->ifaces[0]));
	reserve_free(p->nodes, l->max_nodes, sizeof(p->nodes[0]));
	reserve_free(p->targets, l->max_targets, sizeof(p->targets[0]));
	reserve_free(p->changed, l->max_ifaces, sizeof(p->changed[0]));
	reserve_free(p->changed_words, l->max_ifaces / 64 + 1, sizeof(p->changed_words[0]));
	free(p->nexthops);
	free(p->ops);
	free(p->deferred);
	free(p);
}

void publisher_iface_retire(struct publisher *p, uint32_t iface_id)
{
	__atomic_store_n(&publisher_iface(p, iface_id)->kind, NODE_KIND_NONE, __ATOMIC_RELEASE);
}

struct dp_iface *publisher_iface_init(struct publisher *p, uint32_t iface_id, uint32_t node_id,
        enum node_kind kind, uint16_t worker)
{
	struct dp_iface *iface = publisher_iface(p, iface_id);

	iface->node_id = node_id;
	iface->worker = worker;
	iface->since_tsc = rte_rdtsc();
	atomic_store_explicit(&iface->port_id, DP_NONE, memory_order_relaxed);
	// release: a frame still in flight to the interface that had the id finds when this one
	// began
	__atomic_store_n(&iface->kind, (uint8_t)kind, __ATOMIC_RELEASE);
	for (int side = 0; side < 2; side++) {
		struct link_params *link = &p->links[side][iface_id];

		// the incarnation goes on: a worker must not take the next link for the last one
		*link = (struct link_params){.to = DP_NONE, .incarnation = link->incarnation};
	}
	return iface;
}

struct dp_iface *publisher_iface(struct publisher *p, uint32_t iface_id)
{
	assert(iface_id < p->limits.max_ifaces);
	return &p->ifaces[iface_id];
}

struct dp_node *publisher_node(struct publisher *p, uint32_t node_id)
{
	assert(node_id < p->limits.max_nodes);
	return &p->nodes[node_id];
}

struct dp_target *publisher_target(struct publisher *p, uint32_t target_id)
{
	assert(target_id < p->limits.max_targets);
	return &p->targets[target_id];
}

struct link_params *publisher_link(struct publisher *p, uint32_t link_id)
{
	uint64_t bit = 1ull << (link_id % 64);

	assert(link_id < p->limits.max_ifaces);
	if ((p->changed_words[link_id / 64] & bit) == 0) {
		p->changed_words[link_id / 64] |= bit;
		p->changed[p->n_changed++] = link_id;
	}
	p->dirty = true;
	return &p->links[p->idle][link_id];
}

static int fib_apply(struct fib6 *fib, const struct fib_op *op)
{
	if (op->kind == FIB_OP_ADD)
		return fib6_add(fib, &op->prefix, op->target_id);
	return fib6_del(fib, &op->prefix);
}

// Brings the idle FIB level with the published one. Only memory can stop it; then it is tried again
// before the next change.
static int fib_replay(struct publisher *p)
{
	for (size_t i = 0; i < p->n_ops; i++) {
		int ret = fib_apply(p->fib[p->fib_idle], &p->ops[i]);

		if (ret < 0 && ret != -ENOENT) {
			p->n_ops -= i;
			memmove(p->ops, p->ops + i, p->n_ops * sizeof(p->ops[0]));
			p->replay_due = true;
			log_err("routes: replay of %zu changes failed (%s), tried again with the "
			        "next change",
			        p->n_ops, strerror(-ret));
			return ret;
		}
	}
	p->n_ops = 0;
	p->replay_due = false;
	return 0;
}

static int fib_change(struct publisher *p, const struct fib_op *op)
{
	int ret;

	if (p->replay_due) {
		ret = fib_replay(p);
		if (ret < 0)
			return ret;
	}
	if (p->n_ops == p->max_ops) {
		size_t max = p->max_ops != 0 ? p->max_ops * 2 : 64;
		struct fib_op *ops = realloc(p->ops, max * sizeof(ops[0]));

		if (ops == NULL)
			return -ENOMEM;
		p->ops = ops;
		p->max_ops = max;
	}
	ret = fib_apply(p->fib[p->fib_idle], op);
	if (ret < 0)
		return ret;
	p->ops[p->n_ops++] = *op;
	p->dirty = true;
	return 0;
}

int publisher_route_add(struct publisher *p, const struct fib6_prefix *prefix, uint32_t target_id)
{
	return fib_change(
	        p, &(struct fib_op){.prefix = *prefix, .kind = FIB_OP_ADD, .target_id = target_id});
}

int publisher_route_del(struct publisher *p, const struct fib6_prefix *prefix)
{
	return fib_change(p, &(struct fib_op){.prefix = *prefix, .kind = FIB_OP_DEL});
}

static void free_nexthops(void *arg, void *value)
{
	free(value);
}

void publisher_set_nexthops(struct publisher *p, struct dp_nexthops *nexthops)
{
	struct dp_nexthops *old = p->nexthops;

	p->nexthops = nexthops;
	p->dirty = true;
	if (old != NULL)
		publisher_defer(p, free_nexthops, NULL, old);
}

const struct dp_nexthops *publisher_nexthops(const struct publisher *p)
{
	return p->nexthops;
}

void publisher_defer(struct publisher *p, publisher_deferred_fn *fn, void *arg, void *value)
{
	if (p->n_deferred == p->max_deferred) {
		size_t max = p->max_deferred != 0 ? p->max_deferred * 2 : 64;
		struct deferred *deferred = realloc(p->deferred, max * sizeof(deferred[0]));

		if (deferred == NULL) {
			publisher_commit(p);
			fn(arg, value);
			return;
		}
		p->deferred = deferred;
		p->max_deferred = max;
	}
	p->deferred[p->n_deferred++] = (struct deferred){fn, arg, value};
	p->dirty = true;
}

uint64_t publisher_new_epoch(struct publisher *p)
{
	p->dirty = true;
	return ++p->epoch;
}

uint64_t publisher_epoch(const struct publisher *p)
{
	return p->epoch;
}

void publisher_set_epoch_tsc(struct publisher *p, uint64_t tsc)
{
	p->epoch_tsc = tsc;
}

uint64_t publisher_epoch_tsc(const struct publisher *p)
{
	return p->epoch_tsc;
}

bool publisher_dirty(const struct publisher *p)
{
	return p->dirty;
}

static void replay_links(struct publisher *p)
{
	const struct link_params *from = p->links[p->idle ^ 1];
	struct link_params *to = p->links[p->idle];

	for (uint32_t i = 0; i < p->n_changed; i++) {
		uint32_t id = p->changed[i];

		memcpy(&to[id], &from[id], sizeof(to[id]));
		p->changed_words[id / 64] &= ~(1ull << (id % 64));
	}
	p->n_changed = 0;
}

uint64_t publisher_commit(struct publisher *p)
{
	// with a replay due the idle FIB is behind, not ahead: workers go on with the other
	unsigned fib_side = p->replay_due ? p->fib_idle ^ 1 : p->fib_idle;
	struct view *view = &p->views[p->view_idx ^ 1];
	uint64_t ns;

	*view = (struct view){
	        .epoch = p->epoch,
	        .links = p->links[p->idle],
	        .ifaces = p->ifaces,
	        .nodes = p->nodes,
	        .targets = p->targets,
	        .fib = p->fib[fib_side],
	        .nexthops = p->nexthops,
	};
	ns = datapath_publish(p->dp, view);
	p->applied_tsc = rte_rdtsc();
	p->view_idx ^= 1;
	p->idle ^= 1;
	p->fib_idle = fib_side ^ 1;
	p->dirty = false;
	replay_links(p);
	if (p->n_ops > 0)
		(void)fib_replay(p);
	run_deferred(p);
	return ns;
}

uint64_t publisher_applied_tsc(const struct publisher *p)
{
	return p->applied_tsc;
}

const struct view *publisher_view(const struct publisher *p)
{
	return &p->views[p->view_idx];
}

bool publisher_sides_equal(const struct publisher *p, uint32_t n)
{
	return memcmp(p->links[0], p->links[1], n * sizeof(p->links[0][0])) == 0 &&
	       fib6_count(p->fib[0]) == fib6_count(p->fib[1]);
}

const struct fib6 *publisher_fib(const struct publisher *p, unsigned side)
{
	return p->fib[side];
}
