/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris diff.
#include <inttypes.h>
#include <string.h>

#include "diff.h"
#include "ephemeris_cmd.h"
#include "record_text.h"
#include "units.h"

#define LIMIT 20

struct printer {
	struct cli *cli;
	uint64_t limit; // lines on links
	uint64_t n; // so far
	json_t *tables, *links; // with --json
};

static void print_table(void *arg, const char *text)
{
	struct printer *printer = arg;

	if (printer->cli->json)
		json_array_append_new(printer->tables, json_string(text));
	else
		fprintf(printer->cli->out, "%s\n", text);
}

static void print_link(void *arg, uint64_t t_ns, const char *iface, const char *text)
{
	struct printer *printer = arg;
	char time[TIME_TEXT_SIZE];

	if (printer->n++ >= printer->limit)
		return;
	if (printer->cli->json)
		json_array_append_new(
		        printer->links, json_pack("{s:I, s:s, s:s}", "t_ns", (json_int_t)t_ns,
		                                "link", iface, "differs", text));
	else
		fprintf(printer->cli->out, "%s s: %s: %s\n", time_text(time, t_ns), iface, text);
}

static void print_result(const struct printer *printer, const struct diff_result *result)
{
	char first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];
	struct cli *cli = printer->cli;

	if (cli->json) {
		json_t *all = json_pack("{s:b, s:O, s:I, s:I, s:f, s:O}", "differ",
		        result->n_tables + result->n_links > 0, "tables", printer->tables,
		        "link_changes", (json_int_t)result->n_links, "times",
		        (json_int_t)result->n_times, "delay_max_ns", result->delay_max_ns, "links",
		        printer->links);

		cli_print_json(cli, all);
		json_decref(all);
		return;
	}
	if (printer->n > printer->limit)
		fprintf(cli->out, "... and %" PRIu64 " more\n", printer->n - printer->limit);
	if (result->n_links > 0)
		fprintf(cli->out,
		        "links differ at %" PRIu64 " times from %s s to %s s; delays by up to %.1f "
		        "ns\n",
		        result->n_times, time_text(first, result->first_ns),
		        time_text(last, result->last_ns), result->delay_max_ns);
	else if (result->delay_max_ns > 0)
		fprintf(cli->out, "delays differ by up to %.1f ns\n", result->delay_max_ns);
}

static enum cli_exit read_options(struct cli *cli, const struct invocation *in,
        struct printer *printer, int64_t *tolerance_ns)
{
	const char *tolerance = invocation_option(in, "tolerance");
	const char *limit = invocation_option(in, "limit");

	if (tolerance != NULL &&
	        (units_parse_duration_ns(tolerance, tolerance_ns) != 0 || *tolerance_ns < 0))
		return cli_usage(
		        cli, "--tolerance: expected a duration such as 1us; got '%s'", tolerance);
	if (limit != NULL && units_parse_u64(limit, 0, UINT64_MAX, &printer->limit) != 0)
		return cli_usage(cli, "--limit: expected a number; got '%s'", limit);
	return CLI_OK;
}

static enum cli_exit compare(struct printer *printer, const struct ephemeris *a,
        const struct ephemeris *b, double tolerance_ns)
{
	const struct diff_report report = {printer, print_table, print_link};
	struct diff_result result;

	if (diff_run(a, b, tolerance_ns, &report, &result) != 0)
		return cli_failf(printer->cli, "out of memory");
	print_result(printer, &result);
	return result.n_tables + result.n_links > 0 ? CLI_FAILED : CLI_OK;
}

enum cli_exit cmd_ephemeris_diff(struct cli *cli, const struct invocation *in)
{
	struct printer printer = {.cli = cli, .limit = LIMIT};
	struct ephemeris *a = NULL, *b = NULL;
	struct fault fault = {0};
	int64_t tolerance_ns = 0;
	enum cli_exit code = read_options(cli, in, &printer, &tolerance_ns);

	if (code != CLI_OK)
		return code;
	if (ephemeris_open(invocation_arg(in, 0), 0, &a, &fault) != 0 ||
	        ephemeris_open(invocation_arg(in, 1), 0, &b, &fault) != 0) {
		ephemeris_close(a);
		return cli_fail(cli, &fault);
	}
	if (cli->json) {
		printer.tables = json_array();
		printer.links = json_array();
	}
	code = compare(&printer, a, b, (double)tolerance_ns);
	json_decref(printer.tables);
	json_decref(printer.links);
	ephemeris_close(a);
	ephemeris_close(b);
	return code;
}
