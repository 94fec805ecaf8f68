/* SPDX-License-Identifier: BSD-3-Clause */
// What each command has at hand: the switch, a place to print to, one way to fail. One thread.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "client.h"
#include "fault.h"

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
	FILE *out; // results
	FILE *err; // what went wrong
	bool json; // --json: results and errors as JSON
	int timeout_ms;
	const char *socket_path; // NULL: the default
	const char *command_words; // "link set": usage errors name it
	const char *where; // "links.txt:7" while the words come from a file, else NULL
	struct client *client; // connected at the first call
};

// The connection, opened at the first call. CLI_OK, or CLI_FAILED after saying why. Borrowed.
enum cli_exit cli_client(struct cli *cli, struct client **ret_client);

// client_call and client_list with their fault reported. `params` is taken.
enum cli_exit cli_call(struct cli *cli, const char *method, json_t *params, json_t **ret_result);
// As cli_call with a descriptor along (-1: none; borrowed).
enum cli_exit cli_call_fd(
        struct cli *cli, const char *method, json_t *params, int fd, json_t **ret_result);
enum cli_exit cli_list(struct cli *cli, const char *method, json_t *params, json_t **ret_items);

// Says what failed on cli->err and returns CLI_FAILED.
enum cli_exit cli_fail(struct cli *cli, const struct fault *fault);
__attribute__((format(printf, 2, 3))) enum cli_exit cli_failf(
        struct cli *cli, const char *fmt, ...);
// Says what was wrong with the command line, points to --help and returns CLI_USAGE. While the
// words come from a file: says where, and returns CLI_FAILED.
__attribute__((format(printf, 2, 3))) enum cli_exit cli_usage(
        struct cli *cli, const char *fmt, ...);

// One JSON value, indented, in the order the switch gave. Borrows.
void cli_print_json(struct cli *cli, const json_t *value);

// Closes the connection.
void cli_fini(struct cli *cli);
