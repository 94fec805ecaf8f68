/* SPDX-License-Identifier: BSD-3-Clause */
// Texts laid one behind the other, each once, named by their offset. Private to the ephemeris
// writer.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A zeroed one is empty.
struct string_pool {
	char *data; // [size] each text with its terminating 0
	size_t size;
	size_t capacity;
	uint32_t *slots; // hash of open addressing: offset + 1, 0 is empty
	size_t n_slots; // a power of two
	size_t n_used;
};

void string_pool_fini(struct string_pool *pool);
// The text's offset, added if it is new. 0, -ENOMEM, or -ENOSPC at `size_max` bytes.
__attribute__((warn_unused_result)) int string_pool_add(
        struct string_pool *pool, const char *text, size_t size_max, uint32_t *ret_offset);
