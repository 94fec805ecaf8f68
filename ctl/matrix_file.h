/* SPDX-License-Identifier: BSD-3-Clause */
// A file of link changes as parameters of matrix.commit.
#pragma once

#include "command.h"

// A JSON list (or an object with `records`), or lines of 'link set'. `*ret_params`: new reference.
// CLI_OK, or CLI_FAILED after saying which line was wrong.
enum cli_exit matrix_file_read(struct cli *cli, const char *path, json_t **ret_params);

// Binary link records, put into a sealed memfd. `*ret_fd` is the caller's.
enum cli_exit matrix_file_read_records(
        struct cli *cli, const char *path, json_t **ret_params, int *ret_fd);
