/* SPDX-License-Identifier: BSD-3-Clause */
// orrery verify, in pieces: all links in the switch against the file (verify_links.c), frames
// through chosen paths (verify_paths.c), the command (verify_cmd.c). One thread.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "asked.h"
#include "cli.h"
#include "ephemeris.h"

#define VERIFY_PATHS_MAX 64

struct verify {
	struct cli *cli;
	const struct ephemeris *file;
	const char *name; // of the file
	const char *from, *to; // nodes; NULL: a sample of links
	unsigned n_paths, n_probes;
	double max_error_ns; // of the median of a path's delay
	double confidence;
	const volatile sig_atomic_t *stop;
	json_t *result; // object that grows
	bool failed; // something lies outside what was asked
};

// When the switch's player is where in the file. CLI_FAILED if nothing is loaded.
enum cli_exit verify_clock(struct verify *verify, struct asked_clock *ret_clock);

// All links of the switch; new reference.
enum cli_exit verify_list_links(struct verify *verify, json_t **ret_links);
// Every link of the file against the one in the switch: ends, delay, parameters. Puts "matrix".
enum cli_exit verify_matrix(struct verify *verify);
// Frames that links lost between two lists against the losses asked for. Puts "losses".
enum cli_exit verify_losses(struct verify *verify, const json_t *before, const json_t *after);
// Frames through paths. Puts "base" and "paths".
enum cli_exit verify_paths(struct verify *verify);

void verify_print(FILE *out, const json_t *result);
