/* SPDX-License-Identifier: BSD-3-Clause */
// The journal's entries applied to the state that was saved before them. Both are files: what is
// not of the form that state.c writes is left out.
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "handlers.h"
#include "state.h"

struct replay {
	json_t *nodes, *ports, *routes; // by name, interface and prefix, in order
	// A node takes its routes along. They are looked at once, at the end, by the number of the
	// entry that made them or with which the node went the last time.
	json_t *nodes_gone, *routes_made;
	json_int_t n;
};

static json_t *index_list(const json_t *list, const char *key)
{
	json_t *index = json_object();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(entry, key));

		if (name != NULL)
			json_object_set(index, name, entry);
	}
	return index;
}

static json_t *list_of(json_t *index)
{
	json_t *list = json_array(), *entry;
	const char *name;

	json_object_foreach (index, name, entry)
		json_array_append(list, entry);
	json_decref(index);
	return list;
}

static void put_entry(json_t *index, json_t *entry, const char *key)
{
	const char *name = json_string_value(json_object_get(entry, key));

	if (name != NULL)
		json_object_set(index, name, entry);
}

// With its ports, and at the end the routes to it.
static void drop_node(struct replay *replay, const char *name)
{
	const json_t *ifaces = json_object_get(json_object_get(replay->nodes, name), "interfaces");

	for (size_t i = 0; i < json_array_size(ifaces); i++) {
		const char *iface = json_string_value(json_array_get(json_array_get(ifaces, i), 1));
		char ref[IFACE_REF_SIZE];

		snprintf(ref, sizeof(ref), "%s/%s", name, iface != NULL ? iface : "");
		json_object_del(replay->ports, ref);
	}
	json_object_set_new(replay->nodes_gone, name, json_integer(replay->n));
	json_object_del(replay->nodes, name);
}

static void put_route(struct replay *replay, json_t *route)
{
	const char *prefix = json_string_value(json_object_get(route, "prefix"));

	if (prefix == NULL)
		return;
	put_entry(replay->routes, route, "prefix");
	json_object_set_new(replay->routes_made, prefix, json_integer(replay->n));
}

static const json_t *gone_with(const struct replay *replay, const json_t *route)
{
	const char *ref = param_string(route, "interface", NULL);
	char node[NODE_NAME_SIZE];

	if (ref == NULL)
		return json_object_get(replay->nodes_gone, param_string(route, "node", ""));
	snprintf(node, sizeof(node), "%.*s", (int)strcspn(ref, "/"), ref);
	return json_object_get(replay->nodes_gone, node);
}

static void drop_routes(struct replay *replay)
{
	const char *prefix;
	json_t *route;
	void *next;

	json_object_foreach_safe(replay->routes, next, prefix, route)
	{
		const json_t *made = json_object_get(replay->routes_made, prefix);

		// of no entry: 0, before the first
		if (json_integer_value(gone_with(replay, route)) > json_integer_value(made))
			json_object_del(replay->routes, prefix);
	}
}

static void drop_iface(struct replay *replay, const char *node, const char *name)
{
	json_t *ifaces = json_object_get(json_object_get(replay->nodes, node), "interfaces");

	for (size_t i = json_array_size(ifaces); i-- > 0;) {
		const char *iface = json_string_value(json_array_get(json_array_get(ifaces, i), 1));

		if (iface != NULL && strcmp(iface, name) == 0)
			json_array_remove(ifaces, i);
	}
}

static void apply(struct replay *replay, json_t *entry)
{
	const char *of = param_string(entry, "of", ""), *name;
	json_t *value;

	replay->n++;
	if ((value = json_object_get(entry, "node")) != NULL)
		put_entry(replay->nodes, value, "name");
	else if ((value = json_object_get(entry, "interface")) != NULL)
		json_array_append(
		        json_object_get(json_object_get(replay->nodes, of), "interfaces"), value);
	else if ((value = json_object_get(entry, "port")) != NULL)
		put_entry(replay->ports, value, "interface");
	else if ((value = json_object_get(entry, "route")) != NULL)
		put_route(replay, value);
	else if ((name = param_string(entry, "node_gone", NULL)) != NULL)
		drop_node(replay, name);
	else if ((name = param_string(entry, "interface_gone", NULL)) != NULL)
		drop_iface(replay, of, name);
	else if ((name = param_string(entry, "port_gone", NULL)) != NULL)
		json_object_del(replay->ports, name);
	else if ((name = param_string(entry, "route_gone", NULL)) != NULL)
		json_object_del(replay->routes, name);
}

void state_replay(json_t *root, const json_t *entries)
{
	struct replay replay = {0};

	if (json_array_size(entries) == 0)
		return;
	replay.nodes_gone = json_object();
	replay.routes_made = json_object();
	replay.nodes = index_list(json_object_get(root, "nodes"), "name");
	replay.ports = index_list(json_object_get(root, "ports"), "interface");
	replay.routes = index_list(json_object_get(root, "routes"), "prefix");
	for (size_t i = 0; i < json_array_size(entries); i++)
		apply(&replay, json_array_get(entries, i));
	drop_routes(&replay);
	json_decref(replay.nodes_gone);
	json_decref(replay.routes_made);
	json_object_set_new(root, "nodes", list_of(replay.nodes));
	json_object_set_new(root, "ports", list_of(replay.ports));
	json_object_set_new(root, "routes", list_of(replay.routes));
}
