/* SPDX-License-Identifier: BSD-3-Clause */
// Runs the IPAM plugin: the same standard input and environment, the command in CNI_COMMAND.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "env.h"
#include "error.h"

// What a delegate answers may be so long, and take so long.
#define DELEGATE_OUTPUT_MAX (1u << 20)
#define DELEGATE_TIMEOUT_MS 60000

// Looks for `type` in the folders of CNI_PATH and runs it to its end. `*ret_result` is what it
// printed (a new reference, NULL if nothing); `ret_result` NULL: not wanted. Returns 0; CNI_E_IPAM
// if it was not found or broke the protocol; else the code that the plugin gave, with its message.
__attribute__((warn_unused_result)) int delegate_run(const char *type, enum cni_verb verb,
        const char *cni_path, const char *text, size_t len, json_t **ret_result,
        struct cni_error *err);
