/* SPDX-License-Identifier: BSD-3-Clause */
// What libconfig does not tell of the text that it reads: version 1.5 cuts whole numbers to 32
// bits, or 64 bits with an L behind, without a word. Knows the words of the language, not its
// grammar, which libconfig checks. Files that are included are looked at too.
#pragma once

#include "fault.h"

// 0, or -ERANGE with file, line and key of the first number that would be cut; what is included and
// cannot be, or is more than 1000 files or 64 MiB in all: another negative errno, with the place.
// `name` stands for the text in messages.
__attribute__((warn_unused_result)) int conf_text_check(
        const char *text, const char *name, struct fault *fault);
