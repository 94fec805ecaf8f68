/* SPDX-License-Identifier: BSD-3-Clause */
// JSON files of a source, and values in them.
#pragma once

#include <jansson.h>

#include "source.h"

// 0, or a negative errno with "FILE:LINE: ..." in the fault. `*ret_value`: new reference, an
// object.
__attribute__((warn_unused_result)) int json_text_read(
        const struct source *source, const char *name, json_t **ret_value, struct fault *fault);
// A number, or text that is one: from `min` to `max`. NULL value: `preset`.
__attribute__((warn_unused_result)) int json_text_real(
        const json_t *value, double min, double max, double preset, double *ret);
