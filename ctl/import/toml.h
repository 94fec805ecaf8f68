/* SPDX-License-Identifier: BSD-3-Clause */
// The part of TOML that configurations of emulators use: tables, lists of tables, and keys with
// text on one line, numbers, booleans and lists of these. Dotted keys, dates, text over several
// lines and tables in braces are refused.
#pragma once

#include <jansson.h>

#include "source.h"

#define TOML_LINE "" // key of a table's line in the file: no key of TOML's is empty

// 0 (new reference, an object), or a negative errno with "FILE:LINE: ..." in the fault.
__attribute__((warn_unused_result)) int toml_read(
        const struct text *text, json_t **ret_value, struct fault *fault);
