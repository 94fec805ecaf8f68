/* SPDX-License-Identifier: BSD-3-Clause */
// The other candidate for longest-prefix match, kept for comparison (bench_fib6): an exact-match
// hash for each prefix length in use, asked longest first. As fast as a hash when few lengths are
// in use, as slow as all of them when a table has many.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fib6.h"

struct length_hash;

struct length_hash *length_hash_create(uint32_t max_prefixes); // NULL: out of memory
void length_hash_destroy(struct length_hash *hash);
int length_hash_add(struct length_hash *hash, const struct fib6_prefix *prefix, uint32_t value);
int length_hash_del(struct length_hash *hash, const struct fib6_prefix *prefix);
size_t length_hash_memory_bytes(const struct length_hash *hash);
void length_hash_lookup_bulk(const struct length_hash *hash, const uint8_t *const dst[],
        uint32_t *ret_values, unsigned n);
