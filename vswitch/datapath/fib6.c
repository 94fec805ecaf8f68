/* SPDX-License-Identifier: BSD-3-Clause */
// Longest-prefix match: changes. The structure is in fib6_node.h, chosen by measurement
// (docs/performance.md). A change touches one node and the block it lies in.
#include <errno.h>
#include <stdlib.h>

#include "fib6_node.h"

#define LINES_PER_PREFIX 24 // address space, not memory: room for the worst mix of block sizes

// Where a prefix ends: its node's level and its bit there.
struct place {
	struct fib6_key key;
	unsigned level;
	unsigned bit;
};

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
	return level >= FIB6_HALF_LEVELS ? 64 + (level - FIB6_HALF_LEVELS) * FIB6_STRIDE
	                                 : level * FIB6_STRIDE;
}

// The level whose stride holds bit `n` of an address.
static unsigned level_of_bit(unsigned n)
{
	return n < 64 ? n / FIB6_STRIDE : FIB6_HALF_LEVELS + (n - 64) / FIB6_STRIDE;
}

static unsigned chunk_of_level(const struct fib6_key *key, unsigned level)
{
	unsigned n = level_bit(level);

	return (unsigned)(key->half[n / 64] << n % 64 >> (64 - FIB6_STRIDE));
}

// A /64 belongs to the upper half's last node, a /128 to the lower's.
static struct place place_of(const struct fib6_prefix *prefix)
{
	struct place place = {.key = fib6_load_key(prefix->addr)};
	unsigned rest;

	if (prefix->len <= 64) {
		place.key.half[0] &= FIB6_MASK(prefix->len);
		place.key.half[1] = 0;
	} else {
		place.key.half[1] &= FIB6_MASK(prefix->len - 64);
	}
	place.level = prefix->len == 0 ? 0 : level_of_bit(prefix->len - 1);
	if (prefix->len - level_bit(place.level) == FIB6_STRIDE) // ends where the next level begins
		place.level++;
	rest = prefix->len - level_bit(place.level);
	place.bit = (1u << rest) - 1 +
	            (chunk_of_level(&place.key, place.level) >> (FIB6_STRIDE - rest));
	return place;
}

static void mask_to_level(struct fib6_key *key, unsigned level)
{
	key->half[0] &= fib6_level_masks[level].half[0];
	key->half[1] &= fib6_level_masks[level].half[1];
}

static void set_level(struct fib6_node *node, unsigned level)
{
	unsigned n = level_bit(level);

	node->level = (uint8_t)level;
	node->half = (uint8_t)(n / 64);
	node->shift = (uint8_t)(n % 64);
	mask_to_level(&node->key, level);
}

static struct fib6_node leaf_of(const struct place *place, uint32_t value)
{
	struct fib6_node node = {
	        .key = place->key,
	        .prefixes = 1ull << place->bit,
	        .level = (uint8_t)place->level,
	        .n_values = 1,
	        .values = {value},
	};

	set_level(&node, place->level);
	return node;
}

static int value_insert(struct fib6 *fib, struct fib6_node *node, unsigned bit, uint32_t value)
{
	unsigned at = fib6_rank(node->prefixes, bit);
	uint32_t *values = node->values;
	uint32_t block;

	if (node->n_values < FIB6_INLINE_VALUES) {
		memmove(values + at + 1, values + at, (node->n_values - at) * sizeof(*values));
	} else if (node->n_values == FIB6_INLINE_VALUES) {
		block = line_arena_alloc(
		        &fib->arena, lines_for(FIB6_INLINE_VALUES + 1, sizeof(*values)));
		if (block == LINE_NONE)
			return -ENOMEM;
		values = line_arena_at(&fib->arena, block);
		memcpy(values, node->values, at * sizeof(*values));
		memcpy(values + at + 1, node->values + at,
		        (FIB6_INLINE_VALUES - at) * sizeof(*values));
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

static void value_remove(struct fib6 *fib, struct fib6_node *node, unsigned bit)
{
	unsigned at = fib6_rank(node->prefixes, bit);
	uint32_t *values = node->values;

	if (node->n_values > FIB6_INLINE_VALUES + 1) {
		array_close(&fib->arena, &node->values[0], sizeof(*values), node->n_values, at);
	} else if (node->n_values == FIB6_INLINE_VALUES + 1) {
		uint32_t block = node->values[0];

		values = line_arena_at(&fib->arena, block);
		memcpy(node->values, values, at * sizeof(*values));
		memcpy(node->values + at, values + at + 1,
		        (FIB6_INLINE_VALUES - at) * sizeof(*values));
		line_arena_free(&fib->arena, block);
	} else {
		memmove(values + at, values + at + 1, (node->n_values - 1 - at) * sizeof(*values));
	}
	node->prefixes &= ~(1ull << bit);
	node->n_values--;
}

static int child_insert(struct fib6 *fib, struct fib6_node *node, const struct fib6_node *child)
{
	unsigned chunk = fib6_node_chunk(&child->key, node);
	unsigned at = fib6_rank(node->children, chunk);
	unsigned n = (unsigned)__builtin_popcountll(node->children);

	if (array_open(&fib->arena, &node->child_block, sizeof(*child), n, at) < 0)
		return -ENOMEM;
	fib6_node_children(fib, node)[at] = *child;
	node->children |= 1ull << chunk;
	return 0;
}

static void child_remove(struct fib6 *fib, struct fib6_node *node, unsigned chunk)
{
	array_close(&fib->arena, &node->child_block, sizeof(*node),
	        (unsigned)__builtin_popcountll(node->children), fib6_rank(node->children, chunk));
	node->children &= ~(1ull << chunk);
}

// First bit in which two keys differ; 128 if none.
static unsigned first_difference(struct fib6_key a, struct fib6_key b)
{
	if (a.half[0] != b.half[0])
		return (unsigned)__builtin_clzll(a.half[0] ^ b.half[0]);
	return a.half[1] != b.half[1] ? 64 + (unsigned)__builtin_clzll(a.half[1] ^ b.half[1]) : 128;
}

// The path to `node` leaves `place`'s or runs past it: puts a node above, at the level where they
// part or where the prefix ends, that takes the node's own line.
static int split_above(
        struct fib6 *fib, struct fib6_node *node, const struct place *place, uint32_t value)
{
	unsigned parting = level_of_bit(first_difference(node->key, place->key) & 127);
	struct fib6_node above = {.key = place->key};
	struct fib6_node leaf = leaf_of(place, value);

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
static struct fib6_node *walk(struct fib6 *fib, const struct place *place,
        struct fib6_node **ret_parent, struct fib6_node **ret_stop)
{
	struct fib6_node *node = &fib->root;

	*ret_parent = NULL;
	for (;;) {
		unsigned chunk;

		*ret_stop = node;
		if (node->level > place->level || !fib6_node_matches(node, place->key))
			return NULL;
		if (node->level == place->level)
			return node;
		chunk = fib6_node_chunk(&place->key, node);
		if (!(node->children >> chunk & 1))
			return NULL;
		*ret_parent = node;
		node = fib6_node_children(fib, node) + fib6_rank(node->children, chunk);
	}
}

static bool below_or_beside(const struct fib6_node *node, const struct place *place)
{
	return node->level > place->level || !fib6_node_matches(node, place->key);
}

int fib6_add(struct fib6 *fib, const struct fib6_prefix *prefix, uint32_t value)
{
	struct fib6_node *parent;
	struct fib6_node *stop;
	struct fib6_node *node;
	struct place place;
	int err;

	if (prefix->len > 128 || value == FIB6_NONE)
		return -EINVAL;
	place = place_of(prefix);
	node = walk(fib, &place, &parent, &stop);
	if (node != NULL && node->prefixes >> place.bit & 1) {
		uint32_t *values = node->n_values <= FIB6_INLINE_VALUES
		                           ? node->values
		                           : line_arena_at(&fib->arena, node->values[0]);

		values[fib6_rank(node->prefixes, place.bit)] = value;
		fib->n_changes++;
		return 0;
	}
	if (fib->n_prefixes >= fib->max_prefixes)
		return -ENOSPC;
	if (node != NULL) {
		err = value_insert(fib, node, place.bit, value);
	} else if (below_or_beside(stop, &place)) {
		err = split_above(fib, stop, &place, value);
	} else {
		struct fib6_node leaf = leaf_of(&place, value);

		err = child_insert(fib, stop, &leaf);
	}
	if (err < 0)
		return err;
	fib->n_prefixes++;
	fib->n_changes++;
	return 0;
}

// A node without prefixes that has one child gives its line to it; the root stays where it is.
static void collapse(struct fib6 *fib, struct fib6_node *node)
{
	uint32_t block = node->child_block;

	if (node == &fib->root || node->n_values > 0 || __builtin_popcountll(node->children) != 1)
		return;
	*node = *fib6_node_children(fib, node);
	line_arena_free(&fib->arena, block);
}

int fib6_del(struct fib6 *fib, const struct fib6_prefix *prefix)
{
	struct fib6_node *parent;
	struct fib6_node *stop;
	struct fib6_node *node;
	struct place place;

	if (prefix->len > 128)
		return -ENOENT;
	place = place_of(prefix);
	node = walk(fib, &place, &parent, &stop);
	if (node == NULL || !(node->prefixes >> place.bit & 1))
		return -ENOENT;
	value_remove(fib, node, place.bit);
	fib->n_prefixes--;
	fib->n_changes++;
	if (node->n_values > 0)
		return 0;
	if (node->children != 0) {
		collapse(fib, node);
	} else if (parent != NULL) {
		child_remove(fib, parent, fib6_node_chunk(&place.key, parent));
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
	fib->bmi2 = fib6_has_bmi2();
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
