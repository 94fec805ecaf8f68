/* SPDX-License-Identifier: BSD-3-Clause */
// Plain CSV: a row of column names, then a row for each change of a link, in order of time.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "import.h"
#include "names.h"
#include "scan.h"
#include "sink.h"
#include "units.h"

#define S_NS 1000000000ull
#define COLUMNS_MAX 32
#define VALUE_SIZE 64
#define LAST_STATE_NS S_NS // how long the only state of a file lasts

enum column_kind {
	COL_T,
	COL_FROM,
	COL_TO,
	COL_BOTH,
	COL_STATE,
	COL_DELAY, // in units of `unit` ns; 0: with its unit
	COL_SLOPE,
	COL_JITTER,
	COL_RATE, // in units of `unit` bit/s; 0: with its unit
	COL_LOSS, // in units of 1/unit
	COL_QUEUE,
	COL_PKTS,
	COL_MTU,
	N_COLUMN_KINDS,
};

struct column {
	const char *name;
	enum column_kind kind;
	uint64_t unit;
};

static const struct column columns[] = {
        {"t", COL_T, 0},
        {"from", COL_FROM, 0},
        {"to", COL_TO, 0},
        {"both", COL_BOTH, 0},
        {"state", COL_STATE, 0},
        {"delay", COL_DELAY, 0},
        {"delay_ns", COL_DELAY, 1},
        {"delay_us", COL_DELAY, 1000},
        {"delay_ms", COL_DELAY, 1000000},
        {"delay_s", COL_DELAY, S_NS},
        {"slope_ns_s", COL_SLOPE, 1},
        {"jitter", COL_JITTER, 0},
        {"jitter_ns", COL_JITTER, 1},
        {"jitter_us", COL_JITTER, 1000},
        {"jitter_ms", COL_JITTER, 1000000},
        {"rate", COL_RATE, 0},
        {"rate_bit", COL_RATE, 1},
        {"rate_kbit", COL_RATE, 1000},
        {"rate_mbit", COL_RATE, 1000000},
        {"loss", COL_LOSS, 1},
        {"loss_percent", COL_LOSS, 100},
        {"queue", COL_QUEUE, 0},
        {"queue_pkts", COL_PKTS, 0},
        {"mtu", COL_MTU, 0},
};

struct csv {
	struct import *import;
	struct scan scan;
	const struct column *columns[COLUMNS_MAX]; // as in the first row
	size_t n_columns;
	bool has[N_COLUMN_KINDS];
};

// The values of a row, by kind; empty: not given.
struct row {
	struct span values[N_COLUMN_KINDS];
	const struct column *columns[N_COLUMN_KINDS];
	uint64_t t_ns;
	bool both;
};

static const struct column *find_column(struct span name)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (span_is(name, columns[i].name))
			return &columns[i];
	}
	return NULL;
}

static int read_header(struct csv *csv)
{
	struct span rest, name;
	char text[SPAN_TEXT_SIZE];

	if (!scan_line_of_data(&csv->scan, &rest))
		return scan_wrong(&csv->scan, "expected a row of column names: t,from,to,...");
	while (span_cut(&rest, ',', &name)) {
		const struct column *column = find_column(name);

		if (column == NULL)
			return scan_wrong(&csv->scan,
			        "there is no column '%s'; expected such as t, from, to, both, "
			        "state, "
			        "delay, rate, loss",
			        span_text(name, text));
		if (csv->has[column->kind])
			return scan_wrong(
			        &csv->scan, "column '%s': it is there already", column->name);
		csv->has[column->kind] = true;
		csv->columns[csv->n_columns++] = column;
	}
	if (!csv->has[COL_T] || !csv->has[COL_FROM] || !csv->has[COL_TO])
		return scan_wrong(&csv->scan, "expected columns t, from and to among the others");
	return 0;
}

// Text with a unit, or a number in the column's unit.
static int duration(struct span value, uint64_t unit, uint64_t *ret_ns)
{
	char text[VALUE_SIZE];
	int64_t ns = 0;
	int err;

	if (unit != 0)
		return span_fixed(value, unit, INT64_MAX, ret_ns);
	err = span_copy(value, text, sizeof(text));
	if (err == 0)
		err = units_parse_duration_ns(text, &ns);
	*ret_ns = (uint64_t)ns;
	return err;
}

static int bad_value(
        struct csv *csv, const struct row *row, enum column_kind kind, const char *what)
{
	const struct column *column = row->columns[kind];
	char text[SPAN_TEXT_SIZE];

	return scan_wrong(&csv->scan, "%s: expected %s; got '%s'",
	        column != NULL ? column->name : "value", what, span_text(row->values[kind], text));
}

static int read_both(struct csv *csv, struct row *row)
{
	struct span value = row->values[COL_BOTH];

	row->both = span_is(value, "1") || span_is(value, "yes") || span_is(value, "true");
	if (row->both || value.len == 0 || span_is(value, "0") || span_is(value, "no") ||
	        span_is(value, "false"))
		return 0;
	return bad_value(csv, row, COL_BOTH, "yes or no");
}

// The next row. `*ret_found` false: there is none.
static int read_row(struct csv *csv, struct row *row, bool *ret_found)
{
	struct span rest, value;
	size_t n = 0;

	*row = (struct row){.t_ns = 0};
	*ret_found = scan_line_of_data(&csv->scan, &rest);
	if (!*ret_found)
		return 0;
	if (memchr(rest.at, '"', rest.len) != NULL)
		return scan_wrong(&csv->scan, "expected values without quotes");
	while (span_cut(&rest, ',', &value)) {
		if (n == csv->n_columns)
			return scan_wrong(&csv->scan, "expected %zu values; there are more", n);
		row->values[csv->columns[n]->kind] = value;
		row->columns[csv->columns[n]->kind] = csv->columns[n];
		n++;
	}
	if (n != csv->n_columns)
		return scan_wrong(&csv->scan, "has %zu values; expected %zu", n, csv->n_columns);
	value = row->values[COL_T];
	if (duration(value, S_NS, &row->t_ns) != 0 && duration(value, 0, &row->t_ns) != 0)
		return bad_value(csv, row, COL_T, "seconds since the start, or a duration as 10ms");
	return read_both(csv, row);
}

// How long the file lasts: to its last time, and then as long as the time before it.
static int measure(struct csv *csv, uint64_t *ret_duration_ns)
{
	uint64_t last_ns = 0, gap_ns = LAST_STATE_NS;
	bool found = true;
	struct row row;
	int err = read_header(csv);

	while (err == 0 && found) {
		err = read_row(csv, &row, &found);
		if (err != 0 || !found)
			break;
		if (row.t_ns < last_ns)
			return bad_value(
			        csv, &row, COL_T, "a time not before that of the row before");
		if (row.t_ns > EPHEMERIS_TIME_MAX_NS / 2)
			return bad_value(csv, &row, COL_T, "a time of less than 70 years");
		if (row.t_ns > last_ns)
			gap_ns = row.t_ns - last_ns;
		last_ns = row.t_ns;
	}
	*ret_duration_ns = last_ns + gap_ns;
	return err;
}

// NODE or NODE/INTERFACE; without an interface, the one to the far node.
static int find_ends(struct csv *csv, const struct row *row, uint32_t ends[2])
{
	struct span nodes[2], ifaces[2];
	uint32_t numbers[2];
	char text[SPAN_TEXT_SIZE];
	int err = 0;

	for (int i = 0; i < 2; i++) {
		struct span rest = row->values[i == 0 ? COL_FROM : COL_TO];

		(void)span_cut(&rest, '/', &nodes[i]);
		ifaces[i] = rest;
		if (nodes[i].len == 0 || (rest.at != NULL && rest.len == 0))
			return bad_value(
			        csv, row, i == 0 ? COL_FROM : COL_TO, "NODE or NODE/INTERFACE");
	}
	for (int i = 0; i < 2 && err == 0; i++)
		err = sink_get_node(csv->import->sink, nodes[i], &numbers[i]);
	if (err == 0 && numbers[0] == numbers[1])
		return scan_wrong(
		        &csv->scan, "a link from '%s' to itself", span_text(nodes[0], text));
	for (int i = 0; i < 2 && err == 0; i++) {
		if (ifaces[i].at != NULL)
			err = sink_get_iface(csv->import->sink, numbers[i], ifaces[i], &ends[i]);
		else
			err = sink_get_iface_to(
			        csv->import->sink, numbers[i], numbers[1 - i], 0, &ends[i]);
	}
	return err;
}

static int set_delay(struct csv *csv, const struct row *row, struct orrery_record *record)
{
	struct span delay = row->values[COL_DELAY], slope = row->values[COL_SLOPE];
	int64_t slope_ns_s = 0;
	char where[160];
	uint64_t ns;

	if (delay.len > 0) {
		if (duration(delay, row->columns[COL_DELAY]->unit, &ns) != 0)
			return bad_value(csv, row, COL_DELAY,
			        row->columns[COL_DELAY]->unit != 0 ? "a number"
			                                           : "a duration such as 4.2ms");
		snprintf(where, sizeof(where), "%.100s:%u", csv->scan.name, csv->scan.line);
		record->slope_ns_s = 0;
		if (import_delay(csv->import, (double)ns, where, &record->delay_ns) != 0)
			return -ERANGE;
	}
	if (slope.len == 0)
		return 0;
	if (span_i64(slope, -1000000000, 1000000000, &slope_ns_s) != 0)
		return bad_value(csv, row, COL_SLOPE, "ns a second, at most 1000000000");
	if (csv->import->options->interpolate)
		return bad_value(csv, row, COL_SLOPE, "no slope with --interpolate");
	record->slope_ns_s = (int32_t)((double)slope_ns_s * csv->import->options->delay_scale);
	return 0;
}

static int set_rate(struct csv *csv, const struct row *row, struct orrery_record *record)
{
	uint64_t unit = row->columns[COL_RATE]->unit, bps = 0;
	char text[VALUE_SIZE];
	int err;

	if (unit != 0) {
		err = span_fixed(row->values[COL_RATE], unit, UINT64_MAX / 2, &bps);
	} else {
		err = span_copy(row->values[COL_RATE], text, sizeof(text));
		if (err == 0)
			err = units_parse_rate_bps(text, &bps);
	}
	bps = (bps + 500) / 1000;
	if (err != 0 || bps > UINT32_MAX)
		return bad_value(csv, row, COL_RATE,
		        unit != 0 ? "a number, below 4.29 Tbit/s"
		                  : "a rate such as 10mbit, below 4.29 Tbit/s");
	record->rate_kbps = (uint32_t)bps;
	return 0;
}

static int set_loss(struct csv *csv, const struct row *row, struct orrery_record *record)
{
	uint64_t unit = row->columns[COL_LOSS]->unit;
	double p = 0;

	if (span_real(row->values[COL_LOSS], 0, (double)unit, &p) != 0)
		return bad_value(
		        csv, row, COL_LOSS, unit == 1 ? "a share from 0 to 1" : "0 to 100");
	record->loss = import_share(p / (double)unit);
	return 0;
}

static int set_queue(struct csv *csv, const struct row *row, struct orrery_record *record)
{
	uint64_t bytes = 0, pkts = 0;
	char text[VALUE_SIZE];

	if (row->values[COL_QUEUE].len > 0) {
		if (span_copy(row->values[COL_QUEUE], text, sizeof(text)) != 0 ||
		        units_parse_size_bytes(text, &bytes) != 0 || bytes > UINT32_MAX)
			return bad_value(csv, row, COL_QUEUE, "bytes such as 64k, below 4GiB");
		record->queue_bytes = (uint32_t)bytes;
	}
	if (row->values[COL_PKTS].len > 0) {
		if (span_u64(row->values[COL_PKTS], UINT32_MAX, &pkts) != 0)
			return bad_value(csv, row, COL_PKTS, "a number of packets");
		record->queue_pkts = (uint32_t)pkts;
	}
	return 0;
}

static int set_rest(struct csv *csv, const struct row *row, struct orrery_record *record)
{
	uint64_t value = 0;

	if (row->values[COL_JITTER].len > 0) {
		if (duration(row->values[COL_JITTER], row->columns[COL_JITTER]->unit, &value) !=
		                0 ||
		        value > S_NS)
			return bad_value(csv, row, COL_JITTER, "a duration of at most 1 s");
		record->jitter_ns = (uint32_t)value;
	}
	if (row->values[COL_MTU].len > 0) {
		if (span_u64(row->values[COL_MTU], UINT16_MAX, &value) != 0)
			return bad_value(csv, row, COL_MTU, "bytes, at most 65535");
		record->mtu = (uint16_t)value;
	}
	return 0;
}

static int set_link(struct csv *csv, const struct row *row, uint32_t from, uint32_t to)
{
	struct span state = row->values[COL_STATE];
	struct orrery_record *record;
	int err;

	if (span_is(state, "unplug"))
		return sink_unplug(csv->import->sink, from);
	err = sink_link(csv->import->sink, from, to, &record);
	if (err != 0)
		return err;
	if (span_is(state, "up"))
		record->flags |= ORRERY_LINK_UP;
	else if (span_is(state, "down"))
		record->flags &= (uint16_t)~ORRERY_LINK_UP;
	else if (state.len > 0)
		return bad_value(csv, row, COL_STATE, "up, down or unplug");
	err = set_delay(csv, row, record);
	if (err == 0 && row->values[COL_RATE].len > 0)
		err = set_rate(csv, row, record);
	if (err == 0 && row->values[COL_LOSS].len > 0)
		err = set_loss(csv, row, record);
	if (err == 0)
		err = set_queue(csv, row, record);
	return err == 0 ? set_rest(csv, row, record) : err;
}

static int apply_rows(struct csv *csv)
{
	bool found = true;
	struct row row;
	int err = read_header(csv);

	while (err == 0) {
		uint32_t ends[2] = {0, 0};

		err = read_row(csv, &row, &found);
		if (err != 0 || !found || sink_is_over(csv->import->sink, row.t_ns))
			break;
		err = sink_epoch(csv->import->sink, row.t_ns);
		if (err == 0)
			err = find_ends(csv, &row, ends);
		if (err == 0)
			err = set_link(csv, &row, ends[0], ends[1]);
		if (err == 0 && row.both)
			err = set_link(csv, &row, ends[1], ends[0]);
	}
	return err;
}

static void say_notes(struct import *import, const struct csv *csv)
{
	import_note(import, "direction", "%s",
	        csv->has[COL_BOTH] ? "a row is one direction; with 'both' the same for the other"
	                           : "a row is one direction");
	import_note(import, "delay", "one way, as it stands, until the next row of the link%s",
	        import->options->interpolate
	                ? "; changes come in straight lines from the file's time before"
	                : "");
	import_note(import, "nodes", "all are pods");
}

int import_csv(struct import *import)
{
	struct csv csv = {.import = import};
	struct ephemeris_info info = {.duration_ns = import->options->duration_ns};
	uint64_t duration_ns = 0;
	struct text text;
	int err = source_read(import->source, "", &text, import->fault);

	if (err != 0)
		return err;
	scan_init(&csv.scan, &text, import->fault);
	err = measure(&csv, &duration_ns);
	if (info.duration_ns == 0)
		info.duration_ns = duration_ns;
	if (import->options->epoch_ns >= 0)
		info.epoch_ns = import->options->epoch_ns;
	if (err == 0) {
		say_notes(import, &csv);
		err = sink_begin(import->sink, &info);
	}
	if (err == 0) {
		csv = (struct csv){.import = import};
		scan_init(&csv.scan, &text, import->fault);
		err = apply_rows(&csv);
	}
	text_fini(&text);
	return err;
}
