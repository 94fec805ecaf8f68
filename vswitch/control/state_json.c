/* SPDX-License-Identifier: BSD-3-Clause */
#include "state_json.h"

#include <string.h>

#include "addr.h"
#include "core.h"
#include "handlers.h"

json_t *state_json_iface(const struct iface *iface)
{
	return json_pack(
	        "[I, s, I]", (json_int_t)iface->id, iface->key.name, (json_int_t)iface->serial);
}

json_t *state_json_node(const struct node *node)
{
	json_t *object = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)node->id, "name",
	        node->name, "kind", node_kind_name(node->kind));
	json_t *ifaces = json_array();
	const struct iface *iface;
	char text[ADDR6_TEXT_SIZE];

	if (node->has_address)
		put_str(object, "address", addr6_format(text, node->address));
	DL_FOREACH(node->ifaces, iface)
	{
		json_array_append_new(ifaces, state_json_iface(iface));
	}
	if (node->transient)
		put(object, "transient", json_true());
	put(object, "interfaces", ifaces);
	return object;
}

json_t *state_json_nodes(const struct model *model)
{
	json_t *list = json_array();

	for (uint32_t id = 0; id < model->node_ids.end; id++) {
		if (model->nodes[id] != NULL)
			json_array_append_new(list, state_json_node(model->nodes[id]));
	}
	return list;
}

json_t *state_json_port(const struct switch_port *p)
{
	json_t *object, *addrs = json_array();
	char mac[MAC_TEXT_SIZE];

	object = json_pack("{s:s, s:s, s:s, s:i, s:s}", "interface", p->port.ref, "backend",
	        p->port.ops->name, "owner", p->port.owner, "mtu", (int)p->port.mtu, "mac",
	        mac_format(mac, p->port.mac));
	if (p->port.ops->scan == NULL)
		put(object, "again", json_incref(p->again));
	if (p->follows)
		put(object, "carrier", json_true());
	for (size_t i = 0; i < p->n_addrs; i++) {
		struct fib6_prefix prefix = {.len = p->addrs[i].prefix_len};
		char text[PREFIX6_TEXT_SIZE];

		memcpy(prefix.addr, p->addrs[i].addr, 16);
		json_array_append_new(addrs, json_string(prefix6_format(text, &prefix)));
	}
	put(object, "addresses", addrs);
	return object;
}

json_t *state_json_ports(const struct port_table *table)
{
	json_t *list = json_array();

	for (uint32_t id = 0; id < table->ids.end; id++) {
		if (table->ports[id] != NULL)
			json_array_append_new(list, state_json_port(table->ports[id]));
	}
	return list;
}

json_t *state_json_route(const struct route_table *table, const struct route *route)
{
	const struct iface *iface = route_iface(table, route);
	struct fib6_prefix prefix;
	char text[PREFIX6_TEXT_SIZE], ref[IFACE_REF_SIZE], mac[MAC_TEXT_SIZE];
	json_t *object;

	route_prefix(route, &prefix);
	object = json_pack("{s:s}", "prefix", prefix6_format(text, &prefix));
	if (iface != NULL) {
		put_str(object, "interface", iface_ref_format(ref, iface));
		put_str(object, "mac", mac_format(mac, route->target->key.mac));
	} else {
		put_str(object, "node", route_node(table, route)->name);
	}
	return object;
}

json_t *state_json_routes(const struct route_table *table)
{
	json_t *list = json_array();

	for (uint32_t id = 0; id < table->route_ids.end; id++) {
		const struct route *route = table->routes[id];

		if (route != NULL && route->origin == ROUTE_STATIC)
			json_array_append_new(list, state_json_route(table, route));
	}
	return list;
}
