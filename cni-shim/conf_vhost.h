/* SPDX-License-Identifier: BSD-3-Clause */
// The half of the configuration that says how frames reach the container; conf.c alone includes
// this.
#pragma once

#include "conf.h"

// `conf` has root and name. `lenient`: what is wrong counts as not there. Returns 0 or
// CNI_E_CONFIG.
__attribute__((warn_unused_result)) int cni_conf_parse_backend(struct cni_conf *conf,
        enum cni_verb verb, const struct cni_env *env, bool lenient, struct cni_error *err);
