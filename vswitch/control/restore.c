/* SPDX-License-Identifier: BSD-3-Clause */
// What an earlier switch left: its saved state, and the ports that the drivers still find.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "core.h"
#include "handlers.h"
#include "log.h"
#include "state.h"

#define SERVE_PORTS 16 // ports that are taken back before others get a turn
#define PUBLISH_PORTS 1024 // and before what belongs to them is published

struct found_list {
	struct port_found *found;
	size_t n, max;
};

static void on_found(const struct port_found *found, void *arg)
{
	struct found_list *list = arg;

	if (list->n == list->max) {
		size_t max = list->max != 0 ? list->max * 2 : 64;
		struct port_found *more = realloc(list->found, max * sizeof(more[0]));

		if (more == NULL)
			return;
		list->found = more;
		list->max = max;
	}
	list->found[list->n++] = *found;
}

static uint32_t saved_id(const json_t *value)
{
	json_int_t id = json_integer_value(value);

	return json_is_integer(value) && id >= 0 && id < UINT32_MAX ? (uint32_t)id : DP_NONE;
}

// Without one it is as old as any link.
static void restore_serial(struct control *c, struct iface *iface, const json_t *saved)
{
	iface->serial = (uint64_t)json_integer_value(saved);
	if (iface->serial >= c->model.next_serial)
		c->model.next_serial = iface->serial + 1;
}

static void restore_node(struct control *c, const json_t *saved)
{
	const char *name = param_string(saved, "name", "");
	const char *address = param_string(saved, "address", NULL);
	struct node_config config = {
	        .name = name,
	        .kind = node_kind_parse(param_string(saved, "kind", "")),
	        .id = saved_id(json_object_get(saved, "id")),
	        .transient = param_bool(saved, "transient", false),
	};
	const json_t *ifaces = json_object_get(saved, "interfaces");
	struct fault fault = {0};
	struct node *node;
	struct iface *iface;
	uint8_t addr[16];
	bool created;
	int ret = config.kind != NODE_KIND_NONE ? 0 : -EINVAL;

	if (address != NULL && addr6_parse(address, addr) == 0)
		config.address = addr;
	if (ret == 0)
		ret = topology_node_add(c, &config, &node, &created, &fault);
	for (size_t i = 0; ret == 0 && i < json_array_size(ifaces); i++) {
		const json_t *entry = json_array_get(ifaces, i);
		const char *iface_name = json_string_value(json_array_get(entry, 1));

		ret = topology_iface_add(c, node, iface_name != NULL ? iface_name : "",
		        saved_id(json_array_get(entry, 0)), &iface, &created, &fault);
		if (ret == 0)
			restore_serial(c, iface, json_array_get(entry, 2));
	}
	if (ret < 0)
		log_warning("state: node '%s' left out: %s", name, fault.message);
}

static void read_port(const json_t *saved, struct port_saved *port)
{
	const json_t *list = json_object_get(saved, "addresses");

	*port = (struct port_saved){.follows = param_bool(saved, "carrier", false)};
	for (size_t i = 0; i < json_array_size(list) && port->n_addrs < PORT_ADDRS_MAX; i++) {
		struct port_addr *addr = &port->addrs[port->n_addrs];
		const char *text = json_string_value(json_array_get(list, i));
		struct fib6_prefix prefix;

		if (text == NULL || prefix6_parse(text, false, &prefix) < 0)
			continue;
		memcpy(addr->addr, prefix.addr, 16);
		addr->prefix_len = prefix.len;
		port->n_addrs++;
	}
}

// The interface a found port belongs to. One that was made after the last save gets a pod node.
static int iface_of(
        struct control *c, const char *ref, struct iface **ret_iface, struct fault *fault)
{
	char node_name[NODE_NAME_SIZE], iface_name[IFACE_NAME_SIZE];
	struct node *node;
	bool created;
	int ret = iface_ref_parse(ref, node_name, iface_name, fault);

	if (ret < 0)
		return ret;
	node = model_node_find(&c->model, node_name);
	if (node == NULL) {
		struct node_config config = {
		        .name = node_name, .kind = NODE_KIND_POD, .id = DP_NONE, .transient = true};

		ret = topology_node_add(c, &config, &node, &created, fault);
		if (ret < 0)
			return ret;
	}
	return topology_iface_add(c, node, iface_name, DP_NONE, ret_iface, &created, fault);
}

static int adopt_one(
        struct control *c, size_t driver, const struct port_found *found, const json_t *saved)
{
	struct port_saved config;
	struct switch_port *port;
	struct iface *iface;
	struct fault fault = {0};
	int ret = iface_of(c, found->ref, &iface, &fault);

	read_port(saved, &config);
	if (ret == 0 && iface->port != NULL)
		ret = fault_set(&fault, -EEXIST, NULL, "the interface has a port already");
	if (ret == 0)
		ret = ports_adopt(c, driver, found, iface, &config, &port, &fault);
	if (ret < 0)
		log_warning("port '%s': found, but not taken back: %s", found->ref, fault.message);
	return ret;
}

static const json_t *index_ports(const json_t *root, const char *backend, json_t *by_ref)
{
	const json_t *list = json_object_get(root, "ports");

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *saved = json_array_get(list, i);

		if (strcmp(param_string(saved, "backend", ""), backend) == 0)
			json_object_set(by_ref, param_string(saved, "interface", ""), saved);
	}
	return by_ref;
}

// A port of which the process leaves nothing is made again.
static void make_again(struct control *c, const json_t *saved)
{
	json_t *params = json_pack("{s:s, s:s, s:s, s:i, s:s}", "interface",
	        param_string(saved, "interface", ""), "backend", param_string(saved, "backend", ""),
	        "owner", param_string(saved, "owner", ""), "mtu", (int)param_int(saved, "mtu", 0),
	        "mac", param_string(saved, "mac", ""));
	struct request request = {.control = c, .params = params};
	struct fault fault = {0};
	json_t *result = NULL;

	json_object_update(params, json_object_get(saved, "again"));
	if (param_bool(saved, "carrier", false))
		json_object_set_new(params, "carrier", json_true());
	if (json_array_size(json_object_get(saved, "addresses")) > 0)
		json_object_set(params, "addresses", json_object_get(saved, "addresses"));
	if (method_call(method_find("port.add"), &request, &result, &fault) < 0)
		log_warning("port '%s': not made again: %s", param_string(saved, "interface", ""),
		        fault.message);
	json_decref(result);
	json_decref(params);
}

static void publish_held(struct control *c)
{
	if (publisher_dirty(c->publisher))
		publisher_commit(c->publisher);
}

// The first ports need not wait for the last: their peers are answered meanwhile.
static void give_turn(struct control *c, size_t n_ports)
{
	if (n_ports % SERVE_PORTS == 0)
		ports_serve_drivers(c);
	if (n_ports % PUBLISH_PORTS == 0)
		publish_held(c);
}

static int restore_driver(struct control *c, size_t driver, const json_t *root, struct fault *fault)
{
	const struct port_ops *ops = c->ports.drivers[driver].ops;
	struct found_list list = {0};
	json_t *by_ref = json_object(), *saved;
	const char *ref;
	size_t n = 0, n_made = 0;
	int ret = 0;

	index_ports(root, ops->name, by_ref);
	if (ops->scan != NULL)
		ret = ops->scan(c->ports.drivers[driver].driver, on_found, &list, fault);
	for (size_t i = 0; ret == 0 && i < list.n; i++) {
		if (adopt_one(c, driver, &list.found[i],
		            json_object_get(by_ref, list.found[i].ref)) == 0)
			n++;
		give_turn(c, i + 1);
		json_object_del(by_ref, list.found[i].ref);
	}
	if (ret == 0) {
		json_object_foreach (by_ref, ref, saved) {
			if (ops->scan == NULL) {
				make_again(c, saved);
				give_turn(c, ++n_made);
			} else {
				log_notice("port '%s': dropped, its interface is gone", ref);
			}
		}
	}
	if (n > 0)
		log_notice("driver %s: %zu ports of the last switch taken back", ops->name, n);
	free(list.found);
	json_decref(by_ref);
	return ret;
}

static void restore_route(struct control *c, json_t *saved)
{
	struct request request = {.control = c, .params = saved};
	struct fault fault = {0};
	json_t *result = NULL;

	if (method_call(method_find("route.add"), &request, &result, &fault) < 0)
		log_warning("state: route %s left out: %s", param_string(saved, "prefix", ""),
		        fault.message);
	json_decref(result);
}

// Whether the interface with that id is the one that had it when links with that mark were saved.
static bool is_older(const struct control *c, uint32_t id, uint64_t serial)
{
	const struct iface *iface = model_iface(&c->model, id);

	return id == ORRERY_IFACE_NONE || (iface != NULL && iface->serial < serial);
}

static void restore_links(struct control *c, const char *path)
{
	struct orrery_record record;
	struct matrix_result result;
	struct fault fault = {0};
	uint64_t epoch, serial = UINT64_MAX; // no mark: as old as the topology
	uint32_t n = 0, n_bad = 0, n_old = 0;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return;
	matrix_begin(c->matrix);
	while (fread(&record, sizeof(record), 1, file) == 1) {
		if (state_is_mark(&record, &serial)) {
			if (c->model.next_serial < serial)
				c->model.next_serial = serial;
			continue;
		}
		if (!is_older(c, record.from, serial) || !is_older(c, record.to, serial))
			n_old++;
		else if (record.set == 0)
			matrix_stage_del(c->matrix, record.from);
		else if (matrix_stage(c->matrix, &record, &fault) < 0)
			n_bad++;
		else
			n++;
	}
	fclose(file);
	if (n_old > 0)
		log_notice("state: %u links of interfaces that are gone", n_old);
	if (n_bad > 0)
		log_warning("state: %u links left out, the last: %s", n_bad, fault.message);
	if (n > 0 && control_commit_matrix(c, &result, &epoch, &fault) < 0)
		log_warning("state: links left out: %s", fault.message);
}

// Whose ports did not come back.
static void expire_nodes(struct control *c)
{
	for (uint32_t id = 0; id < c->model.node_ids.end; id++) {
		struct node *node = c->model.nodes[id];

		if (node != NULL)
			topology_node_expire(c, node);
	}
}

int state_restore(struct control *c, struct fault *fault)
{
	json_t *root = state_load(c->state);
	const json_t *nodes = json_object_get(root, "nodes"),
	             *routes = json_object_get(root, "routes");
	int ret = 0;

	c->publish_held = true;
	for (size_t i = 0; i < json_array_size(nodes); i++)
		restore_node(c, json_array_get(nodes, i));
	// links first: frames flow from the moment that both ends' ports are there
	if (root != NULL)
		restore_links(c, state_links_path(c->state));
	publish_held(c);
	for (size_t i = 0; ret == 0 && i < c->ports.n_drivers; i++)
		ret = restore_driver(c, i, root, fault);
	for (size_t i = 0; i < json_array_size(routes); i++)
		restore_route(c, json_array_get(routes, i));
	expire_nodes(c);
	c->publish_held = false;
	control_publish(c);
	if (ret == 0)
		state_begin(c->state);
	json_decref(root);
	return ret;
}
