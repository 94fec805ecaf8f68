/* SPDX-License-Identifier: BSD-3-Clause */
// Candidates for the word at the end of a line, from the table of commands and from the switch.
#pragma once

#include <stdio.h>

#include "command.h"

// `line`: what stands before the cursor, from the program's name on. Prints one candidate a line,
// or COMPLETION_FILES where a file's name is wanted.
#define COMPLETION_FILES "//files"
void completion_print(struct cli *cli, const char *line, FILE *out);
