/* SPDX-License-Identifier: BSD-3-Clause */
// The inside of the FIB, for fib6.c (changes), fib6_lookup.c and fib6_cache.c only: a trie of 6-bit
// strides with two bitmaps a node, in the manner of the tree bitmap (Eatherton, Varghese, Dittia,
// ACM CCR 34(2), 2004), with paths compressed: a node stands only where a prefix ends or paths
// part, and holds the bits that lead to it. A node is one cache line, its children lie side by side
// in a block of lines.
#pragma once

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fib6.h"
#include "line_arena.h"

// The two halves of an address have the same eleven levels, at bits 0, 6, ..., 54 and 60; the last
// has four bits, so that a /64 and a /128 end in the node at bit 60 of their half.
#define FIB6_HALF_LEVELS 11
#define FIB6_N_LEVELS (2 * FIB6_HALF_LEVELS)
#define FIB6_STRIDE 6
#define FIB6_INLINE_VALUES 6
#define FIB6_BULK_MAX 64 // destinations that go down together

struct fib6_key {
	uint64_t half[2]; // host order, upper half first
};

struct fib6_node {
	struct fib6_key key; // the bits before the node's level, the rest 0
	uint64_t prefixes; // bit (1 << r) - 1 + v: the prefix of r more bits with value v ends here
	uint64_t children; // bit c: a child under the 6 bits c
	uint32_t child_block; // the children, in order of c
	uint8_t level;
	uint8_t half; // of the address that the level lies in
	uint8_t shift; // and the bits of that half before it
	uint8_t n_values;
	uint32_t values[FIB6_INLINE_VALUES]; // in order of `prefixes`; more of them: values[0] is
	                                     // their block
};

static_assert(sizeof(struct fib6_node) == LINE_SIZE, "a node is one cache line");

struct fib6 {
	struct fib6_node root; // level 0, always there
	struct line_arena arena;
	uint32_t max_prefixes;
	uint32_t n_prefixes;
	uint64_t n_changes; // ever; see fib6_cache.h
	bool bmi2; // the processor has it
};

#define FIB6_MASK(n) ((n) == 0 ? 0 : ~0ull << (64 - (n)) % 64)
#define HALF_MASKS(X) X(0), X(6), X(12), X(18), X(24), X(30), X(36), X(42), X(48), X(54), X(60)
// clang-format off
#define UPPER(n) {{FIB6_MASK(n), 0}}
#define LOWER(n) {{~0ull, FIB6_MASK(n)}}
// clang-format on

// By level: the bits before it.
static const struct fib6_key fib6_level_masks[FIB6_N_LEVELS] = {
        HALF_MASKS(UPPER), HALF_MASKS(LOWER)};

static inline struct fib6_key fib6_load_key(const uint8_t addr[16])
{
	struct fib6_key key;

	memcpy(&key.half[0], addr, 8);
	memcpy(&key.half[1], addr + 8, 8);
	key.half[0] = be64toh(key.half[0]);
	key.half[1] = be64toh(key.half[1]);
	return key;
}

static inline bool fib6_node_matches(const struct fib6_node *node, struct fib6_key key)
{
	const struct fib6_key *mask = &fib6_level_masks[node->level];

	return (((key.half[0] ^ node->key.half[0]) & mask->half[0]) |
	               ((key.half[1] ^ node->key.half[1]) & mask->half[1])) == 0;
}

// The 6 bits at a node; at the last level of a half, 4 bits and two zeros.
static inline unsigned fib6_node_chunk(const struct fib6_key *key, const struct fib6_node *node)
{
	return (unsigned)(key->half[node->half] << node->shift >> (64 - FIB6_STRIDE));
}

static inline unsigned fib6_rank(uint64_t bits, unsigned bit)
{
	return (unsigned)__builtin_popcountll(bits & ((1ull << bit) - 1));
}

static inline struct fib6_node *fib6_node_children(
        const struct fib6 *fib, const struct fib6_node *node)
{
	return line_arena_at(&fib->arena, node->child_block);
}

static inline const uint32_t *fib6_node_values(const struct fib6 *fib, const struct fib6_node *node)
{
	return node->n_values <= FIB6_INLINE_VALUES ? node->values
	                                            : line_arena_at(&fib->arena, node->values[0]);
}

// fib6_lookup.c: whether lookups may use the bit instructions of x86-64-v3.
bool fib6_has_bmi2(void);

// fib6_lookup.c: as fib6_lookup_bulk, of FIB6_BULK_MAX at most. Returns bit i: the lower half of
// dst[i] may have had a say.
uint64_t fib6_lookup_halves(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n);
