/* SPDX-License-Identifier: BSD-3-Clause */
// orrery route: which node or port owns an IPv6 prefix.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "cmd.h"
#include "columns.h"
#include "json_get.h"
#include "request.h"
#include "units.h"

#define PATH_RETRY_MS 20

static void print_added(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "route %s %s\n", invocation_arg(in, 0),
	        get_bool(result, "created") ? "added" : "was there already");
}

CMD(route_add)
{
	const char *owner = invocation_arg(in, 1);
	bool is_port = strchr(owner, '/') != NULL;
	json_t *result;

	if (!is_port && invocation_keyword(in, "mac", NULL))
		return cli_usage(cli, "mac: expected NODE/INTERFACE as the owner, got '%s'", owner);
	json_t *params = invocation_params(in);

	json_object_set_new(params, is_port ? "interface" : "node", json_string(owner));
	enum cli_exit code = cli_call(cli, "route.add", params, &result);
	return code != CLI_OK ? code : request_show(cli, in, result, print_added);
}

static void print_deleted(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "route %s %s\n", invocation_arg(in, 0),
	        get_bool(result, "deleted") ? "deleted" : "was not there");
}

CMD(route_del)
{
	return request_print(cli, in, "route.del", NULL /* key */, print_deleted);
}

static void print_routes(FILE *out, const json_t *routes, const struct invocation *in)
{
	struct columns *columns = columns_create("PREFIX NODE PORT MAC ORIGIN");
	const json_t *route;
	size_t i;

	json_array_foreach (routes, i, route) {
		columns_cell(columns, "%s", get_text(route, "prefix"));
		columns_cell(columns, "%s", get_text(route, "node"));
		columns_cell(columns, "%s", get_text(route, "interface"));
		columns_cell(columns, "%s", get_text(route, "mac"));
		columns_cell(columns, "%s", get_text(route, "origin"));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(route_list)
{
	return request_print_list(cli, in, "route.list", print_routes);
}

static void print_route(FILE *out, const json_t *route, const struct invocation *in)
{
	const char *iface = get_text(route, "interface");

	fprintf(out, "%s takes %s to %s%s%s\n", invocation_arg(in, 0), get_text(route, "prefix"),
	        get_text(route, "node"), *iface != '\0' ? ", port " : "", iface);
}

CMD(route_get)
{
	return request_print(cli, in, "route.get", NULL /* key */, print_route);
}

static void print_path(FILE *out, const json_t *path, const struct invocation *in)
{
	struct columns *columns = columns_create(">HOP NODE LEAVES_BY >DELAY >SUM");
	const json_t *hop;
	int64_t sum_ns = 0;
	char text[UNITS_TEXT_SIZE];
	size_t i;

	json_array_foreach (json_object_get(path, "hops"), i, hop) {
		int64_t delay_ns = get_int(hop, "delay_ns");

		sum_ns += delay_ns;
		columns_cell(columns, "%zu", i + 1);
		columns_cell(columns, "%s", get_text(hop, "node"));
		columns_cell(columns, "%s", get_text(hop, "interface"));
		columns_cell(columns, "%s", units_format_duration(text, delay_ns));
		columns_cell(columns, "%s", units_format_duration(text, sum_ns));
	}
	columns_print(columns, out);
	columns_destroy(columns);
	fprintf(out, "one way %s\n", units_format_duration(text, get_int(path, "delay_ns")));
}

// Right after a change the next hops are still being computed, and there may be no path yet.
CMD(route_path)
{
	struct fault fault = {0};
	struct client *client;
	json_t *path;
	int ret;

	if (cli_client(cli, &client) != CLI_OK)
		return CLI_FAILED;
	for (unsigned ms = 0;; ms += PATH_RETRY_MS) {
		ret = client_call(
		        client, "route.path", invocation_params(in), NULL, 0, &path, &fault);
		if (ret != -EAGAIN || ms >= (unsigned)cli->timeout_ms)
			break;
		(void)poll(NULL, 0, PATH_RETRY_MS);
	}
	if (ret < 0)
		return cli_fail(cli, &fault);
	return request_show(cli, in, path, print_path);
}

static void print_policy(FILE *out, const json_t *policy, const struct invocation *in)
{
	char convergence[UNITS_TEXT_SIZE], within[UNITS_TEXT_SIZE];

	fprintf(out, "convergence   %s after the links\n",
	        units_format_duration(convergence, get_int(policy, "convergence_ns")));
	fprintf(out, "equal paths   %s, within %s\n",
	        strcmp(get_text(policy, "equal_paths"), "flow") == 0 ? "all of them, by flow"
	                                                             : "one of them",
	        units_format_duration(within, get_int(policy, "equal_within_ns")));
	fprintf(out,
	        "next hops     %" PRId64 " times computed, %" PRId64
	        " published; the last took %.1f ms, the longest %.1f ms\n",
	        get_int(policy, "computed"), get_int(policy, "published"),
	        get_real(policy, "compute_us") / 1e3, get_real(policy, "compute_max_us") / 1e3);
	fprintf(out, "of a file     %" PRId64 " epochs with theirs in time, %" PRId64 " late\n",
	        get_int(policy, "with_epoch"), get_int(policy, "late"));
}

CMD(route_policy)
{
	return request_print(cli, in, "route.policy", NULL /* key */, print_policy);
}
