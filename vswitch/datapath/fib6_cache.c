/* SPDX-License-Identifier: BSD-3-Clause */
// Results of lookups, in sets of a cache line. A change of the FIB empties all sets at once, by
// starting a new round.
#include "fib6_cache.h"

#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>

#include "fib6_node.h"

#define SETS_LOG2 12
#define N_WAYS 5
#define KEY_NONE UINT64_MAX // not kept
#define RESTS 15 // bursts that go past the cache after one that it hardly helped

struct set {
	alignas(LINE_SIZE) uint64_t keys[N_WAYS]; // upper halves as they lie in the packet
	uint32_t values[N_WAYS];
	uint32_t round; // that all this is of
};

static_assert(sizeof(struct set) == LINE_SIZE, "a set is one cache line");

struct fib6_cache {
	const struct fib6 *fib; // whose results these are
	uint64_t n_changes; // that it had
	uint32_t round;
	uint32_t next_way; // to be overwritten
	uint32_t n_rests;
	struct set sets[1 << SETS_LOG2];
};

struct fib6_cache *fib6_cache_create(void)
{
	// Pages of its own: zeroed, and on a line's start.
	void *memory = mmap(NULL, sizeof(struct fib6_cache), PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS, -1 /* fd */, 0 /* offset */);

	return memory != MAP_FAILED ? memory : NULL;
}

void fib6_cache_destroy(struct fib6_cache *cache)
{
	if (cache != NULL)
		munmap(cache, sizeof(*cache));
}

// Sets of round 0 are those that were never used.
static void follow(struct fib6_cache *cache, const struct fib6 *fib)
{
	if (cache->fib == fib && cache->n_changes == fib->n_changes)
		return;
	cache->fib = fib;
	cache->n_changes = fib->n_changes;
	if (++cache->round == 0) {
		memset(cache->sets, 0, sizeof(cache->sets));
		cache->round = 1;
	}
}

static inline uint64_t load_key(const uint8_t dst[16])
{
	uint64_t key;

	memcpy(&key, dst, sizeof(key));
	return key;
}

static inline struct set *set_of(struct fib6_cache *cache, uint64_t key)
{
	return &cache->sets[key * 0x9e3779b97f4a7c15ull >> (64 - SETS_LOG2)];
}

// Bit n: way n has the key.
static inline unsigned ways_with(const struct set *set, uint64_t key)
{
	unsigned ways = 0;

	for (unsigned i = 0; i < N_WAYS; i++)
		ways |= (unsigned)(set->keys[i] == key) << i;
	return ways;
}

static void keep(struct fib6_cache *cache, uint64_t key, uint32_t value)
{
	struct set *set = set_of(cache, key);
	unsigned way = 0;

	if (set->round != cache->round) {
		set->round = cache->round;
		for (unsigned i = 0; i < N_WAYS; i++)
			set->keys[i] = KEY_NONE;
	}
	if (key == KEY_NONE || ways_with(set, key) != 0) // twice in a burst
		return;
	while (way < N_WAYS && set->keys[way] != KEY_NONE)
		way++;
	if (way == N_WAYS) {
		way = cache->next_way;
		cache->next_way = way + 1 < N_WAYS ? way + 1 : 0;
	}
	set->keys[way] = key;
	set->values[way] = value;
}

// Results of a burst that are not there: `missed` are their places in it.
static __attribute__((noinline)) void look_up_missed(struct fib6_cache *cache,
        const struct fib6 *fib, const uint8_t *const dst[], uint32_t *ret_values,
        const uint8_t *missed, unsigned n)
{
	const uint8_t *missed_dst[FIB6_BULK_MAX];
	uint32_t values[FIB6_BULK_MAX];
	uint64_t by_lower;

	assert(n > 0);
	for (unsigned i = 0; i < n; i++)
		missed_dst[i] = dst[missed[i]];
	by_lower = fib6_lookup_halves(fib, missed_dst, values, n);
	for (unsigned i = 0; i < n; i++) {
		ret_values[missed[i]] = values[i];
		if (!(by_lower >> i & 1))
			keep(cache, load_key(missed_dst[i]), values[i]);
	}
}

static void look_up_chunk(struct fib6_cache *cache, const struct fib6 *fib,
        const uint8_t *const dst[], uint32_t *ret_values, unsigned n)
{
	const struct set *sets[FIB6_BULK_MAX];
	uint8_t missed[FIB6_BULK_MAX];
	unsigned n_missed = 0;

	for (unsigned i = 0; i < n; i++) {
		sets[i] = set_of(cache, load_key(dst[i]));
		__builtin_prefetch(sets[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned ways = ways_with(sets[i], load_key(dst[i]));

		ways = sets[i]->round == cache->round ? ways : 0;
		ret_values[i] = sets[i]->values[__builtin_ctz(ways | 1u << (N_WAYS - 1))];
		missed[n_missed] = (uint8_t)i;
		n_missed += ways == 0;
	}
	if (n_missed == 0)
		return;
	look_up_missed(cache, fib, dst, ret_values, missed, n_missed);
	if (n_missed > n / 2)
		cache->n_rests = RESTS;
}

void fib6_cache_lookup(struct fib6_cache *cache, const struct fib6 *fib, const uint8_t *const dst[],
        uint32_t *ret_values, unsigned n)
{
	follow(cache, fib);
	if (cache->n_rests > 0) {
		cache->n_rests--;
		fib6_lookup_bulk(fib, dst, ret_values, n);
		return;
	}
	for (unsigned done = 0; done < n; done += FIB6_BULK_MAX)
		look_up_chunk(cache, fib, dst + done, ret_values + done,
		        n - done < FIB6_BULK_MAX ? n - done : FIB6_BULK_MAX);
}
