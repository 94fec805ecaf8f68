/* SPDX-License-Identifier: BSD-3-Clause */
// One call of the plugin: from environment and standard input to what it prints.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "env.h"

#define CNI_INPUT_MAX (4u << 20) // bytes on standard input

// Returns 0 or the CNI code of the error. `*ret_answer` is what goes to standard output: a new
// reference, or NULL for nothing.
__attribute__((warn_unused_result)) int cni_run(
        const struct cni_env *env, const char *text, size_t len, json_t **ret_answer);
