/* SPDX-License-Identifier: BSD-3-Clause */
// The methods of the control API: one table row each, from which dispatch, validation, api.methods
// and docs/api.md are made. Thread: control.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "fault.h"
#include "jsonrpc.h"
#include "params.h"

struct control;

enum access { ACCESS_READ, ACCESS_WRITE };

// A field of a method's result, for documentation.
struct result_field {
	const char *name; // NULL ends a table
	const char *type;
	const char *summary;
};

struct request {
	struct control *control;
	const json_t *params; // borrowed; checked against the method's table, never NULL
	const int *fds; // borrowed: a handler duplicates what it keeps
	size_t n_fds;
};

struct method {
	const char *name;
	enum access access;
	const char *summary;
	const struct param *params;
	const struct result_field *result;
	// Returns 0 with a new reference in `*ret_result`, or -errno with a fault.
	int (*handler)(const struct request *request, json_t **ret_result, struct fault *fault);
};

extern const struct method methods[]; // ends with a NULL name

const struct method *method_find(const char *name);

// Checks and runs one method; for the socket and for what the configuration makes at start.
// Returns 0 with a new reference, or -errno with a fault.
__attribute__((warn_unused_result)) int method_call(const struct method *method,
        const struct request *request, json_t **ret_result, struct fault *fault);

// One message to its answer. Returns a new string without newline (free()), NULL when none is due
// (a notification). Never fails: errors are answers.
char *methods_answer(struct control *control, const char *line, size_t len, const int *fds,
        size_t n_fds, bool may_write);
// An error answer on its own: `id` borrowed, NULL is null. Caller frees.
char *methods_error_answer(const json_t *id, int code, const struct fault *fault);

// docs/api.md, and the same as JSON (a new reference).
void methods_print_markdown(FILE *out);
json_t *methods_describe(void);
