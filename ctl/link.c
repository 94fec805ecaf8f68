/* SPDX-License-Identifier: BSD-3-Clause */
// orrery link: one direction between two interfaces, with its parameters.
#include <inttypes.h>
#include <string.h>

#include "cmd.h"
#include "columns.h"
#include "json_get.h"
#include "link_ends.h"
#include "link_words.h"
#include "request.h"
#include "units.h"

static void print_set(FILE *out, const json_t *result, const struct invocation *in)
{
	const json_t *changed = json_object_get(result, "changed");
	int64_t n = json_is_boolean(changed) ? json_is_true(changed) : get_int(result, "changed");

	if (n == 0)
		fprintf(out, "nothing changed\n");
	else
		fprintf(out, "%" PRId64 " link%s changed, epoch %" PRId64 "\n", n,
		        n == 1 ? "" : "s", get_int(result, "epoch"));
}

CMD(link_set)
{
	struct link_ends ends;
	json_t *params, *result;
	enum cli_exit code = link_words_params(cli, in, &params);

	if (code != CLI_OK)
		return code;
	code = link_ends_resolve(cli, in, &ends);
	if (code != CLI_OK) {
		json_decref(params);
		return code;
	}
	json_object_set_new(params, "from", json_string(ends.from));
	// with 'unplug', TO only says which link is meant
	if (ends.to[0] != '\0' && json_object_get(params, "to") == NULL)
		json_object_set_new(params, "to", json_string(ends.to));
	code = cli_call(cli, "link.set", params, &result);
	return code != CLI_OK ? code : request_show(cli, in, result, print_set);
}

static void print_deleted(FILE *out, const json_t *result, const struct invocation *in)
{
	const json_t *deleted = json_object_get(result, "deleted");
	int64_t n = json_is_boolean(deleted) ? json_is_true(deleted) : get_int(result, "deleted");

	fprintf(out, "%" PRId64 " link%s deleted\n", n, n == 1 ? "" : "s");
}

CMD(link_del)
{
	struct link_ends ends;
	json_t *result;
	enum cli_exit code = link_ends_find(cli, in, &ends);

	if (code != CLI_OK)
		return code;
	json_t *params = invocation_params(in);

	json_object_set_new(params, "from", json_string(ends.from));
	code = cli_call(cli, "link.del", params, &result);
	return code != CLI_OK ? code : request_show(cli, in, result, print_deleted);
}

// A pin is of the interface: no link need be there.
static enum cli_exit pin(
        struct cli *cli, const struct invocation *in, const char *method, print_fn print)
{
	struct link_ends ends;
	json_t *params, *result;
	enum cli_exit code = link_ends_resolve(cli, in, &ends);

	if (code != CLI_OK)
		return code;
	params = invocation_params(in);
	json_object_set_new(params, "from", json_string(ends.from));
	code = cli_call(cli, method, params, &result);
	return code != CLI_OK ? code : request_show(cli, in, result, print);
}

static void print_pinned(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "%" PRId64 " more pinned, %" PRId64 " in all\n", get_int(result, "pinned"),
	        get_int(result, "total"));
}

CMD(link_pin)
{
	return pin(cli, in, "link.pin", print_pinned);
}

static void print_unpinned(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out,
	        "%" PRId64 " released, %" PRId64 " of them changed, %" PRId64 " still pinned\n",
	        get_int(result, "unpinned"), get_int(result, "changed"), get_int(result, "total"));
}

CMD(link_unpin)
{
	return pin(cli, in, "link.unpin", print_unpinned);
}

static void print_drops(FILE *out, const json_t *stats)
{
	json_t *drops = json_object_get(stats, "drops"), *count;
	const char *reason;
	bool first = true;

	fprintf(out, "  dropped   ");
	json_object_foreach (drops, reason, count) {
		fprintf(out, "%s%s %" JSON_INTEGER_FORMAT, first ? "" : ", ", reason,
		        json_integer_value(count));
		first = false;
	}
	fprintf(out, "%s\n", first ? "none" : "");
}

static void print_link(FILE *out, const json_t *link, const struct invocation *in)
{
	const json_t *stats = json_object_get(link, "stats");
	const char *to = get_text(link, "to");
	char words[512], text[UNITS_TEXT_SIZE];

	link_words_print(link, words, sizeof(words));
	fprintf(out, "%s %s, %s%s, id %" PRId64 ", worker %" PRId64 "\n", get_text(link, "from"),
	        *to != '\0' ? to : "(unplugged)", get_bool(link, "up") ? "up" : "down",
	        get_bool(link, "pinned") ? ", pinned" : "", get_int(link, "id"),
	        get_int(link, "worker"));
	fprintf(out, "  %s\n", words);
	if (get_int(link, "slope_ns_s") != 0)
		fprintf(out, "  now       delay %s\n",
		        units_format_duration(text, get_int(link, "delay_now_ns")));
	fprintf(out, "  sent      %" PRId64 " frames, %" PRId64 " bytes, %" PRId64 " duplicates\n",
	        get_int(stats, "tx_pkts"), get_int(stats, "tx_bytes"),
	        get_int(stats, "duplicates"));
	fprintf(out, "  in flight %" PRId64 " frames, %" PRId64 " bytes\n",
	        get_int(stats, "in_flight_pkts"), get_int(stats, "in_flight_bytes"));
	print_drops(out, stats);
}

CMD(link_show)
{
	struct link_ends ends;
	json_t *result;
	enum cli_exit code = link_ends_find(cli, in, &ends);

	if (code == CLI_OK)
		code = cli_call(cli, "link.show", json_pack("{s:s}", "from", ends.from), &result);
	if (code != CLI_OK)
		return code;
	json_t *link = json_incref(json_object_get(result, "link"));

	json_decref(result);
	return request_show(cli, in, link, print_link);
}

static void print_links(FILE *out, const json_t *links, const struct invocation *in)
{
	struct columns *columns = columns_create("FROM TO STATE >FRAMES >DROPS >DELAY PARAMETERS");
	const json_t *link;
	size_t i;

	json_array_foreach (links, i, link) {
		const json_t *stats = json_object_get(link, "stats");
		const char *to = get_text(link, "to");
		char words[512], text[UNITS_TEXT_SIZE];

		link_words_print(link, words, sizeof(words));
		// the delay has its own column
		const char *rest = strncmp(words, "delay ", 6) == 0
		                           ? words + 6 + strcspn(words + 6, " ")
		                           : words;

		columns_cell(columns, "%s", get_text(link, "from"));
		columns_cell(columns, "%s", *to != '\0' ? to : "-");
		columns_cell(columns, "%s", get_bool(link, "up") ? "up" : "down");
		columns_cell(columns, "%s",
		        units_format_count(text, (uint64_t)get_int(stats, "tx_pkts")));
		columns_cell(
		        columns, "%s", units_format_count(text, (uint64_t)get_sum(stats, "drops")));
		columns_cell(columns, "%s", units_format_duration(text, get_int(link, "delay_ns")));
		columns_cell(columns, "%s", rest + strspn(rest, " "));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(link_list)
{
	return request_print_list(cli, in, "link.list", print_links);
}
