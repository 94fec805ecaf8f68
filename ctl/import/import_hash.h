/* SPDX-License-Identifier: BSD-3-Clause */
// uthash with a hash function of ours, which sanitizers have nothing against.
#pragma once

#include <stddef.h>

// FNV-1a (Fowler, Noll, Vo), 32 bits.
unsigned import_hash(const void *bytes, size_t size);

#define HASH_FUNCTION(bytes, size, ret_hash) ((ret_hash) = import_hash(bytes, size))
#include <uthash.h>
