/* SPDX-License-Identifier: BSD-3-Clause */
// The FIB against a naive table: random prefixes, random churn, and the shapes that break tries.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fib6.h"
#include "fib6_cache.h"
#include "rng.h"

#define NAIVE_MAX 1024
#define N_PROBES 64

struct naive {
	struct fib6_prefix prefixes[NAIVE_MAX];
	uint32_t values[NAIVE_MAX];
	unsigned n;
};

static bool bit_of(const uint8_t addr[16], unsigned n)
{
	return addr[n / 8] >> (7 - n % 8) & 1;
}

static bool covers(const struct fib6_prefix *prefix, const uint8_t addr[16])
{
	unsigned bytes = prefix->len / 8;
	unsigned n;

	if (memcmp(prefix->addr, addr, bytes) != 0)
		return false;
	for (n = bytes * 8; n < prefix->len; n++)
		if (bit_of(prefix->addr, n) != bit_of(addr, n))
			return false;
	return true;
}

static int naive_find(const struct naive *naive, const struct fib6_prefix *prefix)
{
	for (unsigned i = 0; i < naive->n; i++)
		if (naive->prefixes[i].len == prefix->len &&
		        covers(&naive->prefixes[i], prefix->addr))
			return (int)i;
	return -1;
}

static uint32_t naive_lookup(const struct naive *naive, const uint8_t addr[16])
{
	uint32_t value = FIB6_NONE;
	int best = -1;

	for (unsigned i = 0; i < naive->n; i++)
		if (naive->prefixes[i].len > best && covers(&naive->prefixes[i], addr)) {
			best = naive->prefixes[i].len;
			value = naive->values[i];
		}
	return value;
}

static void naive_add(struct naive *naive, const struct fib6_prefix *prefix, uint32_t value)
{
	int i = naive_find(naive, prefix);

	if (i < 0) {
		i = (int)naive->n++;
		naive->prefixes[i] = *prefix;
	}
	naive->values[i] = value;
}

static void naive_del(struct naive *naive, unsigned i)
{
	naive->n--;
	naive->prefixes[i] = naive->prefixes[naive->n];
	naive->values[i] = naive->values[naive->n];
}

static struct fib6_prefix prefix_of(uint64_t hi, uint64_t lo, unsigned len)
{
	struct fib6_prefix prefix = {.len = (uint8_t)len};

	for (int i = 0; i < 8; i++) {
		prefix.addr[i] = (uint8_t)(hi >> (56 - 8 * i));
		prefix.addr[8 + i] = (uint8_t)(lo >> (56 - 8 * i));
	}
	return prefix;
}

// Few different bytes, so that prefixes nest, part late and repeat; bits past the length stay set.
static struct fib6_prefix random_prefix(struct rng *rng, unsigned spread)
{
	struct fib6_prefix prefix;

	for (int i = 0; i < 16; i++)
		prefix.addr[i] = rng_next(rng) % spread ? 0x20 : (uint8_t)rng_next(rng);
	prefix.len = (uint8_t)(rng_next(rng) % 129);
	switch (rng_next(rng) % 8) {
	case 0:
		prefix.len = 64;
		break;
	case 1:
		prefix.len = 128;
		break;
	case 2:
		prefix.len = (uint8_t)(rng_next(rng) % 23 * 6 % 129);
		break;
	default:
		break;
	}
	return prefix;
}

// An address in, or just outside, a prefix of the table.
static void random_probe(struct rng *rng, const struct naive *naive, uint8_t addr[16])
{
	const struct fib6_prefix *prefix;
	unsigned flip;

	for (int i = 0; i < 16; i++)
		addr[i] = (uint8_t)rng_next(rng);
	if (naive->n == 0 || rng_next(rng) % 16 == 0)
		return;
	prefix = &naive->prefixes[rng_next(rng) % naive->n];
	for (unsigned n = 0; n < prefix->len; n++) {
		addr[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
		addr[n / 8] |= (uint8_t)(bit_of(prefix->addr, n) << (7 - n % 8));
	}
	if (rng_next(rng) % 4 == 0) {
		flip = (unsigned)(rng_next(rng) % 128);
		addr[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
	}
}

static void check_probes(
        struct rng *rng, const struct naive *naive, const struct fib6 *fib, unsigned n)
{
	uint8_t addrs[N_PROBES * 3][16];
	const uint8_t *dst[N_PROBES * 3] = {NULL};
	uint32_t values[N_PROBES * 3];

	for (unsigned i = 0; i < n; i++) {
		random_probe(rng, naive, addrs[i]);
		dst[i] = addrs[i];
	}
	fib6_lookup_bulk(fib, dst, values, n);
	for (unsigned i = 0; i < n; i++) {
		uint32_t want = naive_lookup(naive, addrs[i]);

		assert_int_equal(values[i], want);
		assert_int_equal(fib6_lookup(fib, addrs[i]), want);
	}
}

static void churn(uint64_t seed, unsigned spread, unsigned target, unsigned n_ops)
{
	struct naive *naive = calloc(1, sizeof(*naive));
	struct fib6 *fib = fib6_create(NAIVE_MAX);
	struct rng rng;

	assert_non_null(naive);
	assert_non_null(fib);
	rng_seed(&rng, seed, 0);
	for (unsigned op = 0; op < n_ops; op++) {
		struct fib6_prefix prefix = random_prefix(&rng, spread);
		uint32_t value = (uint32_t)(rng_next(&rng) % FIB6_NONE);
		int known = naive_find(naive, &prefix);

		if (rng_next(&rng) % (2 * target) < naive->n) {
			unsigned i = (unsigned)(rng_next(&rng) % naive->n);

			if (known < 0)
				assert_int_equal(fib6_del(fib, &prefix), -ENOENT);
			assert_int_equal(fib6_del(fib, &naive->prefixes[i]), 0);
			naive_del(naive, i);
		} else {
			assert_int_equal(fib6_add(fib, &prefix, value), 0);
			naive_add(naive, &prefix, value);
		}
		assert_int_equal(fib6_count(fib), naive->n);
		check_probes(&rng, naive, fib, 4);
		if (op % 4096 == 0)
			check_probes(&rng, naive, fib, N_PROBES * 3);
	}
	while (naive->n > 0) {
		assert_int_equal(fib6_del(fib, &naive->prefixes[naive->n - 1]), 0);
		naive->n--;
		check_probes(&rng, naive, fib, 2);
	}
	assert_int_equal(fib6_count(fib), 0);
	fib6_destroy(fib);
	free(naive);
}

static void test_churn_dense(void **state)
{
	churn(1, 8, 60, 40000);
}

static void test_churn_wide(void **state)
{
	churn(2, 3, 400, 20000);
}

static void test_churn_nested(void **state)
{
	churn(3, 64, 100, 40000); // nearly one path: lengths nest
}

static void expect(const struct fib6 *fib, uint64_t hi, uint64_t lo, uint32_t want)
{
	struct fib6_prefix addr = prefix_of(hi, lo, 128);

	assert_int_equal(fib6_lookup(fib, addr.addr), want);
}

static void test_default_and_host(void **state)
{
	struct fib6 *fib = fib6_create(16);
	struct fib6_prefix any = prefix_of(~0ull, ~0ull, 0);
	struct fib6_prefix host = prefix_of(0x20010db800000001, 1, 128);
	struct fib6_prefix net = prefix_of(0x20010db800000001, 0, 64);

	assert_non_null(fib);
	expect(fib, 0, 0, FIB6_NONE);
	assert_int_equal(fib6_add(fib, &any, 1), 0);
	expect(fib, 0, 0, 1);
	expect(fib, ~0ull, ~0ull, 1);
	assert_int_equal(fib6_add(fib, &host, 3), 0);
	assert_int_equal(fib6_add(fib, &net, 2), 0);
	expect(fib, 0x20010db800000001, 1, 3);
	expect(fib, 0x20010db800000001, 0, 2);
	expect(fib, 0x20010db800000001, ~0ull, 2);
	expect(fib, 0x20010db800000000, 1, 1);
	assert_int_equal(fib6_add(fib, &net, 4), 0); // replaced
	assert_int_equal(fib6_count(fib), 3);
	expect(fib, 0x20010db800000001, 2, 4);
	assert_int_equal(fib6_del(fib, &host), 0); // falls to its parent
	expect(fib, 0x20010db800000001, 1, 4);
	assert_int_equal(fib6_del(fib, &net), 0);
	expect(fib, 0x20010db800000001, 1, 1);
	assert_int_equal(fib6_del(fib, &any), 0);
	expect(fib, 0x20010db800000001, 1, FIB6_NONE);
	assert_int_equal(fib6_del(fib, &any), -ENOENT);
	fib6_destroy(fib);
}

static void test_every_length(void **state)
{
	struct fib6 *fib = fib6_create(129);
	uint8_t addr[16];

	assert_non_null(fib);
	memset(addr, 0xff, sizeof(addr));
	for (unsigned i = 0; i <= 128; i++) {
		struct fib6_prefix prefix = prefix_of(~0ull, ~0ull, i * 37 % 129);

		assert_int_equal(fib6_add(fib, &prefix, prefix.len), 0);
	}
	for (unsigned len = 128; len > 0; len--) { // the first bit that differs decides the length
		addr[(len - 1) / 8] ^= (uint8_t)(0x80 >> (len - 1) % 8);
		assert_int_equal(fib6_lookup(fib, addr), len - 1);
		addr[(len - 1) / 8] ^= (uint8_t)(0x80 >> (len - 1) % 8);
	}
	for (unsigned len = 128; len > 0; len--) {
		struct fib6_prefix prefix = prefix_of(~0ull, ~0ull, len);

		assert_int_equal(fib6_lookup(fib, addr), len);
		assert_int_equal(fib6_del(fib, &prefix), 0);
	}
	assert_int_equal(fib6_lookup(fib, addr), 0);
	fib6_destroy(fib);
}

static void test_limits(void **state)
{
	struct fib6 *fib = fib6_create(2);
	struct fib6_prefix prefix = prefix_of(1, 0, 64);
	struct fib6_prefix bad = {.len = 129};

	assert_non_null(fib);
	assert_int_equal(fib6_add(fib, &bad, 1), -EINVAL);
	assert_int_equal(fib6_del(fib, &bad), -ENOENT);
	assert_int_equal(fib6_add(fib, &prefix, FIB6_NONE), -EINVAL);
	assert_int_equal(fib6_add(fib, &prefix, 1), 0);
	prefix.addr[0] = 1;
	assert_int_equal(fib6_add(fib, &prefix, 2), 0);
	assert_int_equal(fib6_add(fib, &prefix, 3), 0); // replacing is free
	prefix.addr[0] = 2;
	assert_int_equal(fib6_add(fib, &prefix, 4), -ENOSPC);
	assert_int_equal(fib6_count(fib), 2);
	fib6_destroy(fib);
	fib6_destroy(NULL);
}

// The same 1,000 /64s, and then others, for ever: the memory of the first round is enough.
static void test_memory_is_reused(void **state)
{
	enum { N = 20000, ROUNDS = 20 };
	struct fib6 *fib = fib6_create(N);
	size_t empty_bytes;
	size_t peak_bytes = 0;
	struct rng rng;

	assert_non_null(fib);
	empty_bytes = fib6_memory_bytes(fib);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (int pass = 0; pass < 2; pass++) {
			rng_seed(&rng, round, 0);
			for (unsigned i = 0; i < N; i++) {
				uint64_t hi = rng_next(&rng);
				uint64_t lo = rng_next(&rng);
				struct fib6_prefix prefix =
				        round % 3 == 0 ? prefix_of(0x20010db800000000 | i, 0, 64)
				        : round % 3 == 1
				                ? prefix_of(hi, 0, 48 + (unsigned)(lo % 17))
				                : prefix_of(hi % 64, lo, 128);

				if (pass == 0)
					assert_int_equal(fib6_add(fib, &prefix, i), 0);
				else
					assert_int_equal(fib6_del(fib, &prefix), 0);
			}
			if (round < 3 && fib6_memory_bytes(fib) > peak_bytes)
				peak_bytes = fib6_memory_bytes(fib);
			assert_true(fib6_memory_bytes(fib) <= peak_bytes);
		}
		assert_int_equal(fib6_count(fib), 0);
	}
	assert_true(
	        fib6_memory_bytes(fib) <= empty_bytes + (4u << 20)); // given back, one chunk kept
	fib6_destroy(fib);
}

// Addresses under three networks, whose prefixes end above and below /64, asked for often enough
// that most answers come out of the cache; after each change they must be right at once.
static void test_cache_follows_changes(void **state)
{
	enum { N = 48, CHANGES = 400, ASKED = 40 };
	static const unsigned lens[] = {0, 40, 60, 63, 64, 65, 80, 128};
	struct naive *naive = calloc(1, sizeof(*naive));
	struct fib6_cache *cache = fib6_cache_create();
	struct fib6 *fib = fib6_create(NAIVE_MAX);
	uint8_t addrs[N][16];
	const uint8_t *dst[N];
	uint32_t values[N];
	struct rng rng;

	assert_true(naive != NULL && cache != NULL && fib != NULL);
	rng_seed(&rng, 4, 0);
	for (unsigned change = 0; change < CHANGES; change++) {
		uint64_t hi = 0x20010db800000000 | rng_next(&rng) % 3, lo = rng_next(&rng) % 3;
		struct fib6_prefix prefix = prefix_of(hi, lo, lens[rng_next(&rng) % 8]);

		if (naive->n > 6) {
			assert_int_equal(fib6_del(fib, &naive->prefixes[0]), 0);
			naive_del(naive, 0);
		}
		assert_int_equal(fib6_add(fib, &prefix, change), 0);
		naive_add(naive, &prefix, change);
		for (unsigned asked = 0; asked < ASKED; asked++) {
			for (unsigned i = 0; i < N; i++) {
				prefix = prefix_of(0x20010db800000000 | i % 4, i / 4 % 4, 128);
				memcpy(addrs[i], prefix.addr, 16);
				dst[i] = addrs[i];
			}
			fib6_cache_lookup(cache, fib, dst, values, N);
			for (unsigned i = 0; i < N; i++)
				assert_int_equal(values[i], naive_lookup(naive, addrs[i]));
		}
	}
	fib6_cache_destroy(cache);
	fib6_destroy(fib);
	free(naive);
}

// More networks than there is room for, twice: what was pushed out is found again.
static void test_cache_overflows(void **state)
{
	enum { N = 60000, BURST = 32 };
	struct fib6_cache *cache = fib6_cache_create();
	struct fib6 *fib = fib6_create(N);
	uint8_t addrs[BURST][16];
	const uint8_t *dst[BURST];
	uint32_t values[BURST];

	assert_true(cache != NULL && fib != NULL);
	for (unsigned i = 0; i < N; i += 2) {
		struct fib6_prefix prefix = prefix_of(0x20010db800000000 | i, 0, 64);

		assert_int_equal(fib6_add(fib, &prefix, i), 0);
	}
	for (unsigned pass = 0; pass < 20; pass++) {
		unsigned n = pass % 2 == 0 ? N : 1000;

		for (unsigned first = 0; first + BURST <= n; first += BURST) {
			for (unsigned i = 0; i < BURST; i++) {
				struct fib6_prefix prefix =
				        prefix_of(0x20010db800000000 | (first + i), i, 128);

				memcpy(addrs[i], prefix.addr, 16);
				dst[i] = addrs[i];
			}
			fib6_cache_lookup(cache, fib, dst, values, BURST);
			for (unsigned i = 0; i < BURST; i++)
				assert_int_equal(
				        values[i], (first + i) % 2 == 0 ? first + i : FIB6_NONE);
		}
	}
	fib6_cache_destroy(cache);
	fib6_destroy(fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_default_and_host),
	        cmocka_unit_test(test_every_length),
	        cmocka_unit_test(test_limits),
	        cmocka_unit_test(test_churn_dense),
	        cmocka_unit_test(test_churn_wide),
	        cmocka_unit_test(test_churn_nested),
	        cmocka_unit_test(test_memory_is_reused),
	        cmocka_unit_test(test_cache_follows_changes),
	        cmocka_unit_test(test_cache_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
