/* SPDX-License-Identifier: BSD-3-Clause */
// Longest-prefix match: lookups, one and in bursts.
#include "fib6_node.h"

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

// The value of the longest of a node's prefixes in `covering`, which is not empty.
static inline const uint32_t *value_at(
        const struct fib6 *fib, const struct fib6_node *node, uint64_t covering)
{
	return fib6_node_values(fib, node) +
	       fib6_rank(node->prefixes, 63 - (unsigned)__builtin_clzll(covering));
}

uint32_t fib6_lookup(const struct fib6 *fib, const uint8_t dst[16])
{
	const struct fib6_node *node = &fib->root;
	struct fib6_key key = fib6_load_key(dst);
	uint32_t value = FIB6_NONE;

	while (fib6_node_matches(node, key)) {
		unsigned chunk = fib6_node_chunk(&key, node);
		uint64_t covering = node->prefixes & ancestors[chunk];

		if (covering != 0)
			value = *value_at(fib, node, covering);
		if (!(node->children >> chunk & 1))
			break;
		node = fib6_node_children(fib, node) + fib6_rank(node->children, chunk);
	}
	return value;
}

// One destination on its way down.
struct walk {
	struct fib6_key key;
	const struct fib6_node *at;
	uintptr_t best; // the last node with a covering prefix, 0: none yet
	uint64_t lower; // with `halves`: not 0 if it came to a node of the lower half
};

// All destinations go down together, a level a round, so that their cache misses overlap. No branch
// depends on a destination: those that are done drop out of `live` by arithmetic. What is kept on
// the way is the last node with a covering prefix; which one, and its value, is found at the end.
//
// Unchecked, the bits that paths skip are not compared on the way. If they match at the last node
// with a covering prefix they did everywhere above, and below it nothing covers: it is right.
static inline __attribute__((always_inline)) void go_down(
        const struct fib6 *fib, struct walk **live, unsigned n_live, bool checked, bool halves)
{
	while (n_live > 0) {
		unsigned n_next = 0;

		for (unsigned k = 0; k < n_live; k++) {
			struct walk *walk = live[k];
			const struct fib6_node *node = walk->at;
			uint64_t ok = !checked || fib6_node_matches(node, walk->key) ? ~0ull : 0;
			unsigned chunk = fib6_node_chunk(&walk->key, node);
			uint64_t covering = node->prefixes & ancestors[chunk] & ok;
			uintptr_t none = covering != 0 ? 0 : ~(uintptr_t)0;

			if (halves)
				walk->lower |= node->half;
			walk->best = (walk->best & none) | ((uintptr_t)node & ~none);
			walk->at = fib6_node_children(fib, node) + fib6_rank(node->children, chunk);
			__builtin_prefetch(walk->at);
			live[n_next] = walk;
			n_next += (node->children & ok) >> chunk & 1;
		}
		n_live = n_next;
	}
}

// Returns, with `halves`: bit i: the lower half of dst[i] may have had a say.
static inline __attribute__((always_inline)) uint64_t lookup_chunk(const struct fib6 *fib,
        const uint8_t *const dst[], uint32_t *ret_values, unsigned n, bool halves)
{
	const uint32_t *values[FIB6_BULK_MAX];
	struct walk walks[FIB6_BULK_MAX];
	struct walk *live[FIB6_BULK_MAX];
	unsigned n_live = 0;
	uint64_t by_lower = 0;

	for (unsigned i = 0; i < n; i++) {
		walks[i] = (struct walk){.key = fib6_load_key(dst[i]), .at = &fib->root};
		live[i] = &walks[i];
	}
	go_down(fib, live, n, false /* checked */, halves);
	for (unsigned i = 0; i < n; i++) {
		const struct fib6_node *node = (const struct fib6_node *)walks[i].best;

		if (node == NULL || fib6_node_matches(node, walks[i].key))
			continue;
		walks[i].at = &fib->root;
		walks[i].best = 0;
		live[n_live++] = &walks[i];
	}
	go_down(fib, live, n_live, true /* checked */, halves);
	for (unsigned i = 0; i < n; i++) {
		const struct fib6_node *node = (const struct fib6_node *)walks[i].best;

		if (halves)
			by_lower |= (uint64_t)(walks[i].lower != 0) << i;
		values[i] = &no_route;
		if (node != NULL)
			values[i] = value_at(fib, node,
			        node->prefixes & ancestors[fib6_node_chunk(&walks[i].key, node)]);
		__builtin_prefetch(values[i]);
	}
	for (unsigned i = 0; i < n; i++)
		ret_values[i] = *values[i];
	return by_lower;
}

static inline __attribute__((always_inline)) void lookup_bulk(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	for (unsigned done = 0; done < n; done += FIB6_BULK_MAX)
		lookup_chunk(fib, dst + done, ret_values + done,
		        n - done < FIB6_BULK_MAX ? n - done : FIB6_BULK_MAX, false /* halves */);
}

// The same with the bit instructions of x86-64-v3.
#if defined(__x86_64__) && !defined(__BMI2__)
__attribute__((target("bmi,bmi2,popcnt"))) static void lookup_bulk_bmi2(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	lookup_bulk(fib, dst, ret_values, n);
}

__attribute__((target("bmi,bmi2,popcnt"))) static uint64_t lookup_halves_bmi2(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	return lookup_chunk(fib, dst, ret_values, n, true /* halves */);
}

bool fib6_has_bmi2(void)
{
	return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#else
#define lookup_bulk_bmi2 lookup_bulk
#define lookup_halves_bmi2(fib, dst, ret_values, n) lookup_chunk(fib, dst, ret_values, n, true)

bool fib6_has_bmi2(void)
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

uint64_t fib6_lookup_halves(
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	if (fib->bmi2)
		return lookup_halves_bmi2(fib, dst, ret_values, n);
	return lookup_chunk(fib, dst, ret_values, n, true /* halves */);
}
