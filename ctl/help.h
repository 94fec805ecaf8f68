/* SPDX-License-Identifier: BSD-3-Clause */
// Help texts and the man page, from the table of commands.
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "command.h"

void help_all(FILE *out);
// Commands that begin with `word`.
void help_group(FILE *out, const char *word);
void help_command(FILE *out, const struct command *command);
// "add del show list": the second words behind `word`, cut if `size` is too small.
void help_group_words(const char *word, char *buf, size_t size);
// orrery(1) as roff.
void help_man_page(FILE *out);

// "orrery link set FROM [TO] [KEYWORD ...]" into `buf`, cut if `size` is too small.
void help_synopsis(const struct command *command, char *buf, size_t size);
