/* SPDX-License-Identifier: BSD-3-Clause */
// Longest-prefix match over IPv6: prefix -> 32-bit value. One table, one writer; concurrent readers
// are not allowed while it changes: the control thread keeps two (left-right, control/publish.h)
// and changes the one that no worker reads. The structure behind this header is chosen by
// measurement (docs/performance.md).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FIB6_NONE UINT32_MAX // no route; not a legal value

struct fib6;

struct fib6_prefix {
	uint8_t addr[16]; // network order; bits past `len` are ignored
	uint8_t len; // 0 to 128
};

// Returns NULL when out of memory. `max_prefixes` is a named limit, memory grows with use.
struct fib6 *fib6_create(uint32_t max_prefixes);
void fib6_destroy(struct fib6 *fib);

// Adds or replaces. Returns 0, -ENOSPC at the limit, -ENOMEM, -EINVAL (len, value FIB6_NONE).
__attribute__((warn_unused_result)) int fib6_add(
        struct fib6 *fib, const struct fib6_prefix *prefix, uint32_t value);
// Returns 0 or -ENOENT. Memory of deleted prefixes is reused for ever.
__attribute__((warn_unused_result)) int fib6_del(
        struct fib6 *fib, const struct fib6_prefix *prefix);
uint32_t fib6_count(const struct fib6 *fib);
size_t fib6_memory_bytes(const struct fib6 *fib);

// Worker. Never blocks. FIB6_NONE if no prefix covers `dst`.
uint32_t fib6_lookup(const struct fib6 *fib, const uint8_t dst[16]);
// The same for a burst; `dst[i]` point into packets.
void fib6_lookup_bulk(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n);
