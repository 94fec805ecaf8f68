/* SPDX-License-Identifier: BSD-3-Clause */
// A table of text with aligned columns. One owner. Out of memory ends the process.
#pragma once

#include <stdio.h>

struct columns;

// `titles`: one word a column, "NAME KIND >LINKS TO_NODE": '>' aligns to the right, '_' is a space.
struct columns *columns_create(const char *titles);
void columns_destroy(struct columns *columns);

// The next cell, row by row.
__attribute__((format(printf, 2, 3))) void columns_cell(
        struct columns *columns, const char *fmt, ...);
// Prints the titles and all whole rows.
void columns_print(const struct columns *columns, FILE *out);
