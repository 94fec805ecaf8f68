/* SPDX-License-Identifier: BSD-3-Clause */
// What the runtime says in the environment: CNI_COMMAND and its companions, and the pairs of
// CNI_ARGS. Pure: no system call.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define CNI_IFNAME_MAX 15 // of the kernel: IFNAMSIZ - 1

enum cni_verb {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_STATUS,
	CNI_GC,
	CNI_VERSION,
};

// All strings are borrowed and "" when not set.
struct cni_env {
	const char *command;
	const char *containerid;
	const char *netns;
	const char *ifname;
	const char *args;
	const char *path;
	bool netns_override; // CNI_NETNS may be the plugin's own namespace
};

// Reads the variables with `get` (getenv).
void cni_env_read(struct cni_env *env, char *(*get)(const char *name));
// Checks that the command is known and everything it needs is there and well formed.
// Returns 0 or CNI_E_ENV.
__attribute__((warn_unused_result)) int cni_env_check(
        const struct cni_env *env, enum cni_verb *ret_verb, struct cni_error *err);
const char *cni_verb_name(enum cni_verb verb);

// The value of `key` in CNI_ARGS ("K=V;K=V"), not terminated: its length goes to `ret_len`. NULL if
// absent. Empty values count as absent.
const char *cni_args_find(const char *args, const char *key, size_t key_len, size_t *ret_len);
// Malformed pairs, and keys that nobody reads unless IgnoreUnknown says that they do not matter.
// `is_used` says whether the configuration refers to a key of its own.
__attribute__((warn_unused_result)) int cni_args_check(const char *args,
        bool (*is_used)(const char *key, size_t len, void *arg), void *arg, struct cni_error *err);

// ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$, the rule for container ids and network names.
bool cni_id_is_valid(const char *id);
