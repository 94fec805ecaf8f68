/* SPDX-License-Identifier: BSD-3-Clause */
// The table of CNI versions.
#include "version.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const versions[] = {
        [CNI_VERSION_0_3_0] = "0.3.0",
        [CNI_VERSION_0_3_1] = "0.3.1",
        [CNI_VERSION_0_4_0] = "0.4.0",
        [CNI_VERSION_1_0_0] = "1.0.0",
        [CNI_VERSION_1_1_0] = "1.1.0",
};

#define N_VERSIONS (sizeof(versions) / sizeof(versions[0]))

const char *cni_version_text(enum cni_version version)
{
	return versions[version];
}

int cni_version_parse(const char *text, enum cni_version *ret_version)
{
	for (size_t i = 0; i < N_VERSIONS; i++) {
		if (strcmp(versions[i], text) == 0) {
			*ret_version = (enum cni_version)i;
			return 0;
		}
	}
	return -EINVAL;
}

json_t *cni_versions_render(void)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < N_VERSIONS; i++)
		json_array_append_new(list, json_string(versions[i]));
	return list;
}
