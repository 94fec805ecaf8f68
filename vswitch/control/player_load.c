/* SPDX-License-Identifier: BSD-3-Clause */
// An ephemeris' nodes, interfaces and routes become the switch's, all or none.
#include "player_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "state.h"

struct load {
	struct control *control;
	const struct ephemeris *file;
	struct node **nodes; // [n_nodes]
	bool *is_new; // [n_nodes]
	uint32_t *ids; // [n_ifaces]
	struct player_objects objects;
};

static bool is_zero(const uint8_t address[16])
{
	static const uint8_t zero[16];

	return memcmp(address, zero, 16) == 0;
}

// Enough room is better known before than half-way.
static int check_room(const struct load *load, struct fault *fault)
{
	const struct model *model = &load->control->model;
	const struct ephemeris *e = load->file;
	uint32_t n_nodes = 0, n_routers = 0, n_ifaces = 0;

	for (uint32_t i = 0; i < e->n_nodes; i++) {
		if (model_node_find(model, ephemeris_node_name(e, i)) == NULL) {
			n_nodes++;
			n_routers += e->nodes[i].kind == EPHEMERIS_ROUTER;
		}
	}
	for (uint32_t i = 0; i < e->n_ifaces; i++) {
		const struct node *node =
		        model_node_find(model, ephemeris_node_name(e, e->ifaces[i].node));

		n_ifaces += node == NULL ||
		            model_iface_find(model, node, ephemeris_iface_name(e, i)) == NULL;
	}
	if (n_nodes > model->node_ids.max - model->node_ids.n_used)
		return fault_set(fault, -ENOSPC, "limits.max_nodes",
		        "%u more nodes, there is room for %u: raise limits.max_nodes", n_nodes,
		        model->node_ids.max - model->node_ids.n_used);
	if (n_ifaces > model->iface_ids.max - model->iface_ids.n_used)
		return fault_set(fault, -ENOSPC, "limits.max_interfaces",
		        "%u more interfaces, there is room for %u: raise limits.max_interfaces",
		        n_ifaces, model->iface_ids.max - model->iface_ids.n_used);
	// a router owns its address; what owns more is seen when it is made
	return model_check_next_hops(model, n_routers, n_routers, fault);
}

static int make_node(struct load *load, uint32_t i, struct fault *fault)
{
	static const enum node_kind kinds[EPHEMERIS_N_KINDS] = {[EPHEMERIS_POD] = NODE_KIND_POD,
	        [EPHEMERIS_ROUTER] = NODE_KIND_ROUTER,
	        [EPHEMERIS_BRIDGE] = NODE_KIND_NONE};
	const struct ephemeris_node *node = &load->file->nodes[i];
	struct node_config config = {
	        .name = ephemeris_node_name(load->file, i),
	        .kind = kinds[node->kind],
	        .address = is_zero(node->address) ? NULL : node->address,
	        .id = DP_NONE,
	};
	int ret;

	if (config.kind == NODE_KIND_NONE)
		return fault_set(fault, -ENOTSUP, "kind",
		        "node '%s' is a bridge: this switch has none", config.name);
	ret = topology_node_add(load->control, &config, &load->nodes[i], &load->is_new[i], fault);
	if (ret == 0 && load->is_new[i])
		load->objects.nodes[load->objects.made.nodes++] = i;
	return ret;
}

static int make_iface(struct load *load, uint32_t i, struct fault *fault)
{
	uint32_t node = load->file->ifaces[i].node;
	struct iface *iface;
	bool created;
	int ret = topology_iface_add(load->control, load->nodes[node],
	        ephemeris_iface_name(load->file, i), DP_NONE, &iface, &created, fault);

	if (ret < 0)
		return ret;
	load->ids[i] = iface->id;
	load->objects.made.ifaces += created;
	if (created && !load->is_new[node])
		load->objects.ifaces[load->objects.n_ifaces++] = i;
	return 0;
}

static void prefix_of(const struct ephemeris_route *route, struct fib6_prefix *ret_prefix)
{
	*ret_prefix = (struct fib6_prefix){.len = (uint8_t)route->prefix_len};
	memcpy(ret_prefix->addr, route->prefix, 16);
}

static int make_route(struct load *load, uint32_t i, struct fault *fault)
{
	const struct ephemeris_route *route = &load->file->routes[i];
	struct route_owner owner = {.node = load->nodes[route->node], .origin = ROUTE_STATIC};
	struct control *c = load->control;
	const struct route *there;
	struct fib6_prefix prefix;
	bool created;
	int ret;

	prefix_of(route, &prefix);
	// a port at the node may have said more precisely where it is
	there = route_find(&c->routes, &prefix);
	if (there != NULL && route_node(&c->routes, there) == owner.node)
		return 0;
	ret = route_add(&c->routes, &prefix, &owner, &created, fault);
	if (ret == 0 && created)
		load->objects.routes[load->objects.made.routes++] = i;
	return ret;
}

static int make_all(struct load *load, struct fault *fault)
{
	const struct ephemeris *e = load->file;
	int ret = check_room(load, fault);

	for (uint32_t i = 0; i < e->n_nodes && ret == 0; i++)
		ret = make_node(load, i, fault);
	for (uint32_t i = 0; i < e->n_ifaces && ret == 0; i++)
		ret = make_iface(load, i, fault);
	for (uint32_t i = 0; i < e->n_routes && ret == 0; i++)
		ret = make_route(load, i, fault);
	return ret;
}

static void undo(struct load *load)
{
	struct control *c = load->control;
	const struct player_objects *objects = &load->objects;

	for (uint32_t k = 0; k < objects->made.routes; k++) {
		struct fib6_prefix prefix;
		struct route *route;

		prefix_of(&load->file->routes[objects->routes[k]], &prefix);
		route = route_find(&c->routes, &prefix);
		if (route != NULL)
			(void)!route_del(&c->routes, route);
	}
	for (uint32_t k = 0; k < objects->n_ifaces; k++) {
		struct iface *iface = model_iface(&c->model, load->ids[objects->ifaces[k]]);

		if (iface != NULL)
			topology_iface_del(c, iface);
	}
	(void)player_objects_delete(c, load->file, objects);
}

static bool alloc_lists(struct load *load)
{
	const struct ephemeris *e = load->file;

	load->nodes = calloc((size_t)e->n_nodes + 1, sizeof(load->nodes[0]));
	load->is_new = calloc((size_t)e->n_nodes + 1, sizeof(load->is_new[0]));
	load->objects.nodes = calloc((size_t)e->n_nodes + 1, sizeof(uint32_t));
	load->objects.ifaces = calloc((size_t)e->n_ifaces + 1, sizeof(uint32_t));
	load->objects.routes = calloc((size_t)e->n_routes + 1, sizeof(uint32_t));
	return load->nodes != NULL && load->is_new != NULL && load->objects.nodes != NULL &&
	       load->objects.ifaces != NULL && load->objects.routes != NULL;
}

int player_objects_make(struct control *control, const struct ephemeris *file, uint32_t *ids,
        struct player_objects *ret_objects, struct fault *fault)
{
	struct load load = {.control = control, .file = file, .ids = ids};
	int ret = 0;

	if (!alloc_lists(&load))
		ret = fault_set(fault, -ENOMEM, NULL, "no memory for %u nodes", file->n_nodes);
	if (ret == 0) {
		ret = make_all(&load, fault);
		if (ret < 0)
			undo(&load);
		control_publish(control);
		state_topology_changed(control->state);
	}
	if (ret == 0)
		*ret_objects = load.objects;
	else
		player_objects_fini(&load.objects);
	free(load.nodes);
	free(load.is_new);
	return ret;
}

uint32_t player_objects_delete(
        struct control *control, const struct ephemeris *file, const struct player_objects *objects)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < objects->made.nodes; k++) {
		struct node *node = model_node_find(
		        &control->model, ephemeris_node_name(file, objects->nodes[k]));

		if (node != NULL && topology_node_del(control, node, /* force */ true, NULL) == 0)
			n++;
	}
	return n;
}

void player_objects_fini(struct player_objects *objects)
{
	free(objects->nodes);
	free(objects->ifaces);
	free(objects->routes);
	*objects = (struct player_objects){0};
}
