/* SPDX-License-Identifier: BSD-3-Clause */
// Names of nodes and interfaces made of variables: "%{K8S_POD_NAME}", "%{CONTAINERID:12}". Pure.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "env.h"
#include "error.h"

struct template_vars {
	const struct cni_env *env;
	const char *network;
	const json_t *args; // args.cni of the configuration, NULL if none
};

// Expands %{NAME} and %{NAME:N} (its first N characters) of `text`. Variables: CONTAINERID, IFNAME,
// NETWORK, args.KEY (text in args.cni) and each key of CNI_ARGS. `field` is the key that holds the
// template, for messages. Returns 0 or CNI_E_CONFIG.
__attribute__((warn_unused_result)) int template_expand(const char *field, const char *text,
        const struct template_vars *vars, char *buf, size_t size, struct cni_error *err);
