/* SPDX-License-Identifier: BSD-3-Clause */
// Two-line element sets, with or without a line for the name before them. Strict: columns,
// checksums and ranges are checked, and nothing of a file is used when one line of it is wrong.
// Empty lines and lines that start with '#' are left out.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "sgp4.h"

#define TLE_NAME_SIZE 25
#define TLE_COUNT_MAX 100000
#define TLE_FILE_MAX (32 * 1024 * 1024) // bytes

struct tle {
	char name[TLE_NAME_SIZE]; // empty: two lines only
	uint32_t catalog; // number; with a letter in front (Alpha-5) 100000 to 339999
	uint32_t line; // of the file, where line 1 is
	struct sgp4_elements elements;
};

// Reads all element sets of a text that is called `name` in messages. 0, or a negative errno with
// "NAME:LINE: ..." in the fault. The caller frees `*ret_tles`.
__attribute__((warn_unused_result)) int tle_read_text(const char *text, const char *name,
        struct tle **ret_tles, size_t *ret_n_tles, struct fault *fault);
__attribute__((warn_unused_result)) int tle_read_file(
        const char *path, struct tle **ret_tles, size_t *ret_n_tles, struct fault *fault);
