/* SPDX-License-Identifier: BSD-3-Clause */
// A TheaterQ trace: the course of one direction of one link, entry by entry. Its simple form is
// KEEP,LATENCY,RATE,LOSS,LIMIT; the extended one KEEP,LATENCY,JITTER,RATE,LOSS,LIMIT,DUP_PROB,
// DUP_DELAY,ROUTE_ID,QUEUE_ID, the last two of which older traces leave out.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "import.h"
#include "names.h"
#include "scan.h"
#include "sink.h"

#define SIMPLE_FIELDS 5
#define EXTENDED_FIELDS_MIN 8
#define FIELDS_MAX 10
#define KEEP_MAX_US (1000000000000000ull) // 31 years
#define JITTER_MAX_NS 1000000000u

enum field { KEEP, LATENCY, JITTER, RATE, LOSS, LIMIT, DUP_PROB, DUP_DELAY, ROUTE_ID, QUEUE_ID };

static const enum field simple[] = {KEEP, LATENCY, RATE, LOSS, LIMIT};
static const char *const names[] = {"KEEP", "LATENCY", "JITTER", "RATE", "LOSS", "LIMIT",
        "DUP_PROB", "DUP_DELAY", "ROUTE_ID", "QUEUE_ID"};
static const uint64_t most[] = {KEEP_MAX_US, INT64_MAX, JITTER_MAX_NS, UINT64_MAX, UINT32_MAX,
        UINT32_MAX, UINT32_MAX, INT64_MAX, UINT32_MAX, UINT32_MAX};

struct entry {
	uint64_t values[FIELDS_MAX]; // by field; UINT64_MAX as rate: none
	bool extended;
};

struct trace {
	struct import *import;
	struct scan scan;
	struct text text;
	uint64_t t_ns; // when the entry `now` begins
	struct entry now;
	bool found; // there is one
	uint64_t route; // of the one before
	bool first;
	size_t n_fields; // of every entry
	bool dup_delays; // seen
};

static int read_field(struct trace *trace, struct span text, enum field field, uint64_t *ret_value)
{
	char shown[SPAN_TEXT_SIZE];

	if (field == RATE && span_is(text, "-1")) {
		*ret_value = UINT64_MAX;
		return 0;
	}
	if (span_u64(text, most[field], ret_value) == 0)
		return 0;
	return scan_wrong(&trace->scan, "%s: expected a whole number up to %llu; got '%s'",
	        names[field], (unsigned long long)most[field], span_text(text, shown));
}

static int read_entry(struct trace *trace, struct span line)
{
	struct span values[FIELDS_MAX] = {{NULL, 0}};
	struct entry *entry = &trace->now;
	size_t n = 0;
	int err = 0;

	while (line.at != NULL && n < FIELDS_MAX)
		(void)span_cut(&line, ',', &values[n++]);
	if (line.at != NULL || (n != SIMPLE_FIELDS && n < EXTENDED_FIELDS_MIN))
		return scan_wrong(&trace->scan,
		        "expected 5 numbers (KEEP,LATENCY,RATE,LOSS,LIMIT) or 8 to 10 of the "
		        "extended form");
	if (trace->n_fields != 0 && n != trace->n_fields)
		return scan_wrong(&trace->scan, "has %zu numbers; expected %zu as in those before",
		        n, trace->n_fields);
	trace->n_fields = n;
	*entry = (struct entry){.extended = n != SIMPLE_FIELDS};
	for (size_t i = 0; i < n && err == 0; i++) {
		enum field field = entry->extended ? (enum field)i : simple[i];

		err = read_field(trace, values[i], field, &entry->values[field]);
	}
	if (err == 0 && entry->values[KEEP] == 0)
		err = scan_wrong(&trace->scan, "KEEP: expected more than 0");
	return err;
}

// The next entry; lines that begin with anything but a number are none.
static int next_entry(struct trace *trace)
{
	struct span line;

	trace->found = false;
	while (scan_line(&trace->scan, &line)) {
		line = span_trim(line);
		if (line.len == 0 || line.at[0] < '0' || line.at[0] > '9')
			continue;
		trace->found = true;
		return read_entry(trace, line);
	}
	return 0;
}

// Checks all entries, and adds up how long they last.
static int measure(struct trace *trace, uint64_t *ret_duration_ns)
{
	uint64_t us = 0;
	int err = next_entry(trace);

	if (err == 0 && !trace->found)
		err = scan_wrong(&trace->scan, "expected at least one entry");
	while (err == 0 && trace->found) {
		us += trace->now.values[KEEP];
		if (us > KEEP_MAX_US)
			return scan_wrong(&trace->scan, "KEEP: the trace is longer than 31 years");
		trace->dup_delays |= trace->now.values[DUP_DELAY] != 0;
		err = next_entry(trace);
	}
	*ret_duration_ns = us * 1000;
	return err;
}

static int open_trace(struct trace *trace, const char *name, uint64_t *ret_duration_ns)
{
	struct fault *fault = trace->import->fault;
	int err = source_read(trace->import->source, name, &trace->text, fault);

	if (err != 0)
		return err;
	scan_init(&trace->scan, &trace->text, fault);
	err = measure(trace, ret_duration_ns);
	if (err != 0)
		return err;
	scan_init(&trace->scan, &trace->text, fault);
	trace->first = true;
	trace->t_ns = 0;
	return next_entry(trace);
}

static uint16_t share16(uint64_t p32)
{
	return (uint16_t)(p32 >> 16);
}

// Whether frames may overtake others while the entry holds: always on route 0, as the simple form
// is; on others when the route has just changed.
static bool may_reorder(const struct trace *trace)
{
	uint64_t route = trace->now.values[ROUTE_ID];

	return route == 0 ||
	       (!trace->first && route != trace->route && trace->now.values[JITTER] == 0);
}

static int apply(struct trace *trace, uint32_t from, uint32_t to)
{
	const uint64_t *values = trace->now.values;
	struct orrery_record *record;
	char where[160];
	uint64_t kbps = values[RATE] == UINT64_MAX ? 0 : (values[RATE] + 500) / 1000;
	int err = sink_link(trace->import->sink, from, to, &record);

	if (err != 0)
		return err;
	snprintf(where, sizeof(where), "%.100s:%u", trace->scan.name, trace->scan.line);
	if (kbps > UINT32_MAX)
		return scan_wrong(&trace->scan, "RATE: expected less than 4.29 Tbit/s, or -1");
	if (kbps == 0 && values[RATE] != UINT64_MAX && values[RATE] != 0)
		kbps = 1; // 0 is no limit, here and there
	record->rate_kbps = (uint32_t)kbps;
	record->jitter_ns = (uint32_t)values[JITTER];
	record->loss = (uint32_t)values[LOSS];
	record->queue_pkts = (uint32_t)values[LIMIT];
	record->duplicate = share16(values[DUP_PROB]);
	record->flags = ORRERY_LINK_UP | (may_reorder(trace) ? ORRERY_LINK_REORDER : 0);
	return import_delay(trace->import, (double)values[LATENCY], where, &record->delay_ns);
}

// Applies the entry and goes to the next one.
static int step(struct trace *trace, uint32_t from, uint32_t to)
{
	int err = apply(trace, from, to);

	trace->t_ns += trace->now.values[KEEP] * 1000;
	trace->route = trace->now.values[ROUTE_ID];
	trace->first = false;
	return err == 0 ? next_entry(trace) : err;
}

// Both traces side by side; a trace that has ended holds its last entry.
static int play(struct trace *traces, size_t n, const uint32_t ends[2])
{
	struct sink *sink = traces[0].import->sink;
	int err = 0;

	while (err == 0) {
		struct trace *trace = NULL;
		size_t at = 0;

		for (size_t i = 0; i < n; i++) {
			if (!traces[i].found || (trace != NULL && traces[i].t_ns >= trace->t_ns))
				continue;
			trace = &traces[i];
			at = i;
		}
		if (trace == NULL || sink_is_over(sink, trace->t_ns))
			break;
		err = sink_epoch(sink, trace->t_ns);
		if (err == 0)
			err = step(trace, ends[at], ends[1 - at]);
	}
	return err;
}

static int add_end(struct import *import, const char *ref, uint32_t *ret_iface)
{
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	uint32_t number;
	int err = iface_ref_parse(ref, node, iface, import->fault);

	if (err == 0)
		err = sink_get_node(import->sink, (struct span){node, strlen(node)}, &number);
	if (err == 0)
		err = sink_get_iface(
		        import->sink, number, (struct span){iface, strlen(iface)}, ret_iface);
	return err;
}

static void say_notes(struct import *import, const struct trace *traces, size_t n)
{
	import_note(import, "direction", "the trace is of the link %s to %s; %s",
	        import->options->from, import->options->to,
	        n > 1 ? "--return is the other one" : "the other one has no delay and no limit");
	import_note(import, "delay", "LATENCY, one way");
	import_note(import, "queue",
	        "LIMIT in packets is our queue, which does not count what is in flight");
	import_note(import, "order", "%s",
	        traces[0].now.extended ? "frames may overtake others on ROUTE_ID 0, and where it "
	                                 "changes in an entry without jitter"
	                               : "jitter and a shrinking delay may reorder frames");
	if (traces[0].dup_delays || traces[n - 1].dup_delays)
		import_note(import, "ignored", "DUP_DELAY: a duplicate follows at once");
	if (traces[0].n_fields == FIELDS_MAX || traces[n - 1].n_fields == FIELDS_MAX)
		import_note(import, "ignored", "QUEUE_ID");
	import_note(import, "end", "the last entry holds (HOLD); LOOP is 'orrery play --loop'");
}

static int run(struct import *import, struct trace *traces, size_t n)
{
	struct ephemeris_info info = {.duration_ns = import->options->duration_ns};
	uint64_t durations[2] = {0, 0};
	uint32_t ends[2];
	struct orrery_record *record;
	int err = open_trace(&traces[0], "", &durations[0]);

	if (err == 0 && n > 1)
		err = open_trace(&traces[1], import->options->back, &durations[1]);
	if (err != 0)
		return err;
	if (info.duration_ns == 0)
		info.duration_ns = durations[0] > durations[1] ? durations[0] : durations[1];
	if (import->options->epoch_ns >= 0)
		info.epoch_ns = import->options->epoch_ns;
	say_notes(import, traces, n);
	err = sink_begin(import->sink, &info);
	if (err == 0)
		err = add_end(import, import->options->from, &ends[0]);
	if (err == 0)
		err = add_end(import, import->options->to, &ends[1]);
	if (err == 0 && ends[0] == ends[1])
		err = fault_set(import->fault, -EINVAL, "to",
		        "--to: expected another interface than --from");
	if (err == 0)
		err = sink_epoch(import->sink, 0);
	if (err == 0)
		err = sink_link(import->sink, ends[1], ends[0], &record);
	return err == 0 ? play(traces, n, ends) : err;
}

int import_theaterq(struct import *import)
{
	struct trace traces[2] = {{.import = import}, {.import = import}};
	int err;

	if (import->options->interpolate)
		return fault_set(import->fault, -EINVAL, "interpolate",
		        "theaterq: entries of a trace hold until the next: no --interpolate");
	err = run(import, traces, import->options->back != NULL ? 2 : 1);
	text_fini(&traces[0].text);
	text_fini(&traces[1].text);
	return err;
}
