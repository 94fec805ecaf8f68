/* SPDX-License-Identifier: BSD-3-Clause */
// The hash of names and keys.
#include "hash.h"

#include <stdint.h>

unsigned hash_bytes(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}
