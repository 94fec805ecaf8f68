/* SPDX-License-Identifier: BSD-3-Clause */
// A link's parameters between JSON (fractions, bit/s) and the record (shares, kbit/s). Thread:
// control.
#pragma once

#include <jansson.h>

#include "record.h"

// From checked parameters: sets what they name and the bits that say so, but neither `from` nor
// `to`. Fields that share a bit and are not named keep the value of `current` (NULL: a new link).
void link_params_read(const json_t *params, const struct orrery_record *current,
        struct orrery_record *ret_record);
// All parameters into `object`.
void link_params_put(json_t *object, const struct orrery_record *record);
