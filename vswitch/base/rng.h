/* SPDX-License-Identifier: BSD-3-Clause */
// Small seeded generators for repeatable runs: one per link, seeded from the run's seed and the
// link. xoshiro256** and splitmix64 (Blackman, Vigna: "Scrambled linear pseudorandom number
// generators", ACM TOMS 47, 2021). Not for secrets. Thread: each generator has one owner.
#pragma once

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

static inline uint64_t rng_splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

// Two different (seed, stream) pairs give unrelated sequences.
static inline void rng_seed(struct rng *rng, uint64_t seed, uint64_t stream)
{
	uint64_t x = seed ^ (stream * 0xd1342543de82ef95ull + 0x2545f4914f6cdd1dull);

	for (int i = 0; i < 4; i++)
		rng->s[i] = rng_splitmix64(&x);
}

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t x = s[1] * 5;
	uint64_t result = ((x << 7) | (x >> 57)) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = (s[3] << 45) | (s[3] >> 19);
	return result;
}

// True with probability p_q32 / 2^32.
static inline int rng_chance_q32(struct rng *rng, uint32_t p_q32)
{
	return (uint32_t)(rng_next(rng) >> 32) < p_q32;
}
