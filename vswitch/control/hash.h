/* SPDX-License-Identifier: BSD-3-Clause */
// uthash as this folder uses it: by FNV, which neither falls through cases nor reads unaligned
// words, so that sanitizers and warnings stay on for the code around it.
#pragma once

#define HASH_FUNCTION HASH_FNV
#include <uthash.h>
