/* SPDX-License-Identifier: BSD-3-Clause */
// orrery node and orrery interface: vertices of the topology and their ends.
#include <inttypes.h>

#include "cmd.h"
#include "columns.h"
#include "json_get.h"
#include "request.h"

static void print_added(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "node %s %s\n", invocation_arg(in, 0),
	        get_bool(result, "created") ? "added" : "was there already");
}

CMD(node_add)
{
	return request_print(cli, in, "node.add", NULL /* key */, print_added);
}

static void print_deleted(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "node %s %s\n", invocation_arg(in, 0),
	        get_bool(result, "deleted") ? "deleted" : "was not there");
}

CMD(node_del)
{
	return request_print(cli, in, "node.del", NULL /* key */, print_deleted);
}

static void print_node(FILE *out, const json_t *node, const struct invocation *in)
{
	const json_t *iface, *ifaces = json_object_get(node, "interfaces");
	size_t i;
	struct columns *columns = columns_create("INTERFACE PORT LINKED_TO");
	const char *address = get_text(node, "address");

	fprintf(out, "%s %s, id %" PRId64 "%s%s\n", get_text(node, "kind"), get_text(node, "name"),
	        get_int(node, "id"), *address != '\0' ? ", address " : "", address);
	json_array_foreach (ifaces, i, iface) {
		columns_cell(columns, "%s", get_text(iface, "name"));
		columns_cell(columns, "%s", get_text(iface, "port"));
		columns_cell(columns, "%s", get_text(iface, "to"));
	}
	if (json_array_size(ifaces) > 0)
		columns_print(columns, out);
	columns_destroy(columns);
}

CMD(node_show)
{
	return request_print(cli, in, "node.show", "node", print_node);
}

static void print_nodes(FILE *out, const json_t *nodes, const struct invocation *in)
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
	return request_print_list(cli, in, "node.list", print_nodes);
}

static void print_interfaces(FILE *out, const json_t *ifaces, const struct invocation *in)
{
	struct columns *columns = columns_create("INTERFACE >ID KIND >WORKER >PORT LINKED_TO");
	const json_t *iface;
	size_t i;

	json_array_foreach (ifaces, i, iface) {
		const json_t *port = json_object_get(iface, "port");

		columns_cell(columns, "%s", get_text(iface, "ref"));
		columns_cell(columns, "%" PRId64, get_int(iface, "id"));
		columns_cell(columns, "%s", get_text(iface, "kind"));
		columns_cell(columns, "%" PRId64, get_int(iface, "worker"));
		if (json_is_integer(port))
			columns_cell(columns, "%" JSON_INTEGER_FORMAT, json_integer_value(port));
		else
			columns_cell(columns, "%s", "");
		columns_cell(columns, "%s", get_text(iface, "to"));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(interface_list)
{
	return request_print_list(cli, in, "interface.list", print_interfaces);
}
