/* SPDX-License-Identifier: BSD-3-Clause */
// The table of formats, and a run of one.
#include "import.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ephemeris.h"
#include "sink.h"

const struct import_format import_formats[] = {
        {"celestial", import_celestial, "config.toml"},
        {"containerlab", import_containerlab, "NAME.clab.yml"},
        {"csv", import_csv, "a file with a row of column names"},
        {"hypatia", import_hypatia, "a folder with tles.txt, isls.txt, ground_stations.txt"},
        {"kne", import_kne, "a topology in text protobuf"},
        {"netsatbench", import_netsatbench, "a folder with sat-config.json"},
        {"starrynet", import_starrynet, "a folder with delay/1.txt, delay/2.txt, ..."},
        {"theaterq", import_theaterq, "a trace"},
        {.name = NULL},
};

const struct import_format *import_format_find(const char *name)
{
	for (const struct import_format *format = import_formats; format->name != NULL; format++) {
		if (strcmp(format->name, name) == 0)
			return format;
	}
	return NULL;
}

void import_note(struct import *import, const char *topic, const char *fmt, ...)
{
	struct import_note *note = &import->notes->notes[import->notes->n];
	va_list args;

	assert(import->notes->n < IMPORT_NOTES_MAX);
	import->notes->n++;
	snprintf(note->topic, sizeof(note->topic), "%s", topic);
	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
}

int import_delay(const struct import *import, double delay_ns, const char *where, uint32_t *ret_ns)
{
	double scaled = round(delay_ns * import->options->delay_scale);

	if (!(scaled >= 0 && scaled <= EPHEMERIS_DELAY_MAX_NS))
		return fault_set(import->fault, -ERANGE, "delay",
		        "%s: a delay of %.9g s after scaling; expected at most 4 s", where,
		        scaled * 1e-9);
	*ret_ns = (uint32_t)scaled;
	return 0;
}

uint32_t import_share(double p)
{
	return (uint32_t)fmin(round(p * 4294967296.0), UINT32_MAX);
}

static void note_names(struct import *import, const struct sink_counts *counts)
{
	if (counts->n_renamed > 0)
		import_note(import, "names",
		        "%u are not names of ours: other characters became '-', long ones were "
		        "cut, equal ones numbered; %s",
		        counts->n_renamed, counts->renamed);
}

// What the file that was written has in it.
static int look(const char *path, struct import_result *result, struct fault *fault)
{
	struct ephemeris *e;
	uint8_t *linked;
	int err = ephemeris_open(path, 0, &e, fault);

	if (err != 0)
		return err;
	*result = (struct import_result){
	        .n_nodes = e->n_nodes, .duration_ns = e->header->duration_ns};
	linked = calloc((size_t)e->n_ifaces + 1, 1);
	for (uint64_t i = 0; i < e->n_records && linked != NULL; i++) {
		const struct orrery_record *record = &e->records[i];

		result->n_links += record->to != ORRERY_IFACE_NONE && linked[record->from] == 0;
		linked[record->from] |= record->to != ORRERY_IFACE_NONE;
	}
	for (uint32_t i = 0; i < e->n_epochs; i++) {
		bool counts = i == 0 || (e->epochs[i].flags & EPHEMERIS_KEY) == 0;

		result->n_epochs += counts;
		result->n_changes += counts ? e->epochs[i].n : 0;
	}
	free(linked);
	ephemeris_close(e);
	return 0;
}

int import_run(const struct import_format *format, const struct source *source,
        const struct import_options *options, struct import_notes *notes,
        struct import_result *ret_result, struct fault *fault)
{
	const struct sink_options sink_options = {
	        options->output, options->interpolate, options->go_on, options->arg};
	struct import import = {.options = options,
	        .source = source,
	        .sink = sink_create(&sink_options, fault),
	        .notes = notes,
	        .fault = fault};
	struct sink_counts counts;
	int err;

	if (import.sink == NULL)
		return -ENOMEM;
	if (options->delay_scale != 1)
		import_note(
		        &import, "scale", "all delays are multiplied by %g", options->delay_scale);
	err = format->read(&import);
	if (err == 0)
		err = sink_finish(import.sink);
	sink_counts(import.sink, &counts);
	note_names(&import, &counts);
	sink_destroy(import.sink);
	return err == 0 ? look(options->output, ret_result, fault) : err;
}
