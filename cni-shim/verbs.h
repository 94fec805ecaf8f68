/* SPDX-License-Identifier: BSD-3-Clause */
// The commands of the CNI, one file each. Each returns 0 or the CNI code that it wrote into `err`.
#pragma once

#include <jansson.h>

#include "conf.h"
#include "env.h"
#include "error.h"
#include "log_file.h"

struct cni_call {
	enum cni_verb verb;
	const struct cni_env *env;
	const char *text; // standard input, for delegates
	size_t len;
	struct cni_conf conf;
	struct cni_log log;
};

// `*ret_result`: a new reference.
__attribute__((warn_unused_result)) int verb_add(
        struct cni_call *call, json_t **ret_result, struct cni_error *err);
__attribute__((warn_unused_result)) int verb_del(struct cni_call *call, struct cni_error *err);
__attribute__((warn_unused_result)) int verb_check(struct cni_call *call, struct cni_error *err);
__attribute__((warn_unused_result)) int verb_status(struct cni_call *call, struct cni_error *err);
__attribute__((warn_unused_result)) int verb_gc(struct cni_call *call, struct cni_error *err);

// The IPAM plugin's part of this or another command; 0 if none is configured.
__attribute__((warn_unused_result)) int call_ipam(const struct cni_call *call, enum cni_verb verb,
        json_t **ret_result, struct cni_error *err);
