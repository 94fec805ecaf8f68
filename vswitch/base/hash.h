/* SPDX-License-Identifier: BSD-3-Clause */
// uthash as the switch uses it: with our own hash function, so that sanitizers, warnings and the
// analyzer stay on for the code around it.
#pragma once

#include <stddef.h>

// FNV-1a (Fowler, Noll, Vo), 32 bits.
unsigned hash_bytes(const void *bytes, size_t size);

#define HASH_FUNCTION(bytes, size, ret_hash) ((ret_hash) = hash_bytes(bytes, size))
#include <uthash.h>
