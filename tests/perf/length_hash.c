/* SPDX-License-Identifier: BSD-3-Clause */
// A hash table a prefix length, open addressing, doubled when half full.
#include "length_hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define N_LENGTHS 129
#define SLOTS_MIN 64
#define BULK_MAX 64

struct entry {
	uint64_t hi, lo;
	uint32_t value; // FIB6_NONE: free
	uint32_t reserved;
};

struct table {
	struct entry *entries;
	uint32_t mask;
	uint32_t n;
};

struct length_hash {
	struct table tables[N_LENGTHS];
	uint8_t lengths[N_LENGTHS]; // in use, longest first
	unsigned n_lengths;
};

struct key {
	uint64_t hi, lo;
};

static struct key key_of(const uint8_t addr[16], unsigned len)
{
	struct key key;

	memcpy(&key.hi, addr, 8);
	memcpy(&key.lo, addr + 8, 8);
	key.hi = __builtin_bswap64(key.hi);
	key.lo = __builtin_bswap64(key.lo);
	key.hi &= len == 0 ? 0 : ~0ull << (len < 64 ? 64 - len : 0);
	key.lo &= len <= 64 ? 0 : ~0ull << (128 - len);
	return key;
}

static uint32_t hash_of(struct key key)
{
	uint64_t x = key.hi * 0x9e3779b97f4a7c15ull ^ (key.lo + 0x7f4a7c15) * 0xd1342543de82ef95ull;

	return (uint32_t)((x ^ x >> 32) * 0x2545f4914f6cdd1dull >> 32);
}

// The key's entry, or the free one where it would go.
static uint32_t find(const struct table *table, struct key key)
{
	uint32_t at = hash_of(key) & table->mask;

	while (table->entries[at].value != FIB6_NONE &&
	        (table->entries[at].hi != key.hi || table->entries[at].lo != key.lo))
		at = (at + 1) & table->mask;
	return at;
}

static int resize(struct table *table, uint32_t n_slots)
{
	struct table grown = {.mask = n_slots - 1, .n = table->n};

	grown.entries = malloc(n_slots * sizeof(*grown.entries));
	if (grown.entries == NULL)
		return -ENOMEM;
	memset(grown.entries, 0xff, n_slots * sizeof(*grown.entries));
	for (uint32_t i = 0; table->entries != NULL && i <= table->mask; i++) {
		const struct entry *entry = &table->entries[i];

		if (entry->value != FIB6_NONE)
			grown.entries[find(&grown, (struct key){entry->hi, entry->lo})] = *entry;
	}
	free(table->entries);
	*table = grown;
	return 0;
}

static void list_lengths(struct length_hash *hash)
{
	hash->n_lengths = 0;
	for (unsigned len = N_LENGTHS; len-- > 0;)
		if (hash->tables[len].n > 0)
			hash->lengths[hash->n_lengths++] = (uint8_t)len;
}

struct length_hash *length_hash_create(uint32_t max_prefixes)
{
	return calloc(1, sizeof(struct length_hash));
}

void length_hash_destroy(struct length_hash *hash)
{
	for (unsigned i = 0; i < N_LENGTHS; i++)
		free(hash->tables[i].entries);
	free(hash);
}

int length_hash_add(struct length_hash *hash, const struct fib6_prefix *prefix, uint32_t value)
{
	struct table *table = &hash->tables[prefix->len];
	struct key key = key_of(prefix->addr, prefix->len);
	struct entry *entry;

	if (table->entries == NULL && resize(table, SLOTS_MIN) < 0)
		return -ENOMEM;
	if (table->n * 2 > table->mask && resize(table, (table->mask + 1) * 2) < 0)
		return -ENOMEM;
	entry = &table->entries[find(table, key)];
	if (entry->value == FIB6_NONE && table->n++ == 0)
		list_lengths(hash);
	*entry = (struct entry){key.hi, key.lo, value, 0};
	return 0;
}

int length_hash_del(struct length_hash *hash, const struct fib6_prefix *prefix)
{
	struct table *table = &hash->tables[prefix->len];
	uint32_t at;
	uint32_t next;

	if (table->entries == NULL)
		return -ENOENT;
	at = find(table, key_of(prefix->addr, prefix->len));
	if (table->entries[at].value == FIB6_NONE)
		return -ENOENT;
	// Entries that probed past this one move up, so that no mark of a deleted one is needed.
	for (next = (at + 1) & table->mask; table->entries[next].value != FIB6_NONE;
	        next = (next + 1) & table->mask) {
		const struct entry *entry = &table->entries[next];
		uint32_t home = hash_of((struct key){entry->hi, entry->lo}) & table->mask;

		if (((next - home) & table->mask) >= ((next - at) & table->mask)) {
			table->entries[at] = *entry;
			at = next;
		}
	}
	table->entries[at].value = FIB6_NONE;
	if (--table->n == 0)
		list_lengths(hash);
	return 0;
}

size_t length_hash_memory_bytes(const struct length_hash *hash)
{
	size_t bytes = sizeof(*hash);

	for (unsigned i = 0; i < N_LENGTHS; i++)
		if (hash->tables[i].entries != NULL)
			bytes += (hash->tables[i].mask + 1) * sizeof(struct entry);
	return bytes;
}

static void lookup_chunk(const struct length_hash *hash, const uint8_t *const dst[],
        uint32_t *ret_values, unsigned n)
{
	uint8_t live[BULK_MAX];
	uint32_t at[BULK_MAX];
	unsigned n_live = n;

	for (unsigned i = 0; i < n; i++) {
		ret_values[i] = FIB6_NONE;
		live[i] = (uint8_t)i;
	}
	for (unsigned l = 0; l < hash->n_lengths && n_live > 0; l++) {
		unsigned len = hash->lengths[l];
		const struct table *table = &hash->tables[len];
		unsigned n_next = 0;

		for (unsigned k = 0; k < n_live; k++) {
			at[k] = hash_of(key_of(dst[live[k]], len)) & table->mask;
			__builtin_prefetch(&table->entries[at[k]]);
		}
		for (unsigned k = 0; k < n_live; k++) {
			struct key key = key_of(dst[live[k]], len);
			uint32_t value = table->entries[find(table, key)].value;

			ret_values[live[k]] = value;
			live[n_next] = live[k];
			n_next += value == FIB6_NONE;
		}
		n_live = n_next;
	}
}

void length_hash_lookup_bulk(const struct length_hash *hash, const uint8_t *const dst[],
        uint32_t *ret_values, unsigned n)
{
	for (unsigned done = 0; done < n; done += BULK_MAX)
		lookup_chunk(hash, dst + done, ret_values + done,
		        n - done < BULK_MAX ? n - done : BULK_MAX);
}
