/* SPDX-License-Identifier: BSD-3-Clause */
// Nodes and interfaces: in the model by name, and ready for workers in the published tables.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "core.h"
#include "log.h"
#include "player.h"
#include "state.h"

static int node_matches(
        const struct node *node, const struct node_config *config, struct fault *fault)
{
	char is[ADDR6_TEXT_SIZE];

	if (node->kind != config->kind)
		return fault_set(fault, -EEXIST, "kind", "node '%s' exists as %s", node->name,
		        node_kind_name(node->kind));
	if (config->address != NULL &&
	        (!node->has_address || memcmp(node->address, config->address, 16) != 0))
		return fault_set(fault, -EEXIST, "address", "node '%s' exists with %s", node->name,
		        node->has_address ? addr6_format(is, node->address) : "no address");
	return 0;
}

static int node_publish(struct control *c, struct node *node, struct fault *fault)
{
	struct dp_node *slot = publisher_node(c->publisher, node->id);
	struct route_owner self = {.node = node, .origin = ROUTE_NODE};
	struct fib6_prefix prefix = {.len = 128};
	bool created;
	int ret;

	*slot = (struct dp_node){
	        .kind = (uint8_t)node->kind, .router_idx = DP_NONE, .dest_idx = DP_NONE};
	if (node->kind != NODE_KIND_ROUTER)
		return 0;
	ret = model_check_next_hops(&c->model, 1, node->has_address, fault);
	if (ret < 0)
		return ret;
	if (ids_get(&c->model.router_ids, &node->router_idx) < 0)
		return fault_set(fault, -ENOSPC, NULL, "too many routers");
	slot->router_idx = node->router_idx;
	paths_worker_poke(c->paths);
	if (!node->has_address)
		return 0;
	memcpy(slot->address, node->address, 16);
	memcpy(prefix.addr, node->address, 16);
	ret = route_add(&c->routes, &prefix, &self, &created, fault);
	if (ret < 0 && fault != NULL)
		strcpy(fault->field, "address");
	return ret;
}

static void release_node(void *arg, void *value)
{
	struct control *c = arg;
	struct node *node = value;

	paths_worker_retire(c->paths, node->router_idx, node->dest_idx);
	model_node_release(&c->model, node);
}

static void release_iface(void *arg, void *value)
{
	struct control *c = arg;
	struct iface *iface = value;

	publisher_iface_retire(c->publisher, iface->id);
	model_iface_release(&c->model, iface);
}

int topology_node_add(struct control *c, const struct node_config *config, struct node **ret_node,
        bool *ret_created, struct fault *fault)
{
	struct node *node = model_node_find(&c->model, config->name);
	char text[ADDR6_TEXT_SIZE];
	int ret;

	if (node != NULL) {
		ret = node_matches(node, config, fault);
		if (ret < 0)
			return ret;
		if (node->transient && !config->transient) {
			node->transient = false;
			state_node_changed(c->state, node);
		}
		*ret_node = node;
		*ret_created = false;
		return 0;
	}
	if (config->address != NULL && config->kind != NODE_KIND_ROUTER)
		return fault_set(fault, -EINVAL, "address",
		        "only a router has an address of its own, '%s' is a %s", config->name,
		        node_kind_name(config->kind));
	if (config->address != NULL && !addr6_is_routable(config->address))
		return fault_set(fault, -EINVAL, "address",
		        "node '%s': %s cannot be a router's own: expected a unicast address of "
		        "more "
		        "than one link",
		        config->name, addr6_format(text, config->address));
	ret = model_node_add(&c->model, config->name, config->kind, config->id, &node, fault);
	if (ret < 0)
		return ret;
	node->transient = config->transient;
	if (config->address != NULL) {
		node->has_address = true;
		memcpy(node->address, config->address, 16);
	}
	ret = node_publish(c, node, fault);
	if (ret < 0) {
		model_node_remove(&c->model, node);
		publisher_defer(c->publisher, release_node, c, node);
		control_publish(c);
		return ret;
	}
	state_node_changed(c->state, node);
	log_debug("node '%s': %s, id %u", node->name, node_kind_name(node->kind), node->id);
	*ret_node = node;
	*ret_created = true;
	return 0;
}

// A router is in one worker's hands with all its interfaces and ports: so the order in which frames
// take its links does not depend on how many workers there are. A pod's interfaces have nothing to
// do with each other.
static uint16_t worker_of(const struct control *c, const struct node *node, uint32_t iface_id)
{
	uint32_t id = node->kind == NODE_KIND_ROUTER ? node->id : iface_id;

	return (uint16_t)(id % datapath_n_workers(c->dp));
}

int topology_iface_add(struct control *c, struct node *node, const char *name, uint32_t id,
        struct iface **ret_iface, bool *ret_created, struct fault *fault)
{
	struct iface *iface = model_iface_find(&c->model, node, name);
	int ret;

	*ret_created = iface == NULL;
	if (iface == NULL) {
		ret = model_iface_add(&c->model, node, name, id, &iface, fault);
		if (ret < 0)
			return ret;
		publisher_iface_init(c->publisher, iface->id, node->id, node->kind,
		        worker_of(c, node, iface->id));
		datapath_link_stats(c->dp, iface->id, &iface->base);
		state_iface_changed(c->state, iface);
	}
	*ret_iface = iface;
	return 0;
}

// Its id may soon be another's.
static void forget_iface(struct control *c, const struct iface *iface)
{
	player_iface_gone(c->player, iface->id);
	matrix_pin(c->matrix, iface->id, false);
}

void topology_iface_del(struct control *c, struct iface *iface)
{
	forget_iface(c, iface);
	state_iface_gone(c->state, iface);
	model_iface_remove(&c->model, iface);
	publisher_defer(c->publisher, release_iface, c, iface);
	control_publish(c);
}

bool topology_node_busy(const struct control *c, const struct node *node, struct fault *fault)
{
	const struct iface *iface;

	DL_FOREACH(node->ifaces, iface)
	{
		const struct link *link = matrix_link(c->matrix, iface->id);
		const char *what = NULL;

		if (iface->port != NULL)
			what = "has a port";
		else if (link != NULL && link->record.to != ORRERY_IFACE_NONE)
			what = "is where a link starts";
		else if (matrix_first_arriving(c->matrix, iface->id) != DP_NONE)
			what = "is where a link ends";
		if (what != NULL) {
			(void)fault_set(fault, -EBUSY, "name",
			        "interface '%s/%s' %s: remove it, or use force", node->name,
			        iface->key.name, what);
			return true;
		}
	}
	return false;
}

static int del_ports(struct control *c, const struct node *node, struct fault *fault)
{
	struct switch_port **ports = calloc((size_t)node->n_ifaces + 1, sizeof(ports[0]));
	const struct iface *iface;
	size_t n = 0;

	if (ports == NULL)
		return fault_set(
		        fault, -ENOMEM, NULL, "no memory to remove the ports of '%s'", node->name);
	DL_FOREACH(node->ifaces, iface)
	{
		if (iface->port != NULL)
			ports[n++] = iface->port;
	}
	if (n > 0)
		ports_del(c, ports, n, /* keep */ false);
	free(ports);
	return 0;
}

// Stages the end of all links from and to the node's interfaces.
static int stage_unplug(struct control *c, const struct node *node, struct fault *fault)
{
	const struct iface *iface;

	matrix_begin(c->matrix);
	DL_FOREACH(node->ifaces, iface)
	{
		for (uint32_t id = matrix_first_arriving(c->matrix, iface->id); id != DP_NONE;
		        id = matrix_link(c->matrix, id)->in_next) {
			struct orrery_record unplug = {
			        .from = id, .to = ORRERY_IFACE_NONE, .set = ORRERY_SET_TO};
			int ret = matrix_stage(c->matrix, &unplug, fault);

			if (ret < 0)
				return ret;
		}
	}
	DL_FOREACH(node->ifaces, iface)
	{
		matrix_stage_del(c->matrix, iface->id);
	}
	return 0;
}

int topology_node_del(struct control *c, struct node *node, bool force, struct fault *fault)
{
	struct matrix_result result = {0};
	uint64_t now = control_now_tsc();
	struct iface *iface, *next;
	int ret;

	if (!force && topology_node_busy(c, node, fault))
		return -EBUSY;
	ret = stage_unplug(c, node, fault);
	if (ret == 0)
		ret = matrix_check(c->matrix, now, &result, fault);
	if (ret == 0)
		ret = del_ports(c, node, fault);
	if (ret < 0)
		return ret;
	if (result.changed > 0) {
		matrix_apply(c->matrix, now);
		publisher_new_epoch(c->publisher);
		state_links_changed(c->state);
	}
	route_del_node(&c->routes, node);
	state_node_gone(c->state, node);
	log_debug("node '%s': removed", node->name);
	// Names go now, ids after the grace period in which workers let go of links and routes to
	// them.
	DL_FOREACH_SAFE(node->ifaces, iface, next)
	{
		forget_iface(c, iface);
		model_iface_remove(&c->model, iface);
		publisher_defer(c->publisher, release_iface, c, iface);
	}
	model_node_remove(&c->model, node);
	publisher_defer(c->publisher, release_node, c, node);
	control_publish(c);
	carrier_links_changed(c);
	paths_worker_poke(c->paths);
	return 0;
}

void topology_node_expire(struct control *c, struct node *node)
{
	struct fault fault = {0};

	if (!node->transient || node->n_routes > 0 || topology_node_busy(c, node, NULL))
		return;
	log_debug("node '%s': goes with its last port", node->name);
	if (topology_node_del(c, node, /* force */ false, &fault) < 0)
		log_warning("a node outlives its last port: %s", fault.message);
}
