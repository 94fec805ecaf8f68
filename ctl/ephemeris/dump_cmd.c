/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris dump: the links at a time and what changes after it.
#include <inttypes.h>
#include <stdlib.h>

#include "ephemeris.h"
#include "ephemeris_cmd.h"
#include "record_text.h"
#include "simtime.h"
#include "units.h"

static enum cli_exit time_option(struct cli *cli, const struct invocation *in,
        const struct ephemeris *e, const char *option, uint64_t *t_ns)
{
	const char *text = invocation_option(in, option);
	int64_t ns;

	if (text == NULL)
		return CLI_OK;
	if (units_parse_duration_ns(text, &ns) == 0 ||
	        (simtime_parse(text, &ns) == 0 && (ns -= e->header->epoch_ns, true))) {
		if (ns >= 0 && (uint64_t)ns <= e->header->duration_ns) {
			*t_ns = (uint64_t)ns;
			return CLI_OK;
		}
	}
	return cli_usage(cli,
	        "--%s: expected a time in the ephemeris, such as 10min after its start or "
	        "2026-01-01T00:10:00Z; got '%s'",
	        option, text);
}

static void print_record(
        struct cli *cli, const struct ephemeris *e, const struct orrery_record *record)
{
	char text[RECORD_TEXT_SIZE];

	fprintf(cli->out, "%s\n", record_text(e, record, text));
}

// Records as one line of JSON: a dump may be long.
static void print_line(struct cli *cli, uint64_t t_ns, const char *what, json_t *records)
{
	json_t *line = json_pack(
	        "{s:I, s:s, s:o}", "t_ns", (json_int_t)t_ns, "what", what, "records", records);

	json_dumpf(line, cli->out, JSON_COMPACT | JSON_REAL_PRECISION(9));
	fputc('\n', cli->out);
	json_decref(line);
}

static void dump_state(struct cli *cli, const struct ephemeris *e,
        const struct ephemeris_links *links, uint64_t t_ns)
{
	json_t *records = cli->json ? json_array() : NULL;
	char time[TIME_TEXT_SIZE];

	if (!cli->json)
		fprintf(cli->out, "# %s s: %u links\n", time_text(time, t_ns), links->n_plugged);
	for (uint32_t i = 0; i < e->n_ifaces; i++) {
		struct orrery_record record;

		if (links->records[i].set == 0)
			continue;
		ephemeris_links_record(links, i, t_ns, &record);
		if (cli->json)
			json_array_append_new(records, record_json(e, &record));
		else
			print_record(cli, e, &record);
	}
	if (cli->json)
		print_line(cli, t_ns, "state", records);
}

static void dump_epoch(
        struct cli *cli, const struct ephemeris *e, const struct ephemeris_epoch *epoch)
{
	const struct orrery_record *records = ephemeris_records(e, epoch);
	json_t *list = cli->json ? json_array() : NULL;
	char time[TIME_TEXT_SIZE];

	if (!cli->json)
		fprintf(cli->out, "# %s s: %u change%s\n", time_text(time, epoch->t_ns), epoch->n,
		        epoch->n == 1 ? "" : "s");
	for (uint32_t i = 0; i < epoch->n; i++) {
		if (cli->json)
			json_array_append_new(list, record_json(e, &records[i]));
		else
			print_record(cli, e, &records[i]);
	}
	if (cli->json)
		print_line(cli, epoch->t_ns, "epoch", list);
}

static enum cli_exit dump(
        struct cli *cli, const struct ephemeris *e, uint64_t from_ns, uint64_t to_ns)
{
	struct ephemeris_links links;
	uint32_t next;

	if (ephemeris_links_init(&links, e->n_ifaces) != 0) {
		ephemeris_links_fini(&links);
		return cli_failf(cli, "out of memory");
	}
	next = ephemeris_links_seek(&links, e, from_ns);
	dump_state(cli, e, &links, from_ns);
	ephemeris_links_fini(&links);
	// until nobody reads any more
	for (; next < e->n_epochs && e->epochs[next].t_ns <= to_ns && !ferror(cli->out); next++) {
		if ((e->epochs[next].flags & EPHEMERIS_KEY) == 0)
			dump_epoch(cli, e, &e->epochs[next]);
	}
	return CLI_OK;
}

enum cli_exit cmd_ephemeris_dump(struct cli *cli, const struct invocation *in)
{
	uint64_t from_ns = 0, to_ns;
	struct fault fault = {0};
	struct ephemeris *e;
	enum cli_exit code;

	if (ephemeris_open(invocation_arg(in, 0), 0, &e, &fault) != 0)
		return cli_fail(cli, &fault);
	to_ns = e->header->duration_ns;
	code = time_option(cli, in, e, "from", &from_ns);
	if (code == CLI_OK)
		code = time_option(cli, in, e, "to", &to_ns);
	if (code == CLI_OK && to_ns < from_ns)
		code = cli_usage(cli, "--to: expected a time that is not before --from");
	if (code == CLI_OK)
		code = dump(cli, e, from_ns, to_ns);
	ephemeris_close(e);
	return code;
}
