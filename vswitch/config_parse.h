/* SPDX-License-Identifier: BSD-3-Clause */
// What the two halves of the configuration reader share: settings in config.c, lists of static
// objects in config_objects.c.
#pragma once

#include <libconfig.h>

#include "config.h"

struct config_source {
	const char *name; // of the file, for messages
	struct config *config;
	struct fault *fault;
};

// -EINVAL with "FILE:LINE: KEY: sentence"; the key is the setting's path, `sub` appended if not
// NULL.
__attribute__((format(printf, 4, 5))) int config_refuse(struct config_source *source,
        const config_setting_t *setting, const char *sub, const char *fmt, ...);
// "string", "integer", for messages.
const char *config_type_name(const config_setting_t *setting);
// An integer or a whole string; -EINVAL if it is neither.
__attribute__((warn_unused_result)) int config_get_integer(
        const config_setting_t *setting, long long *ret_value);

// The list under `setting`, named `nodes`, `links`, `routes` or `ports`: adds the calls that make
// them.
__attribute__((warn_unused_result)) int config_read_objects(
        struct config_source *source, config_setting_t *setting);
bool config_is_objects(const char *name);

// After all lists are read and defaults set: whether all that they name will be there.
__attribute__((warn_unused_result)) int config_check_refs(
        struct config_source *source, const config_setting_t *root);
