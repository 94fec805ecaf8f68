/* SPDX-License-Identifier: BSD-3-Clause */
// What most commands are: the table's parameters to a method, its result as JSON or as text.
#pragma once

#include <stdio.h>

#include "command.h"

typedef void (*print_fn)(FILE *out, const json_t *value, const struct invocation *in);

// Calls `method` with all parameters that have a `param`. `*ret_result`: new reference.
enum cli_exit request(
        struct cli *cli, const struct invocation *in, const char *method, json_t **ret_result);

// Prints `value` as JSON with --json, else through `print`. Takes `value`.
enum cli_exit request_show(
        struct cli *cli, const struct invocation *in, json_t *value, print_fn print);

// request, then prints the result's member `key` (NULL: all of it).
enum cli_exit request_print(struct cli *cli, const struct invocation *in, const char *method,
        const char *key, print_fn print);

// The same for a paged list method: all items.
enum cli_exit request_print_list(
        struct cli *cli, const struct invocation *in, const char *method, print_fn print);
