/* SPDX-License-Identifier: BSD-3-Clause */
// The shells of a scenario that are files of element sets. Private to the reader.
#pragma once

#include "fault.h"
#include "scenario.h"

// Reads the file of each shell that names one, beside the scenario's file `name`, and fills in what
// follows from it. 0 or a negative errno.
__attribute__((warn_unused_result)) int scenario_tle_load(
        struct scenario *scenario, const char *name, struct fault *fault);
