/* SPDX-License-Identifier: BSD-3-Clause */
// Lines about epochs.
#include "report.h"

#include <inttypes.h>

#include "simtime.h"
#include "units.h"

#define TEXT_PAIRS_MAX 6
#define TEXT_HOPS_MAX 8

static int64_t utc_ns(const struct sim *sim, double t_s)
{
	return sim->scenario.epoch_ns + (int64_t)(t_s * 1e9);
}

static void print_line(FILE *out, json_t *line)
{
	json_dumpf(line, out, JSON_COMPACT);
	fputc('\n', out);
	fflush(out);
	json_decref(line);
}

void report_start(FILE *out, bool json, const struct sim *sim, double speed, double step_s)
{
	const struct constellation *con = sim->con;
	double wall_s = step_s / speed;

	if (json) {
		print_line(out, json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f}", "type", "start",
		                        "name", sim->scenario.name, "satellites", con->n_satellites,
		                        "ground_stations", con->n_stations, "isls", con->n_isls,
		                        "speed", speed, "step_s", step_s));
		return;
	}
	fprintf(out, "%s: %u satellites, %u ground stations, %u links between satellites\n",
	        sim->scenario.name, con->n_satellites, con->n_stations, con->n_isls);
	fprintf(out, "speed %gx: an epoch each %.3g s, %.3g s of simulated time\n", speed, wall_s,
	        step_s);
	fflush(out);
}

static const char *satellite_name(
        const struct sim *sim, uint32_t satellite, char buf[NODE_NAME_SIZE])
{
	return satellite != CON_NONE ? con_node_name(sim->con, satellite, buf) : NULL;
}

const char *report_antenna(
        const struct sim *sim, uint32_t station, uint32_t number, char buf[IFACE_REF_SIZE])
{
	if (con_n_antennas(sim->con, station) == 1)
		return sim->scenario.stations[station].name;
	return con_iface_ref(sim->con, con_gsl_iface(sim->con, station, number), buf);
}

static json_t *handovers_json(const struct sim *sim, const struct epoch *epoch)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < epoch->n_handovers; i++) {
		const struct epoch_handover *h = &epoch->handovers[i];
		char from[NODE_NAME_SIZE], to[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];

		json_array_append_new(list,
		        json_pack("{s:s, s:s, s:s?, s:s?}", "station",
		                sim->scenario.stations[h->station].name, "interface",
		                con_iface_name(sim->con,
		                        con_gsl_iface(sim->con, h->station, h->number), iface),
		                "from", satellite_name(sim, h->from, from), "to",
		                satellite_name(sim, h->to, to)));
	}
	return list;
}

json_t *report_path_nodes(const struct sim *sim, uint32_t from)
{
	char name[NODE_NAME_SIZE];
	json_t *nodes = json_array();

	json_array_append_new(nodes, json_string(con_node_name(sim->con, from, name)));
	for (uint32_t i = 0; i < sim->path.n_hops; i++) {
		uint32_t far = sim->matrix.links[sim->path.ifaces[i]].to;

		json_array_append_new(nodes,
		        json_string(con_node_name(sim->con, sim->con->ifaces[far].node, name)));
	}
	return nodes;
}

static json_int_t whole(double value)
{
	return (json_int_t)(value + 0.5);
}

json_t *report_pair(const struct sim *sim, uint32_t from, uint32_t to, double after_s, double speed)
{
	char a[NODE_NAME_SIZE], b[NODE_NAME_SIZE];

	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:f}", "from", con_node_name(sim->con, from, a),
	        "to", con_node_name(sim->con, to, b), "nodes", report_path_nodes(sim, from),
	        "delay_ns", whole(path_delay_ns(&sim->matrix, &sim->path, after_s)), "rtt_ns",
	        whole(path_flight_rtt_ns(&sim->matrix, &sim->path, after_s, speed)),
	        "rtt_ns_per_byte", path_rtt_ns_per_byte(&sim->matrix, &sim->path));
}

// Calls `visit` for each pair of stations with a path, the path in sim->path; `found` false: none.
static void each_pair(struct sim *sim,
        void (*visit)(struct sim *sim, uint32_t from, uint32_t to, bool found, void *arg),
        void *arg)
{
	uint32_t n = sim->con->n_stations;

	if (n > REPORT_STATIONS_MAX)
		n = REPORT_STATIONS_MAX;
	for (uint32_t b = 1; b < n; b++) {
		uint32_t to = con_station_node(sim->con, b);

		path_finder_run(sim->finder, &sim->matrix, to);
		for (uint32_t a = 0; a < b; a++) {
			uint32_t from = con_station_node(sim->con, a);

			visit(sim, from, to, path_finder_path(sim->finder, from, &sim->path) == 0,
			        arg);
		}
	}
}

struct pairs_json {
	json_t *list;
	double step_s, speed;
};

// The round trip of a frame sent at the epoch's start and of one sent at its end, over its links.
static void add_pair(struct sim *sim, uint32_t from, uint32_t to, bool found, void *arg)
{
	struct pairs_json *pairs = arg;
	char a[NODE_NAME_SIZE], b[NODE_NAME_SIZE];
	json_t *pair;

	if (!found) {
		json_array_append_new(pairs->list,
		        json_pack("{s:s, s:s, s:[]}", "from", con_node_name(sim->con, from, a),
		                "to", con_node_name(sim->con, to, b), "nodes"));
		return;
	}
	pair = report_pair(sim, from, to, 0, pairs->speed);
	json_object_set_new(pair, "rtt_end_ns",
	        json_integer(whole(path_flight_rtt_ns(
	                &sim->matrix, &sim->path, pairs->step_s, pairs->speed))));
	json_array_append_new(pairs->list, pair);
}

void report_tick_json(FILE *out, struct sim *sim, const struct tick *tick, double speed)
{
	struct pairs_json pairs = {json_array(), tick->step_s, speed};
	char time[SIMTIME_TEXT_SIZE];

	each_pair(sim, add_pair, &pairs);
	print_line(out,
	        json_pack("{s:s, s:I, s:I, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
	                "type", "epoch", "wall_us", (json_int_t)tick->wall_us, "step_us",
	                whole(tick->step_s / speed * 1e6), "time",
	                simtime_format(time, utc_ns(sim, tick->t_s)), "sim_s", tick->t_s, "epoch",
	                (json_int_t)tick->number, "records", (json_int_t)tick->epoch->n_records,
	                "changed", (json_int_t)tick->changed, "links_up",
	                (json_int_t)tick->epoch->n_links_up, "applied_us",
	                (json_int_t)tick->applied_us, "late_us", (json_int_t)tick->late_us,
	                "skipped", (json_int_t)tick->n_skipped, "handovers",
	                handovers_json(sim, tick->epoch), "pairs", pairs.list));
}

void report_add(struct report *report, FILE *out, const struct sim *sim, const struct tick *tick)
{
	char span[SIMTIME_TEXT_SIZE], from[NODE_NAME_SIZE], to[NODE_NAME_SIZE];
	char antenna[IFACE_REF_SIZE];

	report->n_epochs++;
	report->changed += tick->changed;
	report->n_skipped += tick->n_skipped;
	if (tick->applied_us > report->applied_max_us)
		report->applied_max_us = tick->applied_us;
	if (tick->late_us > report->late_max_us)
		report->late_max_us = tick->late_us;
	for (uint32_t i = 0; i < tick->epoch->n_handovers; i++) {
		const struct epoch_handover *h = &tick->epoch->handovers[i];

		if (h->from == CON_NONE)
			fprintf(out, "%s  %s sees %s\n",
			        simtime_format_span(span, (int64_t)(tick->t_s * 1e9)),
			        report_antenna(sim, h->station, h->number, antenna),
			        satellite_name(sim, h->to, to));
		else if (h->to == CON_NONE)
			fprintf(out, "%s  %s loses %s and sees no other\n",
			        simtime_format_span(span, (int64_t)(tick->t_s * 1e9)),
			        report_antenna(sim, h->station, h->number, antenna),
			        satellite_name(sim, h->from, from));
		else
			fprintf(out, "%s  handover: %s from %s to %s\n",
			        simtime_format_span(span, (int64_t)(tick->t_s * 1e9)),
			        report_antenna(sim, h->station, h->number, antenna),
			        satellite_name(sim, h->from, from), satellite_name(sim, h->to, to));
	}
}

// Long paths lose their middle.
void report_print_hops(FILE *out, const struct sim *sim)
{
	const uint32_t n = sim->path.n_hops > 0 ? sim->path.n_hops - 1 : 0; // nodes between
	char name[NODE_NAME_SIZE];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t far = sim->matrix.links[sim->path.ifaces[i]].to;

		if (n > TEXT_HOPS_MAX && i == TEXT_HOPS_MAX / 2) {
			fprintf(out, " ...");
			i = n - TEXT_HOPS_MAX / 2 - 1;
			continue;
		}
		fprintf(out, " %s", con_node_name(sim->con, sim->con->ifaces[far].node, name));
	}
}

struct pairs_text {
	FILE *out;
	double speed;
	unsigned n;
};

static void print_pair(struct sim *sim, uint32_t from, uint32_t to, bool found, void *arg)
{
	struct pairs_text *pairs = arg;
	char a[NODE_NAME_SIZE], b[NODE_NAME_SIZE];

	if (pairs->n++ >= TEXT_PAIRS_MAX)
		return;
	fprintf(pairs->out, "  %s - %s: ", con_node_name(sim->con, from, a),
	        con_node_name(sim->con, to, b));
	if (!found) {
		fprintf(pairs->out, "no path\n");
		return;
	}
	fprintf(pairs->out, "one way %.3f ms, round trip %.3f ms, %u hops:",
	        path_delay_ns(&sim->matrix, &sim->path, 0) / 1e6,
	        path_flight_rtt_ns(&sim->matrix, &sim->path, 0, pairs->speed) / 1e6,
	        sim->path.n_hops);
	report_print_hops(pairs->out, sim);
	fputc('\n', pairs->out);
}

void report_print(
        struct report *report, FILE *out, struct sim *sim, const struct tick *tick, double speed)
{
	struct pairs_text pairs = {out, speed, 0};
	char span[SIMTIME_TEXT_SIZE];
	char applied[UNITS_TEXT_SIZE], late[UNITS_TEXT_SIZE];

	fprintf(out,
	        "%s  epoch %" PRIu64 ", %u since the last line; %" PRIu64
	        " links changed, %u up; applied in %s",
	        simtime_format_span(span, (int64_t)(tick->t_s * 1e9)), tick->number,
	        report->n_epochs, report->changed, tick->epoch->n_links_up,
	        units_format_duration(applied, report->applied_max_us * 1000));
	if (report->late_max_us > 1000)
		fprintf(out, ", late by %s",
		        units_format_duration(late, report->late_max_us * 1000));
	if (report->n_skipped > 0)
		fprintf(out, ", %" PRIu64 " steps left out", report->n_skipped);
	fputc('\n', out);
	each_pair(sim, print_pair, &pairs);
	if (pairs.n > TEXT_PAIRS_MAX)
		fprintf(out, "  and %u pairs more (--json has them)\n", pairs.n - TEXT_PAIRS_MAX);
	fflush(out);
	*report = (struct report){0};
}
