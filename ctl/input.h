/* SPDX-License-Identifier: BSD-3-Clause */
// Files that a command reads whole.
#pragma once

#include <stddef.h>

#include "cli.h"

// "-" is standard input. `*ret_data` (caller frees) is terminated; `ret_len` NULL allowed: then a
// zero byte in the file is an error. CLI_OK, or CLI_FAILED after saying why.
enum cli_exit input_read(struct cli *cli, const char *path, char **ret_data, size_t *ret_len);

// Parses a file's text as JSON; an error names file, line and column. `*ret_value`: new reference.
enum cli_exit input_parse_json(
        struct cli *cli, const char *path, const char *text, json_t **ret_value);
