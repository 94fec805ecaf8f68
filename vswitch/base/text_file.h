/* SPDX-License-Identifier: BSD-3-Clause */
// Files of text that people write, read whole.
#pragma once

#include "fault.h"

#define TEXT_FILE_MAX (64u << 20) // bytes

// Reads a regular file without zero bytes; never waits for a pipe's writer. `*ret_text` is
// terminated, the caller frees it. 0, or a negative errno with the path and what was expected in
// the fault.
__attribute__((warn_unused_result)) int text_file_read(
        const char *path, char **ret_text, struct fault *fault);
