/* SPDX-License-Identifier: BSD-3-Clause */
// Longest-prefix match over IPv6: a trie of 6-bit strides with two bitmaps a node, in the manner of
// the tree bitmap (Eatherton, Varghese, Dittia, ACM CCR 34(2), 2004), with paths compressed: a node
// stands only where a prefix ends or paths part, and holds the bits that lead to it. A node is one
// cache line. Knows nothing of what the values mean. Chosen by measurement: docs/performance.md.
#include "fib6.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "line_arena.h"

// The two halves of an address have the same eleven levels, at bits 0, 6, ..., 54 and 60; the last
// has four bits, so that a /64 and a /128 end in the node at bit 60 of their half.
#define HALF_LEVELS 11
#define N_LEVELS (2 * HALF_LEVELS)
#define STRIDE 6
#define INLINE_VALUES 6
#define BULK_MAX 64
#define LINES_PER_PREFIX 24 // address space, not memory: room for the worst mix of block sizes

struct key {
	uint64_t half[2]; // host order, upper half first
};

struct node {
	struct key key; // the bits before the node's level, the rest 0
	uint64_t prefixes; // bit (1 << r) - 1 + v: the prefix of r more bits with value v ends here
	uint64_t children; // bit c: a child under the 6 bits c
	uint32_t child_block; // the children, in order of c
	uint8_t level;
	uint8_t half; // of the address that the level lies in
	uint8_t shift; // and the bits of that half before it
	uint8_t n_values;
	uint32_t values[INLINE_VALUES]; // in order of `prefixes`; more of them: values[0] is their
	                                // block
};

static_assert(sizeof(struct node) == LINE_SIZE, "a node is one cache line");

struct fib6 {
	struct node root; // level 0, always there
	struct line_arena arena;
	uint32_t max_prefixes;
	uint32_t n_prefixes;
	bool bmi2; // the processor has it
};

// Where a prefix ends: its node's level and its bit there.
struct place {
	struct key key;
	unsigned level;
	unsigned bit;
	unsigned n_bits; // of the prefix
};

static const uint32_t no_route = FIB6_NONE;

#define ANCESTORS(c)                                                       \
	(1ull << 0 | 1ull << (1 + ((c) >> 5)) | 1ull << (3 + ((c) >> 4)) | \
	        1ull << (7 + ((c) >> 3)) | 1ull << (15 + ((c) >> 2)) | 1ull << (31 + ((c) >> 1)))
#define ANCESTORS_8(c)                                                            \
	ANCESTORS(c), ANCESTORS((c) + 1), ANCESTORS((c) + 2), ANCESTORS((c) + 3), \
	        ANCESTORS((c) + 4), ANCESTORS((c) + 5), ANCESTORS((c) + 6), ANCESTORS((c) + 7)

// By the 6 bits at a node: the bits of `prefixes` that cover them.
static const uint64_t ancestors[64] = {ANCESTORS_8(0), ANCESTORS_8(8), ANCESTORS_8(16),
        ANCESTORS_8(24), ANCESTORS_8(32), ANCESTORS_8(40), ANCESTORS_8(48), ANCESTORS_8(56)};

#define MASK(n) ((n) == 0 ? 0 : ~0ull << (64 - (n)) % 64)
#define HALF_MASKS(X) X(0), X(6), X(12), X(18), X(24), X(30), X(36), X(42), X(48), X(54), X(60)
// clang-format off
#define UPPER(n) {{MASK(n), 0}}
#define LOWER(n) {{~0ull, MASK(n)}}
// clang-format on

// By level: the bits before it.
static const struct key level_masks[N_LEVELS] = {HALF_MASKS(UPPER), HALF_MASKS(LOWER)};

static struct key load_key(const uint8_t addr[16])
{
	struct key key;

	memcpy(&key.half[0], addr, 8);
	memcpy(&key.half[1], addr + 8, 8);
	key.half[0] = be64toh(key.half[0]);
	key.half[1] = be64toh(key.half[1]);
	return key;
}

static inline bool matches(const struct node *node, struct key key)
{
	const struct key *mask = &level_masks[node->level];

	return (((key.half[0] ^ node->key.half[0]) & mask->half[0]) |
	               ((key.half[1] ^ node->key.half[1]) & mask->half[1])) == 0;
}

// The 6 bits at a node; at the last level of a half, 4 bits and two zeros.
static inline unsigned chunk_at(const struct key *key, const struct node *node)
{
	return (unsigned)(key->half[node->half] << node->shift >> (64 - STRIDE));
}

static inline unsigned rank(uint64_t bits, unsigned bit)
{
	return (unsigned)__builtin_popcountll(bits & ((1ull << bit) - 1));
}

static inline struct node *children_of(const struct fib6 *fib, const struct node *node)
{
	return line_arena_at(&fib->arena, node->child_block);
}

static inline const uint32_t *values_of(const struct fib6 *fib, const struct node *node)
{
	return node->n_values <= INLINE_VALUES ? node->values
	                                       : line_arena_at(&fib->arena, node->values[0]);
}

// The value of the longest of a node's prefixes in `covering`, which is not empty.
static inline const uint32_t *value_at(
        const struct fib6 *fib, const struct node *node, uint64_t covering)
{
	return values_of(fib, node) +
	       rank(node->prefixes, 63 - (unsigned)__builtin_clzll(covering));
}

// ---- lookup

uint32_t fib6_lookup(const struct fib6 *fib, const uint8_t dst[16])
{
	const struct node *node = &fib->root;
	struct key key = load_key(dst);
	uint32_t value = FIB6_NONE;

	while (matches(node, key)) {
		unsigned chunk = chunk_at(&key, node);
		uint64_t covering = node->prefixes & ancestors[chunk];

		if (covering != 0)
			value = *value_at(fib, node, covering);
		if (!(node->children >> chunk & 1))
			break;
		node = children_of(fib, node) + rank(node->children, chunk);
	}
	return value;
}

// One destination on its way down.
struct walk {
	struct key key;
	const struct node *at;
	uintptr_t best; // the last node with a covering prefix, 0: none yet
};

// All destinations go down together, a level a round, so that their cache misses overlap. No branch
// depends on a destination: those that are done drop out of `live` by arithmetic. What is kept on
// the way is the last node with a covering prefix; which one, and its value, is found at the end.
//
// Unchecked, the bits that paths skip are not compared on the way. If they match at the last node
// with a covering prefix they did everywhere above, and below it nothing covers: it is right.
static inline __attribute__((always_inline)) void go_down(
        const struct fib6 *fib, struct walk **live, unsigned n_live, bool checked)
{
	while (n_live > 0) {
		unsigned n_next = 0;

		for (unsigned k = 0; k < n_live; k++) {
			struct walk *walk = live[k];
			const struct node *node = walk->at;
			uint64_t ok = !checked || matches(node, walk->key) ? ~0ull : 0;
			unsigned chunk = chunk_at(&walk->key, node);
			uint64_t covering = node->prefixes & ancestors[chunk] & ok;
			uintptr_t none = covering != 0 ? 0 : ~(uintptr_t)0;

			walk->best = (walk->best & none) | ((uintptr_t)node & ~none);
			walk->at = children_of(fib, node) + rank(node->children, chunk);
			__builtin_prefetch(walk->at);
			live[n_next] = walk;
			n_next += (node->children & ok) >> chunk & 1;
		}
		n_live = n_next;
	}
}

static inline __attribute__((always_inline)) void lookup_chunk(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	const uint32_t *values[BULK_MAX];
	struct walk walks[BULK_MAX];
	struct walk *live[BULK_MAX];
	unsigned n_live = 0;

	for (unsigned i = 0; i < n; i++) {
		walks[i] = (struct walk){.key = load_key(dst[i]), .at = &fib->root};
		live[i] = &walks[i];
	}
	go_down(fib, live, n, false /* checked */);
	for (unsigned i = 0; i < n; i++) {
		const struct node *node = (const struct node *)walks[i].best;

		if (node == NULL || matches(node, walks[i].key))
			continue;
		walks[i].at = &fib->root;
		walks[i].best = 0;
		live[n_live++] = &walks[i];
	}
	go_down(fib, live, n_live, true /* checked */);
	for (unsigned i = 0; i < n; i++) {
		const struct node *node = (const struct node *)walks[i].best;

		values[i] = &no_route;
		if (node != NULL)
			values[i] = value_at(fib, node,
			        node->prefixes & ancestors[chunk_at(&walks[i].key, node)]);
		__builtin_prefetch(values[i]);
	}
	for (unsigned i = 0; i < n; i++)
		ret_values[i] = *values[i];
}

static inline __attribute__((always_inline)) void lookup_bulk(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	for (unsigned done = 0; done < n; done += BULK_MAX)
		lookup_chunk(fib, dst + done, ret_values + done,
		        n - done < BULK_MAX ? n - done : BULK_MAX);
}

// The same with the bit instructions of x86-64-v3.
#if defined(__x86_64__) && !defined(__BMI2__)
__attribute__((target("bmi,bmi2,popcnt"))) static void lookup_bulk_bmi2(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	lookup_bulk(fib, dst, ret_values, n);
}

static bool has_bmi2(void)
{
	return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#else
#define lookup_bulk_bmi2 lookup_bulk

static bool has_bmi2(void)
{
	return false;
}
#endif

void fib6_lookup_bulk(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	if (fib->bmi2)
		lookup_bulk_bmi2(fib, dst, ret_values, n);
	else
		lookup_bulk(fib, dst, ret_values, n);
}

// ---- arrays in blocks

static unsigned lines_for(unsigned n, size_t size)
{
	return (unsigned)((n * size + LINE_SIZE - 1) / LINE_SIZE);
}

// Opens a gap at `at` in an array of `n` elements. On -ENOMEM nothing has changed.
static int array_open(
        struct line_arena *arena, uint32_t *block, size_t size, unsigned n, unsigned at)
{
	unsigned lines = lines_for(n + 1, size);
	uint32_t to = *block;
	unsigned char *dst;
	unsigned char *src;

	if (n == 0 || line_arena_capacity(arena, *block) < lines)
		to = line_arena_alloc(arena, lines);
	if (to == LINE_NONE)
		return -ENOMEM;
	dst = line_arena_at(arena, to);
	if (n > 0) {
		src = line_arena_at(arena, *block);
		memmove(dst + (at + 1) * size, src + at * size, (n - at) * size);
		if (to != *block) {
			memcpy(dst, src, at * size);
			line_arena_free(arena, *block);
		}
	}
	*block = to;
	return 0;
}

// Takes element `at` out of an array of `n`. Never fails: without memory the block stays too large.
static void array_close(
        struct line_arena *arena, uint32_t *block, size_t size, unsigned n, unsigned at)
{
	unsigned lines = n > 1 ? lines_for(n - 1, size) : 0;
	unsigned char *src = line_arena_at(arena, *block);
	uint32_t to;

	if (lines == 0) {
		line_arena_free(arena, *block);
		return;
	}
	memmove(src + at * size, src + (at + 1) * size, (n - 1 - at) * size);
	if (line_arena_class_capacity(lines) == line_arena_capacity(arena, *block))
		return;
	to = line_arena_alloc(arena, lines);
	if (to == LINE_NONE)
		return;
	memcpy(line_arena_at(arena, to), src, (n - 1) * size);
	line_arena_free(arena, *block);
	*block = to;
}

// ---- nodes

static unsigned level_bit(unsigned level)
{
	return level >= HALF_LEVELS ? 64 + (level - HALF_LEVELS) * STRIDE : level * STRIDE;
}

// The level whose stride holds bit `n` of an address.
static unsigned level_of_bit(unsigned n)
{
	return n < 64 ? n / STRIDE : HALF_LEVELS + (n - 64) / STRIDE;
}

static unsigned chunk_of_level(const struct key *key, unsigned level)
{
	unsigned n = level_bit(level);

	return (unsigned)(key->half[n / 64] << n % 64 >> (64 - STRIDE));
}

// A /64 belongs to the upper half's last node, a /128 to the lower's.
static struct place place_of(const struct fib6_prefix *prefix)
{
	struct place place = {.key = load_key(prefix->addr), .n_bits = prefix->len};
	unsigned rest;

	if (prefix->len <= 64) {
		place.key.half[0] &= MASK(prefix->len);
		place.key.half[1] = 0;
	} else {
		place.key.half[1] &= MASK(prefix->len - 64);
	}
	place.level = prefix->len == 0 ? 0 : level_of_bit(prefix->len - 1);
	if (prefix->len - level_bit(place.level) == STRIDE) // ends where the next level begins
		place.level++;
	rest = prefix->len - level_bit(place.level);
	place.bit = (1u << rest) - 1 + (chunk_of_level(&place.key, place.level) >> (STRIDE - rest));
	return place;
}

static void mask_to_level(struct key *key, unsigned level)
{
	key->half[0] &= level_masks[level].half[0];
	key->half[1] &= level_masks[level].half[1];
}

static void set_level(struct node *node, unsigned level)
{
	unsigned n = level_bit(level);

	node->level = (uint8_t)level;
	node->half = (uint8_t)(n / 64);
	node->shift = (uint8_t)(n % 64);
	mask_to_level(&node->key, level);
}

static struct node leaf_of(const struct place *place, uint32_t value)
{
	struct node node = {
	        .key = place->key,
	        .prefixes = 1ull << place->bit,
	        .level = (uint8_t)place->level,
	        .n_values = 1,
	        .values = {value},
	};

	set_level(&node, place->level);
	return node;
}

static int value_insert(struct fib6 *fib, struct node *node, unsigned bit, uint32_t value)
{
	unsigned at = rank(node->prefixes, bit);
	uint32_t *values = node->values;
	uint32_t block;

	if (node->n_values < INLINE_VALUES) {
		memmove(values + at + 1, values + at, (node->n_values - at) * sizeof(*values));
	} else if (node->n_values == INLINE_VALUES) {
		block = line_arena_alloc(
		        &fib->arena, lines_for(INLINE_VALUES + 1, sizeof(*values)));
		if (block == LINE_NONE)
			return -ENOMEM;
		values = line_arena_at(&fib->arena, block);
		memcpy(values, node->values, at * sizeof(*values));
		memcpy(values + at + 1, node->values + at, (INLINE_VALUES - at) * sizeof(*values));
		node->values[0] = block;
	} else {
		if (array_open(&fib->arena, &node->values[0], sizeof(*values), node->n_values, at) <
		        0)
			return -ENOMEM;
		values = line_arena_at(&fib->arena, node->values[0]);
	}
	values[at] = value;
	node->prefixes |= 1ull << bit;
	node->n_values++;
	return 0;
}

static void value_remove(struct fib6 *fib, struct node *node, unsigned bit)
{
	unsigned at = rank(node->prefixes, bit);
	uint32_t *values = node->values;

	if (node->n_values > INLINE_VALUES + 1) {
		array_close(&fib->arena, &node->values[0], sizeof(*values), node->n_values, at);
	} else if (node->n_values == INLINE_VALUES + 1) {
		uint32_t block = node->values[0];

		values = line_arena_at(&fib->arena, block);
		memcpy(node->values, values, at * sizeof(*values));
		memcpy(node->values + at, values + at + 1, (INLINE_VALUES - at) * sizeof(*values));
		line_arena_free(&fib->arena, block);
	} else {
		memmove(values + at, values + at + 1, (node->n_values - 1 - at) * sizeof(*values));
	}
	node->prefixes &= ~(1ull << bit);
	node->n_values--;
}

static int child_insert(struct fib6 *fib, struct node *node, const struct node *child)
{
	unsigned chunk = chunk_at(&child->key, node);
	unsigned at = rank(node->children, chunk);
	unsigned n = (unsigned)__builtin_popcountll(node->children);

	if (array_open(&fib->arena, &node->child_block, sizeof(*child), n, at) < 0)
		return -ENOMEM;
	children_of(fib, node)[at] = *child;
	node->children |= 1ull << chunk;
	return 0;
}

static void child_remove(struct fib6 *fib, struct node *node, unsigned chunk)
{
	array_close(&fib->arena, &node->child_block, sizeof(*node),
	        (unsigned)__builtin_popcountll(node->children), rank(node->children, chunk));
	node->children &= ~(1ull << chunk);
}

// First bit in which two keys differ; 128 if none.
static unsigned first_difference(struct key a, struct key b)
{
	if (a.half[0] != b.half[0])
		return (unsigned)__builtin_clzll(a.half[0] ^ b.half[0]);
	return a.half[1] != b.half[1] ? 64 + (unsigned)__builtin_clzll(a.half[1] ^ b.half[1]) : 128;
}

// The path to `node` leaves `place`'s or runs past it: puts a node above, at the level where they
// part or where the prefix ends, that takes the node's own line.
static int split_above(
        struct fib6 *fib, struct node *node, const struct place *place, uint32_t value)
{
	unsigned parting = level_of_bit(first_difference(node->key, place->key) & 127);
	struct node above = {.key = place->key};
	struct node leaf = leaf_of(place, value);

	if (first_difference(node->key, place->key) == 128 || parting > place->level)
		parting = place->level;
	set_level(&above, parting);
	if (parting == place->level)
		above = leaf;
	if (child_insert(fib, &above, node) < 0)
		return -ENOMEM;
	if (parting != place->level && child_insert(fib, &above, &leaf) < 0) {
		line_arena_free(&fib->arena, above.child_block);
		return -ENOMEM;
	}
	*node = above;
	return 0;
}

// Walks down to the place. Returns the node there, or NULL and in `ret_stop` the last node on the
// way: a node that matches and has no child there, or the first that does not match or lies below.
static struct node *walk(struct fib6 *fib, const struct place *place, struct node **ret_parent,
        struct node **ret_stop)
{
	struct node *node = &fib->root;

	*ret_parent = NULL;
	for (;;) {
		unsigned chunk;

		*ret_stop = node;
		if (node->level > place->level || !matches(node, place->key))
			return NULL;
		if (node->level == place->level)
			return node;
		chunk = chunk_at(&place->key, node);
		if (!(node->children >> chunk & 1))
			return NULL;
		*ret_parent = node;
		node = children_of(fib, node) + rank(node->children, chunk);
	}
}

static bool below_or_beside(const struct node *node, const struct place *place)
{
	return node->level > place->level || !matches(node, place->key);
}

int fib6_add(struct fib6 *fib, const struct fib6_prefix *prefix, uint32_t value)
{
	struct node *parent;
	struct node *stop;
	struct node *node;
	struct place place;
	int err;

	if (prefix->len > 128 || value == FIB6_NONE)
		return -EINVAL;
	place = place_of(prefix);
	node = walk(fib, &place, &parent, &stop);
	if (node != NULL && node->prefixes >> place.bit & 1) {
		uint32_t *values = node->n_values <= INLINE_VALUES
		                           ? node->values
		                           : line_arena_at(&fib->arena, node->values[0]);

		values[rank(node->prefixes, place.bit)] = value;
		return 0;
	}
	if (fib->n_prefixes >= fib->max_prefixes)
		return -ENOSPC;
	if (node != NULL) {
		err = value_insert(fib, node, place.bit, value);
	} else if (below_or_beside(stop, &place)) {
		err = split_above(fib, stop, &place, value);
	} else {
		struct node leaf = leaf_of(&place, value);

		err = child_insert(fib, stop, &leaf);
	}
	if (err == 0)
		fib->n_prefixes++;
	return err;
}

// A node without prefixes that has one child gives its line to it; the root stays where it is.
static void collapse(struct fib6 *fib, struct node *node)
{
	uint32_t block = node->child_block;

	if (node == &fib->root || node->n_values > 0 || __builtin_popcountll(node->children) != 1)
		return;
	*node = *children_of(fib, node);
	line_arena_free(&fib->arena, block);
}

int fib6_del(struct fib6 *fib, const struct fib6_prefix *prefix)
{
	struct node *parent;
	struct node *stop;
	struct node *node;
	struct place place;

	if (prefix->len > 128)
		return -ENOENT;
	place = place_of(prefix);
	node = walk(fib, &place, &parent, &stop);
	if (node == NULL || !(node->prefixes >> place.bit & 1))
		return -ENOENT;
	value_remove(fib, node, place.bit);
	fib->n_prefixes--;
	if (node->n_values > 0)
		return 0;
	if (node->children != 0) {
		collapse(fib, node);
	} else if (parent != NULL) {
		child_remove(fib, parent, chunk_at(&place.key, parent));
		collapse(fib, parent);
	}
	return 0;
}

// ---- life

struct fib6 *fib6_create(uint32_t max_prefixes)
{
	struct fib6 *fib =
	        aligned_alloc(LINE_SIZE, (sizeof(*fib) + LINE_SIZE - 1) & ~(LINE_SIZE - 1ul));

	if (fib == NULL)
		return NULL;
	memset(fib, 0, sizeof(*fib));
	fib->max_prefixes = max_prefixes;
	fib->bmi2 = has_bmi2();
	if (line_arena_init(&fib->arena, (uint64_t)max_prefixes * LINES_PER_PREFIX) < 0) {
		free(fib);
		return NULL;
	}
	return fib;
}

void fib6_destroy(struct fib6 *fib)
{
	if (fib == NULL)
		return;
	line_arena_fini(&fib->arena);
	free(fib);
}

uint32_t fib6_count(const struct fib6 *fib)
{
	return fib->n_prefixes;
}

size_t fib6_memory_bytes(const struct fib6 *fib)
{
	return sizeof(*fib) + line_arena_memory_bytes(&fib->arena);
}
