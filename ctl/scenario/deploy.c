/* SPDX-License-Identifier: BSD-3-Clause */
// Nodes and routes of a constellation in the switch.
#include "deploy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_get.h"

static json_t *node_params(const struct constellation *con, uint32_t index)
{
	const struct con_node *node = &con->nodes[index];
	char name[NODE_NAME_SIZE], address[INET6_ADDRSTRLEN];
	json_t *params = json_pack("{s:s, s:s, s:[]}", "name", con_node_name(con, index, name),
	        "kind", node->router ? "router" : "pod", "interfaces");

	if (node->router) {
		inet_ntop(AF_INET6, node->address, address, sizeof(address));
		json_object_set_new(params, "address", json_string(address));
	}
	for (uint32_t i = 0; i < node->n_ifaces; i++) {
		char iface[IFACE_NAME_SIZE];

		json_array_append_new(json_object_get(params, "interfaces"),
		        json_string(con_iface_name(con, node->first_iface + i, iface)));
	}
	return params;
}

static const json_t *find_named(const json_t *items, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		if (strcmp(get_text(item, "name"), name) == 0)
			return item;
	}
	return NULL;
}

static enum cli_exit take_ids(struct cli *cli, const struct constellation *con, uint32_t index,
        const json_t *ifaces, uint32_t *ids)
{
	const struct con_node *node = &con->nodes[index];

	for (uint32_t i = 0; i < node->n_ifaces; i++) {
		char name[IFACE_NAME_SIZE], ref[IFACE_REF_SIZE];
		uint32_t iface = node->first_iface + i;
		const json_t *item = find_named(ifaces, con_iface_name(con, iface, name));

		if (item == NULL)
			return cli_failf(cli, "node.add: the switch gave no interface '%s'",
			        con_iface_ref(con, iface, ref));
		ids[iface] = (uint32_t)get_int(item, "id");
	}
	return CLI_OK;
}

static enum cli_exit add_node(struct cli *cli, const struct constellation *con, uint32_t index,
        uint32_t *ids, struct deployment *made)
{
	json_t *result;
	enum cli_exit code = cli_call(cli, "node.add", node_params(con, index), &result);

	if (code != CLI_OK)
		return code;
	made->nodes[index] = get_bool(result, "created");
	made->n_nodes += made->nodes[index];
	code = take_ids(cli, con, index,
	        json_object_get(json_object_get(result, "node"), "interfaces"), ids);
	json_decref(result);
	return code;
}

static json_t *station_prefix(const struct constellation *con, uint32_t station)
{
	const struct scenario_station *from = &con->scenario->stations[station];
	char address[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, from->prefix, address, sizeof(address));
	return json_sprintf("%s/%d", address, (int)from->prefix_len);
}

// What is behind a router station belongs to it; a pod that attaches there gets its own /128.
static enum cli_exit add_route(
        struct cli *cli, const struct constellation *con, uint32_t station, struct deployment *made)
{
	json_t *result;
	enum cli_exit code = cli_call(cli, "route.add",
	        json_pack("{s:o, s:s}", "prefix", station_prefix(con, station), "node",
	                con->scenario->stations[station].name),
	        &result);

	if (code != CLI_OK)
		return code;
	made->routes[station] = get_bool(result, "created");
	json_decref(result);
	return CLI_OK;
}

static enum cli_exit deploy_all(
        struct cli *cli, const struct constellation *con, uint32_t *ids, struct deployment *made)
{
	enum cli_exit code = CLI_OK;

	for (uint32_t i = 0; i < con->n_nodes && code == CLI_OK; i++)
		code = add_node(cli, con, i, ids, made);
	for (uint32_t i = 0; i < con->n_stations && code == CLI_OK; i++) {
		if (con->nodes[con_station_node(con, i)].router)
			code = add_route(cli, con, i, made);
	}
	return code;
}

enum cli_exit deploy(struct cli *cli, const struct constellation *con, uint32_t *ids,
        struct deployment *ret_made)
{
	struct deployment made = {.con = con,
	        .nodes = calloc(con->n_nodes + 1u, sizeof(bool)),
	        .routes = calloc(con->n_stations + 1u, sizeof(bool))};
	enum cli_exit code;

	if (made.nodes == NULL || made.routes == NULL)
		code = cli_failf(cli, "scenario: out of memory");
	else
		code = deploy_all(cli, con, ids, &made);
	if (code == CLI_OK) {
		*ret_made = made;
		return CLI_OK;
	}
	if (made.n_nodes > 0 && deployment_undo(cli, &made) != CLI_OK)
		(void)cli_failf(cli,
		        "not all of the %u nodes that were made could be deleted again: 'orrery "
		        "scenario clean FILE' removes all of the scenario",
		        made.n_nodes);
	deployment_fini(&made);
	return code;
}

static enum cli_exit delete_node(
        struct cli *cli, const struct constellation *con, uint32_t index, bool *ret_deleted)
{
	char name[NODE_NAME_SIZE];
	json_t *result;
	enum cli_exit code = cli_call(cli, "node.del",
	        json_pack("{s:s, s:b}", "name", con_node_name(con, index, name), "force", 1),
	        &result);

	if (code != CLI_OK)
		return code;
	*ret_deleted = get_bool(result, "deleted");
	json_decref(result);
	return CLI_OK;
}

// Of a node that stays: the others' go with them.
static enum cli_exit delete_route(
        struct cli *cli, const struct constellation *con, uint32_t station)
{
	json_t *result;
	enum cli_exit code = cli_call(cli, "route.del",
	        json_pack("{s:o}", "prefix", station_prefix(con, station)), &result);

	if (code == CLI_OK)
		json_decref(result);
	return code;
}

enum cli_exit deployment_undo(struct cli *cli, const struct deployment *made)
{
	const struct constellation *con = made->con;
	enum cli_exit code = CLI_OK;

	for (uint32_t i = 0; i < con->n_stations; i++) {
		if (made->routes[i] && !made->nodes[con_station_node(con, i)]) {
			enum cli_exit one = delete_route(cli, con, i);

			code = code == CLI_OK ? one : code;
		}
	}
	for (uint32_t i = 0; i < con->n_nodes; i++) {
		if (made->nodes[i]) {
			bool deleted;
			enum cli_exit one = delete_node(cli, con, i, &deleted);

			code = code == CLI_OK ? one : code;
		}
	}
	return code;
}

void deployment_fini(struct deployment *made)
{
	free(made->nodes);
	free(made->routes);
	*made = (struct deployment){0};
}

enum cli_exit undeploy(struct cli *cli, const struct constellation *con, uint32_t *ret_n_deleted)
{
	*ret_n_deleted = 0;
	for (uint32_t i = 0; i < con->n_nodes; i++) {
		bool deleted = false;
		enum cli_exit code = delete_node(cli, con, i, &deleted);

		if (code != CLI_OK)
			return code;
		*ret_n_deleted += deleted;
	}
	return CLI_OK;
}
