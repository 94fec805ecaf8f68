/* SPDX-License-Identifier: BSD-3-Clause */
// A pool of texts with a hash of their offsets.
#include "string_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024
#define CAPACITY_MIN 4096

// FNV-1a (Fowler, Noll, Vo).
static uint64_t hash(const char *text)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		sum = (sum ^ (uint8_t)*text) * 0x100000001b3u;
	return sum;
}

// Where the text is, or the empty slot that it would take.
static uint32_t *find(const struct string_pool *pool, const char *text)
{
	size_t mask = pool->n_slots - 1;
	size_t at = hash(text) & mask;

	while (pool->slots[at] != 0 && strcmp(pool->data + pool->slots[at] - 1, text) != 0)
		at = (at + 1) & mask;
	return &pool->slots[at];
}

static int grow_slots(struct string_pool *pool)
{
	struct string_pool bigger = *pool;

	bigger.n_slots = pool->n_slots != 0 ? pool->n_slots * 2 : SLOTS_MIN;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < pool->n_slots; i++) {
		if (pool->slots[i] != 0)
			*find(&bigger, pool->data + pool->slots[i] - 1) = pool->slots[i];
	}
	free(pool->slots);
	pool->slots = bigger.slots;
	pool->n_slots = bigger.n_slots;
	return 0;
}

static int grow_data(struct string_pool *pool, size_t needed)
{
	size_t capacity = pool->capacity != 0 ? pool->capacity : CAPACITY_MIN;
	char *data;

	while (capacity < needed)
		capacity *= 2;
	if (capacity == pool->capacity)
		return 0;
	data = realloc(pool->data, capacity);
	if (data == NULL)
		return -ENOMEM;
	pool->data = data;
	pool->capacity = capacity;
	return 0;
}

void string_pool_fini(struct string_pool *pool)
{
	free(pool->data);
	free(pool->slots);
	*pool = (struct string_pool){0};
}

int string_pool_add(
        struct string_pool *pool, const char *text, size_t size_max, uint32_t *ret_offset)
{
	size_t size = strlen(text) + 1;
	uint32_t *slot;

	if (pool->n_used * 2 >= pool->n_slots && grow_slots(pool) != 0)
		return -ENOMEM;
	slot = find(pool, text);
	if (*slot == 0) {
		if (size > size_max || pool->size > size_max - size)
			return -ENOSPC;
		if (grow_data(pool, pool->size + size) != 0)
			return -ENOMEM;
		memcpy(pool->data + pool->size, text, size);
		*slot = (uint32_t)pool->size + 1;
		pool->size += size;
		pool->n_used++;
	}
	*ret_offset = *slot - 1;
	return 0;
}
