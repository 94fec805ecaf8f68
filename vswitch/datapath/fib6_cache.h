/* SPDX-License-Identifier: BSD-3-Clause */
// What a worker's lookups found, by the upper 64 bits of the destination: 20,000 results in 256
// KiB. A result is kept only if the lower half had no say in it (no prefix longer than /64 lies
// there), and until the FIB changes. Traffic to more networks than fit is looked up past the cache.
// Thread: one worker, but for create and destroy. Knows a FIB by its address and its count of
// changes: destroy the cache before a FIB that another may take the place of.
#pragma once

#include <stdint.h>

struct fib6;
struct fib6_cache;

// Returns NULL when out of memory.
struct fib6_cache *fib6_cache_create(void);
void fib6_cache_destroy(struct fib6_cache *cache);

// As fib6_lookup_bulk().
void fib6_cache_lookup(struct fib6_cache *cache, const struct fib6 *fib, const uint8_t *const dst[],
        uint32_t *ret_values, unsigned n);
