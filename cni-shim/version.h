/* SPDX-License-Identifier: BSD-3-Clause */
// Versions of the CNI specification, oldest first, and what differs between them.
#pragma once

#include <jansson.h>

enum cni_version {
	CNI_VERSION_0_3_0,
	CNI_VERSION_0_3_1,
	CNI_VERSION_0_4_0, // adds CHECK
	CNI_VERSION_1_0_0, // ips lose `version`
	CNI_VERSION_1_1_0, // adds STATUS and GC, `mtu` of interfaces
};

#define CNI_VERSION_NEWEST CNI_VERSION_1_1_0
// What a configuration without cniVersion speaks; not one of ours.
#define CNI_VERSION_UNNAMED "0.1.0"

const char *cni_version_text(enum cni_version version);
// Returns 0, or -EINVAL for a version that we do not speak.
__attribute__((warn_unused_result)) int cni_version_parse(
        const char *text, enum cni_version *ret_version);
// All of them: an array of strings, a new reference; NULL when out of memory.
json_t *cni_versions_render(void);
