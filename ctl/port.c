/* SPDX-License-Identifier: BSD-3-Clause */
// orrery port: where frames enter and leave the switch.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "columns.h"
#include "json_get.h"
#include "request.h"
#include "units.h"

// "route PREFIX via ADDRESS route PREFIX": each via belongs to the route before it.
static enum cli_exit take_routes(struct cli *cli, const struct invocation *in, json_t *params)
{
	json_t *routes = json_array();

	for (size_t i = 0; i < in->n_keywords; i++) {
		const struct keyword_use *use = &in->keywords[i];
		bool is_via = strcmp(use->keyword->name, "via") == 0;

		if (!is_via && strcmp(use->keyword->name, "route") != 0)
			continue;
		json_t *value = json_string(use->value);
		json_t *route = is_via ? json_array_get(routes, json_array_size(routes) - 1)
		                       : json_object();

		if (value == NULL || route == NULL ||
		        (is_via && json_object_get(route, "via") != NULL)) {
			json_decref(value);
			json_decref(routes);
			return cli_usage(cli,
			        "%s '%s': expected 'route PREFIX', then at most one 'via ADDRESS'",
			        use->keyword->name, use->value);
		}
		json_object_set_new(route, is_via ? "via" : "dst", value);
		if (!is_via)
			json_array_append_new(routes, route);
	}
	if (json_array_size(routes) > 0)
		json_object_set(params, "routes", routes);
	json_decref(routes);
	return CLI_OK;
}

// Opened here and sent along: the switch need not see our mounts. -1 if none is named.
static enum cli_exit open_netns(struct cli *cli, const struct invocation *in, int *ret_fd)
{
	const char *name;
	char path[256];

	*ret_fd = -1;
	if (!invocation_keyword(in, "netns", &name))
		return CLI_OK;
	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') != NULL ? "" : "/run/netns/",
	            name) >= (int)sizeof(path))
		return cli_usage(cli, "netns: '%s' is too long", name);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret_fd < 0)
		return cli_failf(cli, "network namespace %s: %s", path, strerror(errno));
	return CLI_OK;
}

static void print_added(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "port %s %s\n", invocation_arg(in, 0),
	        get_bool(result, "created") ? "added" : "was there already");
}

CMD(port_add)
{
	json_t *params = invocation_params(in), *result;
	int fd = -1;

	if (invocation_arg(in, 1) == NULL)
		json_object_set_new(params, "backend", json_string("af_xdp"));
	enum cli_exit code = take_routes(cli, in, params);

	if (code == CLI_OK)
		code = open_netns(cli, in, &fd);
	if (code != CLI_OK) {
		json_decref(params);
		return code;
	}
	code = cli_call_fd(cli, "port.add", params, fd, &result);
	if (fd >= 0)
		close(fd);
	return code != CLI_OK ? code : request_show(cli, in, result, print_added);
}

static void print_deleted(FILE *out, const json_t *result, const struct invocation *in)
{
	int64_t n = get_int(result, "deleted");

	fprintf(out, "%" PRId64 " port%s deleted\n", n, n == 1 ? "" : "s");
}

CMD(port_del)
{
	if ((invocation_arg(in, 0) != NULL) == (invocation_option(in, "owner") != NULL))
		return cli_usage(cli, "expected either INTERFACE or --owner OWNER");
	return request_print(cli, in, "port.del", NULL /* key */, print_deleted);
}

static void print_texts(FILE *out, const char *title, const json_t *texts)
{
	const json_t *text;
	size_t i;

	json_array_foreach (texts, i, text)
		fprintf(out, "%-11s %s\n", i == 0 ? title : "", json_string_value(text));
}

static void print_field(FILE *out, const char *title, const char *text)
{
	if (*text != '\0')
		fprintf(out, "%-11s %s\n", title, text);
}

static void print_details(FILE *out, json_t *details)
{
	const char *name;
	json_t *value;

	json_object_foreach (details, name, value)
		print_field(out, name, json_string_value(value));
}

static void print_port(FILE *out, const json_t *port, const struct invocation *in)
{
	const json_t *stats = json_object_get(port, "stats");

	fprintf(out, "port %s, id %" PRId64 ", %s, worker %" PRId64 "%s\n",
	        get_text(port, "interface"), get_int(port, "id"), get_text(port, "backend"),
	        get_int(port, "worker"), get_bool(port, "adopted") ? ", adopted" : "");
	if (*get_text(port, "state") != '\0')
		fprintf(out, "%-11s %s%s%s\n", "state", get_text(port, "state"),
		        *get_text(port, "reason") != '\0' ? ": " : "", get_text(port, "reason"));
	if (get_bool(port, "gone"))
		fprintf(out, "%-11s the pod's interface vanished; 'port add' makes it anew\n",
		        "gone");
	print_field(out, "ifname", get_text(port, "ifname"));
	fprintf(out, "%-11s %" PRId64 "\n", "mtu", get_int(port, "mtu"));
	print_field(out, "mac", get_text(port, "mac"));
	print_field(out, "owner", get_text(port, "owner"));
	if (get_int(port, "netns_inode") != 0)
		fprintf(out, "%-11s net:[%" PRId64 "]\n", "netns", get_int(port, "netns_inode"));
	if (get_bool(port, "carrier"))
		fprintf(out, "%-11s %s, as the link is\n", "carrier",
		        get_bool(port, "carrier_up") ? "up" : "down");
	print_texts(out, "addresses", json_object_get(port, "addresses"));
	print_details(out, json_object_get(port, "details"));
	fprintf(out, "%-11s %" PRId64 " frames, %" PRId64 " bytes from the pod\n", "received",
	        get_int(stats, "rx_pkts"), get_int(stats, "rx_bytes"));
	fprintf(out, "%-11s %" PRId64 " frames, %" PRId64 " bytes to the pod\n", "sent",
	        get_int(stats, "tx_pkts"), get_int(stats, "tx_bytes"));
	fprintf(out,
	        "%-11s %" PRId64 " dropped, %" PRId64 " errors when receiving; %" PRId64
	        " ring full, %" PRId64 " errors, %" PRId64 " dropped by the pod when sending\n",
	        "lost", get_int(stats, "rx_dropped"), get_int(stats, "rx_errors"),
	        get_int(stats, "tx_full"), get_int(stats, "tx_errors"),
	        get_int(stats, "tx_peer_dropped"));
}

CMD(port_show)
{
	return request_print(cli, in, "port.show", "port", print_port);
}

static void print_ports(FILE *out, const json_t *ports, const struct invocation *in)
{
	struct columns *columns = columns_create(
	        "INTERFACE BACKEND STATE IFNAME >MTU >WORKER >RX_FRAMES >TX_FRAMES >LOST OWNER");
	const json_t *port;
	char text[UNITS_TEXT_SIZE];
	size_t i;

	json_array_foreach (ports, i, port) {
		const json_t *stats = json_object_get(port, "stats");
		int64_t lost = get_int(stats, "rx_dropped") + get_int(stats, "rx_errors") +
		               get_int(stats, "tx_full") + get_int(stats, "tx_errors") +
		               get_int(stats, "tx_peer_dropped");

		columns_cell(columns, "%s", get_text(port, "interface"));
		columns_cell(columns, "%s", get_text(port, "backend"));
		columns_cell(columns, "%s", get_text(port, "state"));
		columns_cell(columns, "%s", get_text(port, "ifname"));
		columns_cell(columns, "%" PRId64, get_int(port, "mtu"));
		columns_cell(columns, "%" PRId64, get_int(port, "worker"));
		columns_cell(columns, "%s",
		        units_format_count(text, (uint64_t)get_int(stats, "rx_pkts")));
		columns_cell(columns, "%s",
		        units_format_count(text, (uint64_t)get_int(stats, "tx_pkts")));
		columns_cell(columns, "%s", units_format_count(text, (uint64_t)lost));
		columns_cell(columns, "%s", get_text(port, "owner"));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(port_list)
{
	return request_print_list(cli, in, "port.list", print_ports);
}
