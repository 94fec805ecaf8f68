/* SPDX-License-Identifier: BSD-3-Clause */
// uthash with a hash function of ours, which sanitizers have nothing against.
#pragma once

#include <stddef.h>
#include <stdint.h>

// FNV-1a (Fowler, Noll, Vo), 32 bits.
static inline unsigned import_hash(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	unsigned hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}

#define HASH_FUNCTION(bytes, size, ret_hash) ((ret_hash) = import_hash(bytes, size))
#include <uthash.h>
