/* SPDX-License-Identifier: BSD-3-Clause */
// route.*
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "handlers.h"
#include "state.h"

static void put_owner(const struct control *c, json_t *object, const struct route *route)
{
	const struct iface *iface = route_iface(&c->routes, route);
	char ref[IFACE_REF_SIZE], mac[MAC_TEXT_SIZE];

	put_str(object, "node", route_node(&c->routes, route)->name);
	if (iface == NULL)
		return;
	put_str(object, "interface", iface_ref_format(ref, iface));
	put_str(object, "mac", mac_format(mac, route->target->key.mac));
}

static json_t *route_json(const struct control *c, const struct route *route)
{
	static const char *const origins[] = {
	        [ROUTE_STATIC] = "static", [ROUTE_NODE] = "node", [ROUTE_PORT] = "port"};
	json_t *object = json_object();
	struct fib6_prefix prefix;
	char text[PREFIX6_TEXT_SIZE];

	route_prefix(route, &prefix);
	put_str(object, "prefix", prefix6_format(text, &prefix));
	put_owner(c, object, route);
	put_str(object, "origin", origins[route->origin]);
	return object;
}

static int find_mac(const struct request *request, struct route_owner *owner, struct fault *fault)
{
	const char *mac = param_string(request->params, "mac", NULL);

	if (mac != NULL)
		return mac_parse(mac, owner->mac) == 0
		               ? 0
		               : fault_set(fault, -EINVAL, "mac", "not a MAC address");
	if (owner->iface->port == NULL)
		return fault_set(fault, -EINVAL, "mac",
		        "missing: no port at '%s/%s' that would have one", owner->node->name,
		        owner->iface->key.name);
	memcpy(owner->mac, owner->iface->port->port.mac, ETH_ALEN);
	return 0;
}

static int find_owner(
        const struct request *request, struct route_owner *ret_owner, struct fault *fault)
{
	const char *node = param_string(request->params, "node", NULL);
	const char *ref = param_string(request->params, "interface", NULL);
	int ret;

	*ret_owner = (struct route_owner){.origin = ROUTE_STATIC};
	if ((node == NULL) == (ref == NULL))
		return fault_set(
		        fault, -EINVAL, "node", "name either node or interface as the owner");
	if (node != NULL)
		return find_node(request, "node", node, &ret_owner->node, fault);
	ret = model_ref_find(&request->control->model, ref, "interface", &ret_owner->iface, fault);
	if (ret < 0)
		return ret;
	ret_owner->node = ret_owner->iface->node;
	return find_mac(request, ret_owner, fault);
}

int handle_route_add(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	struct route_owner owner;
	struct fib6_prefix prefix;
	bool created = false;
	int ret;

	if (prefix6_parse(param_string(request->params, "prefix", ""), true, &prefix) < 0)
		return fault_set(fault, -EINVAL, "prefix", "not an IPv6 prefix");
	ret = find_owner(request, &owner, fault);
	if (ret == 0)
		ret = route_add(&c->routes, &prefix, &owner, &created, fault);
	control_publish(c);
	if (ret < 0)
		return ret;
	if (created)
		state_route_changed(c->state, route_find(&c->routes, &prefix));
	*ret_result = json_pack("{s:b}", "created", (int)created);
	return 0;
}

int handle_route_del(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	struct fib6_prefix prefix;
	char text[PREFIX6_TEXT_SIZE];
	struct route *route;
	int ret;

	if (prefix6_parse(param_string(request->params, "prefix", ""), true, &prefix) < 0)
		return fault_set(fault, -EINVAL, "prefix", "not an IPv6 prefix");
	route = route_find(&c->routes, &prefix);
	if (route != NULL) {
		if (route->origin != ROUTE_STATIC)
			return fault_set(fault, -EBUSY, "prefix",
			        "it goes with its %s: remove that",
			        route->origin == ROUTE_NODE ? "node" : "port");
		ret = route_del(&c->routes, route);
		if (ret < 0)
			return fault_set(fault, ret, "prefix", "the route table keeps it: %s",
			        strerror(-ret));
		control_publish(c);
		state_route_gone(c->state, prefix6_format(text, &prefix));
	}
	*ret_result = json_pack("{s:b}", "deleted", (int)(route != NULL));
	return 0;
}

int handle_route_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	struct page page;
	int ret = page_init(&page, request->params, fault);

	if (ret < 0)
		return ret;
	for (uint32_t id = page_first(&page); id < c->routes.route_ids.end && !page_is_done(&page);
	        id++) {
		const struct route *route = c->routes.routes[id];

		// the glob is for the owner's name
		if (route != NULL && page_wants(&page, id, route_node(&c->routes, route)->name))
			json_array_append_new(page.items, route_json(c, route));
	}
	return page_result(&page, ret_result);
}

static int match_dst(
        const struct request *request, const struct route **ret_route, struct fault *fault)
{
	const char *text = param_string(request->params, "dst", "");
	uint8_t dst[16];

	if (addr6_parse(text, dst) < 0)
		return fault_set(fault, -EINVAL, "dst", "not an IPv6 address");
	*ret_route = route_match(&request->control->routes, dst);
	if (*ret_route == NULL)
		return fault_set(fault, -ENOENT, "dst", "no route to %s", text);
	return 0;
}

int handle_route_get(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct route *route = NULL;
	int ret = match_dst(request, &route, fault);

	if (ret < 0)
		return ret;
	assert(route != NULL);
	*ret_result = route_json(request->control, route);
	return 0;
}

// The interface by which `at` sends to `dst`, the first of several; NULL: no path.
static const struct iface *next_hop(
        const struct control *c, const struct node *at, const struct node *dst, unsigned *ret_ways)
{
	const struct dp_nexthops *t = publisher_nexthops(c->publisher);
	uint32_t id;

	if (t == NULL || at->router_idx >= t->n_routers || dst->dest_idx >= t->n_dests)
		return NULL;
	id = dp_nexthops_cell(t, dst->dest_idx, at->router_idx);
	*ret_ways = 1;
	if (dp_nexthops_is_several(id)) {
		*ret_ways = (unsigned)__builtin_popcount(id & ~DP_WAYS);
		id = dp_nexthops_way(t, at->router_idx, id, 0 /* hash */);
	}
	return id != DP_NONE ? model_iface(&c->model, id) : NULL;
}

static int walk(const struct control *c, const struct node *at, const struct node *dst,
        json_t *hops, uint64_t *ret_delay_ns, struct fault *fault)
{
	uint64_t now = control_now_tsc(), total = 0;

	// a path visits a node once; next hops and links may be of different epochs for a moment
	for (uint32_t n = 0; at != dst; n++) {
		unsigned n_ways = 0;
		const struct iface *out = next_hop(c, at, dst, &n_ways);
		const struct link *link = out != NULL ? matrix_link(c->matrix, out->id) : NULL;
		uint64_t delay;
		json_t *hop;

		if (link == NULL || link->record.to == ORRERY_IFACE_NONE ||
		        n > c->model.node_ids.n_used) {
			bool pending = paths_worker_pending(c->paths);

			return fault_set(fault, pending ? -EAGAIN : -ENOENT, "dst",
			        "no path from '%s' to '%s'%s", at->name, dst->name,
			        pending ? " (still computing)" : "");
		}
		delay = matrix_delay_now_ns(c->matrix, link, now);
		hop = json_object();
		put_str(hop, "node", at->name);
		put_str(hop, "interface", out->key.name);
		put_u64(hop, "delay_ns", delay);
		if (n_ways > 1)
			put_u64(hop, "ways", n_ways);
		json_array_append_new(hops, hop);
		total += delay;
		at = c->model.ifaces[link->record.to]->node;
	}
	json_array_append_new(hops, json_pack("{s:s}", "node", dst->name));
	*ret_delay_ns = total;
	return 0;
}

int handle_route_path(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	const struct route *route = NULL;
	struct node *from = NULL;
	uint64_t delay_ns = 0;
	json_t *hops;
	int ret =
	        find_node(request, "from", param_string(request->params, "from", ""), &from, fault);

	if (ret == 0)
		ret = match_dst(request, &route, fault);
	if (ret < 0)
		return ret;
	assert(route != NULL && from != NULL);
	if (from->kind != NODE_KIND_ROUTER)
		return fault_set(fault, -EINVAL, "from", "node '%s' is a %s, not a router",
		        from->name, node_kind_name(from->kind));
	hops = json_array();
	ret = walk(c, from, route_node(&c->routes, route), hops, &delay_ns, fault);
	if (ret < 0) {
		json_decref(hops);
		return ret;
	}
	*ret_result = json_pack("{s:o, s:I}", "hops", hops, "delay_ns", (json_int_t)delay_ns);
	return 0;
}

static json_t *policy_json(const struct control *c)
{
	const struct paths_policy *policy = paths_worker_policy(c->paths);
	json_t *object = json_object();
	struct paths_counts n;

	paths_worker_get_counts(c->paths, &n);
	put_u64(object, "convergence_ns", policy->convergence_ns);
	put_str(object, "equal_paths", policy->several ? "flow" : "one");
	put_u64(object, "equal_within_ns", policy->equal_within_ns);
	put_u64(object, "computed", n.computed);
	put_u64(object, "published", n.published);
	put_u64(object, "with_epoch", n.with_epoch);
	put_u64(object, "late", n.late);
	put(object, "compute_us", json_real((double)n.compute_ns / 1e3));
	put(object, "compute_max_us", json_real((double)n.compute_max_ns / 1e3));
	return object;
}

int handle_route_policy(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct paths_worker *paths = request->control->paths;
	struct paths_policy policy = *paths_worker_policy(paths);
	const char *equal =
	        param_string(request->params, "equal_paths", policy.several ? "flow" : "one");

	policy.convergence_ns = (uint64_t)param_int(
	        request->params, "convergence_ns", (int64_t)policy.convergence_ns);
	policy.several = strcmp(equal, "flow") == 0;
	policy.equal_within_ns =
	        (uint32_t)param_int(request->params, "equal_within_ns", policy.equal_within_ns);
	if (json_object_size(request->params) > 0)
		paths_worker_set_policy(paths, &policy);
	*ret_result = policy_json(request->control);
	return 0;
}
