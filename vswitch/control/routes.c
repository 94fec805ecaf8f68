/* SPDX-License-Identifier: BSD-3-Clause */
// The route table and its shared targets.
#include "routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "reserve.h"

int route_table_init(struct route_table *t, struct model *model, struct publisher *publisher,
        struct paths_worker *paths, uint32_t max_routes)
{
	*t = (struct route_table){.model = model, .publisher = publisher, .paths = paths};
	t->routes = reserve_alloc(max_routes, sizeof(t->routes[0]));
	t->targets = reserve_alloc(max_routes, sizeof(t->targets[0]));
	if (t->routes != NULL && t->targets != NULL && ids_init(&t->route_ids, max_routes) == 0 &&
	        ids_init(&t->target_ids, max_routes) == 0)
		return 0;
	route_table_fini(t);
	return -ENOMEM;
}

void route_table_fini(struct route_table *t)
{
	HASH_CLEAR(hh, t->routes_by_key);
	HASH_CLEAR(hh, t->targets_by_key);
	for (uint32_t id = 0; t->routes != NULL && id < t->route_ids.end; id++)
		free(t->routes[id]);
	for (uint32_t id = 0; t->targets != NULL && id < t->target_ids.end; id++)
		free(t->targets[id]);
	reserve_free(t->routes, t->route_ids.max, sizeof(t->routes[0]));
	reserve_free(t->targets, t->target_ids.max, sizeof(t->targets[0]));
	ids_fini(&t->route_ids);
	ids_fini(&t->target_ids);
	*t = (struct route_table){0};
}

// A node that owns its first route becomes a destination of the path computation. Workers read
// dest_idx only through a target, which is not published yet.
static int node_hold(struct route_table *t, struct node *node, struct fault *fault)
{
	if (node->n_routes == 0 && node->dest_idx == DP_NONE) {
		int ret = model_check_next_hops(t->model, 0, 1, fault);

		if (ret < 0)
			return ret;
		if (ids_get(&t->model->dest_ids, &node->dest_idx) < 0)
			return fault_set(fault, -ENOSPC, NULL, "too many nodes own routes");
		publisher_node(t->publisher, node->id)->dest_idx = node->dest_idx;
		paths_worker_poke(t->paths);
	}
	node->n_routes++;
	return 0;
}

// The destination number stays with the node until the node goes: a route that comes back finds its
// paths ready.
static void node_drop(struct node *node)
{
	node->n_routes--;
}

static int target_get(struct route_table *t, const struct route_owner *owner,
        struct target **ret_target, struct fault *fault)
{
	struct target_key key = {.node_id = owner->node->id, .iface_id = DP_NONE};
	struct target *target;
	struct dp_target *slot;

	if (owner->iface != NULL) {
		key.iface_id = owner->iface->id;
		memcpy(key.mac, owner->mac, ETH_ALEN);
	}
	HASH_FIND(hh, t->targets_by_key, &key, sizeof(key), target);
	if (target != NULL) {
		target->n_routes++;
		*ret_target = target;
		return 0;
	}
	target = calloc(1, sizeof(*target));
	if (target == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for a route");
	if (ids_get(&t->target_ids, &target->id) < 0) {
		free(target);
		return fault_set(fault, -ENOSPC, NULL,
		        "all %u route targets are in use: raise limits.max_routes",
		        t->target_ids.max);
	}
	target->key = key;
	target->n_routes = 1;
	HASH_ADD(hh, t->targets_by_key, key, sizeof(key), target);
	t->targets[target->id] = target;
	slot = publisher_target(t->publisher, target->id);
	slot->node_id = key.node_id;
	slot->iface_id = key.iface_id;
	memcpy(slot->mac, key.mac, ETH_ALEN);
	*ret_target = target;
	return 0;
}

static void target_release(void *arg, void *value)
{
	struct route_table *t = arg;
	struct target *target = value;

	ids_put(&t->target_ids, target->id);
	free(target);
}

static void target_put(struct route_table *t, struct target *target)
{
	if (--target->n_routes > 0)
		return;
	HASH_DEL(t->targets_by_key, target);
	t->targets[target->id] = NULL;
	publisher_defer(t->publisher, target_release, t, target);
}

static bool same_owner(const struct target *target, const struct route_owner *owner)
{
	uint32_t iface_id = owner->iface != NULL ? owner->iface->id : DP_NONE;

	return target->key.node_id == owner->node->id && target->key.iface_id == iface_id &&
	       (owner->iface == NULL || memcmp(target->key.mac, owner->mac, ETH_ALEN) == 0);
}

static int refuse_existing(const struct route_table *t, const struct fib6_prefix *prefix,
        const struct route *route, struct fault *fault)
{
	char text[PREFIX6_TEXT_SIZE];
	const struct iface *iface = route_iface(t, route);

	return fault_set(fault, -EEXIST, "prefix", "%s belongs to %s%s%s",
	        prefix6_format(text, prefix), route_node(t, route)->name, iface != NULL ? "/" : "",
	        iface != NULL ? iface->key.name : "");
}

static struct route *route_new(struct route_table *t, const struct fib6_prefix *prefix,
        const struct route_owner *owner, struct fault *fault)
{
	struct route *route = calloc(1, sizeof(*route));

	if (route == NULL) {
		(void)fault_set(fault, -ENOMEM, NULL, "no memory for a route");
		return NULL;
	}
	if (ids_get(&t->route_ids, &route->id) < 0) {
		(void)fault_set(fault, -ENOSPC, NULL,
		        "all %u routes are in use: raise limits.max_routes", t->route_ids.max);
		free(route);
		return NULL;
	}
	memcpy(route->key.addr, prefix->addr, 16);
	route->key.len = prefix->len;
	route->origin = owner->origin;
	return route;
}

static void route_free(struct route_table *t, struct route *route)
{
	ids_put(&t->route_ids, route->id);
	free(route);
}

int route_add(struct route_table *t, const struct fib6_prefix *prefix,
        const struct route_owner *owner, bool *ret_created, struct fault *fault)
{
	struct fib6_prefix key = *prefix;
	struct route *route;
	int ret;

	prefix6_mask(&key);
	route = route_find(t, &key);
	if (route != NULL) {
		if (!same_owner(route->target, owner))
			return refuse_existing(t, &key, route, fault);
		*ret_created = false;
		return 0;
	}
	if (owner->node->kind != NODE_KIND_ROUTER)
		return fault_set(fault, -EINVAL, "node",
		        "node '%s' is a %s: only a router owns routes", owner->node->name,
		        node_kind_name(owner->node->kind));
	route = route_new(t, &key, owner, fault);
	if (route == NULL)
		return fault != NULL ? fault->code : -ENOMEM;
	ret = target_get(t, owner, &route->target, fault);
	if (ret < 0)
		goto err_route;
	ret = node_hold(t, owner->node, fault);
	if (ret < 0)
		goto err_target;
	ret = publisher_route_add(t->publisher, &key, route->target->id);
	if (ret < 0) {
		ret = fault_set(
		        fault, ret, "prefix", "the route table cannot take it: %s", strerror(-ret));
		goto err_node;
	}
	t->routes[route->id] = route;
	HASH_ADD(hh, t->routes_by_key, key, sizeof(route->key), route);
	*ret_created = true;
	return 0;

err_node:
	node_drop(owner->node);
err_target:
	target_put(t, route->target);
err_route:
	route_free(t, route);
	return ret;
}

int route_del(struct route_table *t, struct route *route)
{
	struct fib6_prefix prefix;
	int ret;

	route_prefix(route, &prefix);
	ret = publisher_route_del(t->publisher, &prefix);
	if (ret < 0)
		return ret;
	node_drop(route_node(t, route));
	target_put(t, route->target);
	t->routes[route->id] = NULL;
	HASH_DEL(t->routes_by_key, route);
	route_free(t, route);
	return 0;
}

struct route *route_find(const struct route_table *t, const struct fib6_prefix *prefix)
{
	struct route_key key;
	struct route *route;

	memcpy(key.addr, prefix->addr, 16);
	key.len = prefix->len;
	HASH_FIND(hh, t->routes_by_key, &key, sizeof(key), route);
	return route;
}

struct route *route_match(const struct route_table *t, const uint8_t dst[16])
{
	struct fib6_prefix prefix;

	for (int len = 128; len >= 0; len--) {
		struct route *route;

		memcpy(prefix.addr, dst, 16);
		prefix.len = (uint8_t)len;
		prefix6_mask(&prefix);
		route = route_find(t, &prefix);
		if (route != NULL)
			return route;
	}
	return NULL;
}

struct node *route_node(const struct route_table *t, const struct route *route)
{
	return t->model->nodes[route->target->key.node_id];
}

struct iface *route_iface(const struct route_table *t, const struct route *route)
{
	uint32_t id = route->target->key.iface_id;

	return id != DP_NONE ? model_iface(t->model, id) : NULL;
}

void route_prefix(const struct route *route, struct fib6_prefix *ret_prefix)
{
	memcpy(ret_prefix->addr, route->key.addr, 16);
	ret_prefix->len = route->key.len;
}

static uint32_t del_where(
        struct route_table *t, uint32_t node_id, uint32_t iface_id, bool of_port_only)
{
	uint32_t n = 0;

	for (uint32_t id = 0; id < t->route_ids.end; id++) {
		struct route *route = t->routes[id];

		if (route == NULL || route->target->key.node_id != node_id)
			continue;
		if (iface_id != DP_NONE && route->target->key.iface_id != iface_id)
			continue;
		if (of_port_only && route->origin != ROUTE_PORT)
			continue;
		if (route_del(t, route) == 0)
			n++;
	}
	return n;
}

uint32_t route_del_node(struct route_table *t, const struct node *node)
{
	return node->n_routes > 0 ? del_where(t, node->id, DP_NONE, false) : 0;
}

uint32_t route_del_iface(struct route_table *t, const struct iface *iface, bool of_port_only)
{
	return iface->node->n_routes > 0 ? del_where(t, iface->node->id, iface->id, of_port_only)
	                                 : 0;
}
