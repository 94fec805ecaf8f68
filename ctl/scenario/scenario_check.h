/* SPDX-License-Identifier: BSD-3-Clause */
// What the tables of keys cannot say: rules between keys. Private to the reader.
#pragma once

#include "fault.h"
#include "scenario.h"

// Checks and completes (arc of the pattern, prefixes of the stations). `name` of the file, for
// messages.
__attribute__((warn_unused_result)) int scenario_check(
        struct scenario *scenario, const char *name, struct fault *fault);
