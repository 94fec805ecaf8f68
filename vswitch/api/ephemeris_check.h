/* SPDX-License-Identifier: BSD-3-Clause */
// The checks of a file that is being opened. Private to the reader.
#pragma once

#include "ephemeris.h"

// Fills `e` (map and map_size are set) from its map, if everything in it holds. 0, -EBADMSG or
// -ENOMEM; `name` is the file's, for messages.
__attribute__((warn_unused_result)) int ephemeris_check(
        struct ephemeris *e, const char *name, struct fault *fault);
