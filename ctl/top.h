/* SPDX-License-Identifier: BSD-3-Clause */
// orrery top: what is asked for, and one page of it as lines. The screen is top_screen.c.
#pragma once

#include <stddef.h>

#include "command.h"

#define TOP_LINE_SIZE 512
#define TOP_HEAD_LINES 3 // totals, an empty line, the titles

struct top_query {
	const char *what; // links, ports, nodes
	const char *by; // traffic, drops
	size_t limit; // rows
};

// One sample. `*ret_page`: new reference. CLI_OK, or another after saying what failed.
enum cli_exit top_fetch(struct cli *cli, const struct top_query *query, json_t **ret_page);

// Line `i` of the page in at most `width` columns; false behind the last.
bool top_line(const json_t *page, const struct top_query *query, size_t i, int width,
        char buf[TOP_LINE_SIZE]);

// Shows pages on the terminal until the user quits.
enum cli_exit top_screen_run(struct cli *cli, struct top_query *query);
