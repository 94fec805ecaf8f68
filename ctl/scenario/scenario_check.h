/* SPDX-License-Identifier: BSD-3-Clause */
// What the tables of keys cannot say: rules between keys. Private to the reader.
#pragma once

#include "fault.h"
#include "scenario.h"

// Checks and completes (arc of the pattern, prefixes of the stations). When something is wrong, the
// fault has the key and a sentence without the file's name; `ret_index`: of the element, if the key
// is one of a list.
__attribute__((warn_unused_result)) int scenario_check(
        struct scenario *scenario, size_t *ret_index, struct fault *fault);
