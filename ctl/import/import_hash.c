/* SPDX-License-Identifier: BSD-3-Clause */
// The hash function.
#include <stdint.h>

#include "import_hash.h"

unsigned import_hash(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	unsigned hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return hash;
}
