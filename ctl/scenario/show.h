/* SPDX-License-Identifier: BSD-3-Clause */
// `orrery scenario show`: the sky of one moment as tables or JSON.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "sim.h"

// Of the moment that sim_at() computed, with step 0.
void show_print(FILE *out, const struct sim *sim);
json_t *show_json(const struct sim *sim); // new reference
