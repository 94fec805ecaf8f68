/* SPDX-License-Identifier: BSD-3-Clause */
// orrery node: vertices of the topology.
#include "cmd.h"
#include "columns.h"
#include "json_get.h"

CMD(node_add)
{
	json_t *params, *result;
	enum cli_exit code = invocation_params(cli, in, &params);

	if (code == CLI_OK)
		code = cli_call(cli, "node.add", params, &result);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		cli_print_json(cli, result);
	else
		fprintf(cli->out, "node %s %s\n", invocation_arg(in, 0),
		        get_bool(result, "created") ? "added" : "was there already");
	json_decref(result);
	return CLI_OK;
}

CMD(node_del)
{
	json_t *params, *result;
	enum cli_exit code = invocation_params(cli, in, &params);

	if (code == CLI_OK)
		code = cli_call(cli, "node.del", params, &result);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		cli_print_json(cli, result);
	else
		fprintf(cli->out, "node %s %s\n", invocation_arg(in, 0),
		        get_bool(result, "deleted") ? "deleted" : "was not there");
	json_decref(result);
	return CLI_OK;
}

static void print_node(FILE *out, const json_t *node)
{
	const json_t *iface;
	size_t i;
	struct columns *columns = columns_create("INTERFACE PORT LINKED_TO");
	const char *address = get_text(node, "address");

	fprintf(out, "%s %s (id %lld)%s%s\n", get_text(node, "kind"), get_text(node, "name"),
	        (long long)get_int(node, "id"), *address != '\0' ? " address " : "", address);
	json_array_foreach (json_object_get(node, "interfaces"), i, iface) {
		columns_cell(columns, "%s", get_text(iface, "name"));
		columns_cell(columns, "%s", get_text(iface, "port"));
		columns_cell(columns, "%s", get_text(iface, "to"));
	}
	if (i > 0)
		columns_print(columns, out);
	columns_destroy(columns);
}

CMD(node_show)
{
	json_t *params, *result;
	enum cli_exit code = invocation_params(cli, in, &params);

	if (code == CLI_OK)
		code = cli_call(cli, "node.show", params, &result);
	if (code != CLI_OK)
		return code;
	const json_t *node = json_object_get(result, "node");

	if (cli->json)
		cli_print_json(cli, node);
	else
		print_node(cli->out, node);
	json_decref(result);
	return CLI_OK;
}

static void print_nodes(FILE *out, const json_t *nodes)
{
	struct columns *columns = columns_create("NAME KIND ADDRESS >INTERFACES >PORTS >LINKS");
	const json_t *node, *iface;
	size_t i, k;

	json_array_foreach (nodes, i, node) {
		const json_t *ifaces = json_object_get(node, "interfaces");
		size_t n_ports = 0, n_links = 0;

		json_array_foreach (ifaces, k, iface) {
			n_ports += *get_text(iface, "port") != '\0';
			n_links += *get_text(iface, "to") != '\0';
		}
		columns_cell(columns, "%s", get_text(node, "name"));
		columns_cell(columns, "%s", get_text(node, "kind"));
		columns_cell(columns, "%s", get_text(node, "address"));
		columns_cell(columns, "%zu", json_array_size(ifaces));
		columns_cell(columns, "%zu", n_ports);
		columns_cell(columns, "%zu", n_links);
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(node_list)
{
	json_t *params, *items;
	enum cli_exit code = invocation_params(cli, in, &params);

	if (code == CLI_OK)
		code = cli_list(cli, "node.list", params, &items);
	if (code != CLI_OK)
		return code;
	if (cli->json)
		cli_print_json(cli, items);
	else
		print_nodes(cli->out, items);
	json_decref(items);
	return CLI_OK;
}
