/* SPDX-License-Identifier: BSD-3-Clause */
// Importers: files of other projects to an ephemeris. A format is one file with one function, which
// reads its source (source.h), says what it assumed, and fills a sink (sink.h) from time 0 on.
// docs/import.md has the formats. No socket. Thread: the caller's own objects.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "source.h"

#define IMPORT_SCALE_MIN 1e-3
#define IMPORT_SCALE_MAX 1e3
#define IMPORT_STATIC_NS 3600000000000ull // how long a file without times lasts

struct import_options {
	const char *output;
	const char *config; // StarryNet: config.json; NULL: in the folder
	const char *back; // TheaterQ: trace of the other direction; NULL: none
	const char *from, *to; // TheaterQ: NODE/INTERFACE; NULL: the defaults
	double delay_scale; // all delays of the source are multiplied by it
	uint64_t duration_ns; // 0: that of the source
	int64_t epoch_ns; // UTC of time 0; -1: that of the source
	bool interpolate; // delays move in straight lines from one sample to the next
	// May be NULL. Called now and then; not 0 (a negative errno) ends the work.
	int (*go_on)(void *arg);
	void *arg;
};

// What an importer took for granted, left out, or renamed: a topic and a sentence.
struct import_note {
	char topic[16];
	char text[240];
};

#define IMPORT_NOTES_MAX 32

struct import_notes {
	struct import_note notes[IMPORT_NOTES_MAX];
	size_t n;
};

struct sink;

// What a format's function is given.
struct import {
	const struct import_options *options;
	const struct source *source;
	struct sink *sink;
	struct import_notes *notes;
	struct fault *fault;
};

struct import_format {
	const char *name;
	int (*read)(struct import *import);
	const char *what; // "a folder with ..."
};

// Ends with a row without name.
extern const struct import_format import_formats[];

// NULL: there is none of that name.
const struct import_format *import_format_find(const char *name);

struct import_result {
	uint32_t n_nodes, n_links; // links that ever were
	uint64_t n_epochs, n_changes;
	uint64_t duration_ns;
};

// Reads `source` and writes options->output; after a failure nothing is written. 0, or a negative
// errno with "FILE:LINE: ..." in the fault. `notes` are filled as far as it came.
__attribute__((warn_unused_result)) int import_run(const struct import_format *format,
        const struct source *source, const struct import_options *options,
        struct import_notes *notes, struct import_result *ret_result, struct fault *fault);

// For importers. More notes than there is room for are an error of ours.
__attribute__((format(printf, 3, 4))) void import_note(
        struct import *import, const char *topic, const char *fmt, ...);
// A source's delay in ns, scaled. 0, or -ERANGE with the number in the fault, after `where`.
__attribute__((warn_unused_result)) int import_delay(
        const struct import *import, double delay_ns, const char *where, uint32_t *ret_ns);
// The share of 2^32 that a link record has.
uint32_t import_share(double p);

int import_celestial(struct import *import);
int import_containerlab(struct import *import);
int import_csv(struct import *import);
int import_hypatia(struct import *import);
int import_kne(struct import *import);
int import_netsatbench(struct import *import);
int import_starrynet(struct import *import);
int import_theaterq(struct import *import);
