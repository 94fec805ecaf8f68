/* SPDX-License-Identifier: BSD-3-Clause */
// What differs between two ephemeris files: tables by names, links by names at all times. Numbers
// of rows, order and keys do not count.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ephemeris.h"

#define DIFF_TEXT_SIZE 400

struct diff_report {
	void *arg;
	// A sentence on header or tables.
	void (*table)(void *arg, const char *text);
	// One link at one time; `iface` "sat-3-17/isl0".
	void (*link)(void *arg, uint64_t t_ns, const char *iface, const char *text);
};

struct diff_result {
	uint64_t n_tables; // sentences
	uint64_t n_links; // links and times that differ
	uint64_t n_times;
	uint64_t first_ns, last_ns; // of them
	double delay_max_ns; // largest difference of a delay while both are up and lead to the same
};

// Delays that differ by no more than `tolerance_ns` are the same. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int diff_run(const struct ephemeris *a,
        const struct ephemeris *b, double tolerance_ns, const struct diff_report *report,
        struct diff_result *ret_result);

// Its two halves.
__attribute__((warn_unused_result)) int diff_tables(const struct ephemeris *a,
        const struct ephemeris *b, const struct diff_report *report, struct diff_result *result);
__attribute__((warn_unused_result)) int diff_links(const struct ephemeris *a,
        const struct ephemeris *b, double tolerance_ns, const struct diff_report *report,
        struct diff_result *result);

// Rows of a table sorted, merged with those of the other file.
enum diff_table { DIFF_NODES, DIFF_IFACES, DIFF_ROUTES };

struct diff_row { // a row that is in one file or in both
	uint32_t a, b; // row numbers; DIFF_NONE: not there
};

#define DIFF_NONE UINT32_MAX

struct diff_rows {
	struct diff_row *items;
	uint32_t n;
};

// The caller frees items. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int diff_merge(enum diff_table table, const struct ephemeris *a,
        const struct ephemeris *b, struct diff_rows *ret_rows);
