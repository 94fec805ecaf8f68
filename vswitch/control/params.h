/* SPDX-License-Identifier: BSD-3-Clause */
// What a method takes, as a table: checked before the handler runs and printed in docs/api.md. A
// handler meets only fields that the table has, of the type and range it says.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

enum param_type {
	PARAM_STRING, // `max` bytes at most
	PARAM_BOOL,
	PARAM_INT, // min to max
	PARAM_NUMBER, // min to max
	PARAM_CHOICE, // one of `choices`
	PARAM_NODE, // a node's name
	PARAM_IFACE, // an interface's name
	PARAM_REF, // "node/interface"
	PARAM_REF_OR_NULL,
	PARAM_REF_OR_ID, // or the interface's id
	PARAM_REF_ID_OR_NULL,
	PARAM_MAC,
	PARAM_ADDR6,
	PARAM_PREFIX6,
	PARAM_LIST, // of `of`, `max` entries at most
	PARAM_OBJECT, // of `fields`
};

struct param {
	const char *name; // NULL ends a table
	enum param_type type;
	bool required;
	double min, max;
	double step; // PARAM_NUMBER: kept as a multiple; 0: as it is
	const char *choices; // "a|b"
	enum param_type of;
	const struct param *fields;
	const char *fallback; // what holds when it is absent, for the documentation
	const char *summary;
};

// Checks `object` against `table`. `path` comes before field names ("records[3]."), "" at the top.
// Returns 0, or -EINVAL with the field's full name.
__attribute__((warn_unused_result)) int params_check(
        const struct param *table, const json_t *object, const char *path, struct fault *fault);
// "integer", "string (node/interface)", for documentation.
const char *param_type_name(const struct param *param);

// Fields of a checked object: the value, or `fallback` when it is absent or null.
const char *param_string(const json_t *object, const char *name, const char *fallback);
int64_t param_int(const json_t *object, const char *name, int64_t fallback);
double param_number(const json_t *object, const char *name, double fallback);
bool param_bool(const json_t *object, const char *name, bool fallback);
bool param_given(const json_t *object, const char *name);
