/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris info: what a file holds, in figures.
#include <inttypes.h>
#include <stdlib.h>

#include "ephemeris.h"
#include "ephemeris_cmd.h"
#include "simtime.h"
#include "units.h"

struct figures {
	uint32_t n_kinds[EPHEMERIS_N_KINDS];
	uint32_t n_keys;
	uint64_t n_key_records;
	uint32_t n_plugged, n_up; // links at the start
	uint64_t n_plugs, n_unplugs, n_ups, n_downs, n_lines, n_rates; // changes behind the start
	uint32_t largest; // records of the largest epoch behind the start that is no key
	uint32_t largest_epoch;
};

static void count_record(struct figures *f, const struct orrery_record *r)
{
	if ((r->set & ORRERY_SET_TO) != 0) {
		f->n_plugs += r->to != ORRERY_IFACE_NONE;
		f->n_unplugs += r->to == ORRERY_IFACE_NONE;
	} else if ((r->set & ORRERY_SET_UP) != 0) {
		f->n_ups += (r->flags & ORRERY_LINK_UP) != 0;
		f->n_downs += (r->flags & ORRERY_LINK_UP) == 0;
	} else {
		f->n_lines += (r->set & (ORRERY_SET_DELAY | ORRERY_SET_SLOPE)) != 0;
	}
	f->n_rates += (r->set & ORRERY_SET_RATE) != 0 && r->to == ORRERY_IFACE_NONE;
}

static void count_epoch(struct figures *f, const struct ephemeris *e, uint32_t i)
{
	const struct ephemeris_epoch *epoch = &e->epochs[i];
	const struct orrery_record *records = ephemeris_records(e, epoch);

	if ((epoch->flags & EPHEMERIS_KEY) != 0) {
		f->n_keys++;
		f->n_key_records += epoch->n;
		return;
	}
	for (uint32_t k = 0; k < epoch->n; k++)
		count_record(f, &records[k]);
	if (epoch->n > f->largest) {
		f->largest = epoch->n;
		f->largest_epoch = i;
	}
}

static void count(struct figures *f, const struct ephemeris *e)
{
	const struct orrery_record *start = ephemeris_records(e, &e->epochs[0]);

	for (uint32_t i = 0; i < e->n_nodes; i++)
		f->n_kinds[e->nodes[i].kind]++;
	f->n_plugged = e->epochs[0].n;
	for (uint32_t i = 0; i < e->epochs[0].n; i++)
		f->n_up += (start[i].flags & ORRERY_LINK_UP) != 0;
	for (uint32_t i = 0; i < e->n_epochs; i++)
		count_epoch(f, e, i);
}

static void print_json(struct cli *cli, const struct ephemeris *e, const struct figures *f)
{
	const struct ephemeris_header *h = e->header;
	char time[SIMTIME_TEXT_SIZE];
	json_t *info = json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
	        ephemeris_string(e, h->name), "version", (int)h->version, "producer",
	        ephemeris_string(e, h->producer), "epoch", simtime_format(time, h->epoch_ns),
	        "epoch_ns", (json_int_t)h->epoch_ns, "duration_ns", (json_int_t)h->duration_ns,
	        "step_ns", (json_int_t)h->step_ns, "tolerance_ns", (json_int_t)h->tolerance_ns,
	        "seed", (json_int_t)h->seed, "size_bytes", (json_int_t)h->file_size);
	json_t *tables = json_pack("{s:I, s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	        "nodes", (json_int_t)e->n_nodes, "kinds", "pod",
	        (json_int_t)f->n_kinds[EPHEMERIS_POD], "router",
	        (json_int_t)f->n_kinds[EPHEMERIS_ROUTER], "bridge",
	        (json_int_t)f->n_kinds[EPHEMERIS_BRIDGE], "interfaces", (json_int_t)e->n_ifaces,
	        "routes", (json_int_t)e->n_routes, "epochs", (json_int_t)(e->n_epochs - f->n_keys),
	        "keys", (json_int_t)f->n_keys, "records",
	        (json_int_t)(e->n_records - f->n_key_records), "key_records",
	        (json_int_t)f->n_key_records, "largest_epoch", (json_int_t)f->largest);
	json_t *links = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "links",
	        (json_int_t)f->n_plugged, "links_up", (json_int_t)f->n_up, "plugs",
	        (json_int_t)f->n_plugs, "unplugs", (json_int_t)f->n_unplugs, "ups",
	        (json_int_t)f->n_ups, "downs", (json_int_t)f->n_downs, "lines",
	        (json_int_t)f->n_lines, "rates", (json_int_t)f->n_rates);

	json_object_update(info, tables);
	json_object_update(info, links);
	cli_print_json(cli, info);
	json_decref(info);
	json_decref(tables);
	json_decref(links);
}

static void print_text(
        FILE *out, const char *path, const struct ephemeris *e, const struct figures *f)
{
	const struct ephemeris_header *h = e->header;
	char a[SIMTIME_TEXT_SIZE], b[SIMTIME_TEXT_SIZE], text[UNITS_TEXT_SIZE];

	fprintf(out, "%s: ephemeris version %u of '%s', by %s, %s\n", path, h->version,
	        ephemeris_string(e, h->name), ephemeris_string(e, h->producer),
	        units_format_size(text, h->file_size));
	fprintf(out, "time        from %s for %s", simtime_format(a, h->epoch_ns),
	        simtime_format_span(b, (int64_t)h->duration_ns));
	if (h->step_ns != 0)
		fprintf(out, ", steps of %s", units_format_duration(text, (int64_t)h->step_ns));
	if (h->tolerance_ns != 0)
		fprintf(out, ", delays within %s",
		        units_format_duration(text, (int64_t)h->tolerance_ns));
	if (h->seed != 0)
		fprintf(out, ", seed %" PRIu64, h->seed);
	fprintf(out, "\nnodes       %u: %u router, %u pod, %u bridge\n", e->n_nodes,
	        f->n_kinds[EPHEMERIS_ROUTER], f->n_kinds[EPHEMERIS_POD],
	        f->n_kinds[EPHEMERIS_BRIDGE]);
	fprintf(out, "interfaces  %u\nroutes      %u\n", e->n_ifaces, e->n_routes);
	fprintf(out, "start       %u links, %u up\n", f->n_plugged, f->n_up);
	fprintf(out, "epochs      %u with %" PRIu64 " records, the largest %u\n",
	        e->n_epochs - f->n_keys, e->n_records - f->n_key_records, f->largest);
	fprintf(out,
	        "changes     %" PRIu64 " plugged, %" PRIu64 " unplugged, %" PRIu64 " up, %" PRIu64
	        " down, %" PRIu64 " delay lines, %" PRIu64 " rates\n",
	        f->n_plugs, f->n_unplugs, f->n_ups, f->n_downs, f->n_lines, f->n_rates);
	fprintf(out, "keys        %u with %" PRIu64 " records\n", f->n_keys, f->n_key_records);
}

enum cli_exit cmd_ephemeris_info(struct cli *cli, const struct invocation *in)
{
	struct figures figures = {0};
	struct fault fault = {0};
	struct ephemeris *e;

	if (ephemeris_open(invocation_arg(in, 0), 0, &e, &fault) != 0)
		return cli_fail(cli, &fault);
	count(&figures, e);
	if (cli->json)
		print_json(cli, e, &figures);
	else
		print_text(cli->out, invocation_arg(in, 0), e, &figures);
	ephemeris_close(e);
	return CLI_OK;
}
