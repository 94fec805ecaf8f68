/* SPDX-License-Identifier: BSD-3-Clause */
// The half of the configuration that only ADD and STATUS read; conf.c alone includes this.
#pragma once

#include "conf.h"

// `conf` has root, name and prev_result. For STATUS the names that need the environment of an
// attachment are left out. Returns 0, CNI_E_CONFIG or CNI_E_ENV.
__attribute__((warn_unused_result)) int cni_conf_parse_attach(struct cni_conf *conf,
        enum cni_verb verb, const struct cni_env *env, struct cni_error *err);

// Text under `key`; NULL if absent or empty. Returns 0 or CNI_E_CONFIG.
__attribute__((warn_unused_result)) int cni_conf_string(
        const json_t *root, const char *key, const char **ret_text, struct cni_error *err);
// A number under `key`; `value` keeps its own if absent. Returns 0 or CNI_E_CONFIG.
__attribute__((warn_unused_result)) int cni_conf_integer(
        const json_t *root, const char *key, int min, int max, int *value, struct cni_error *err);
