/* SPDX-License-Identifier: BSD-3-Clause */
// Pool of small numbers: a bitmap and a hint where to search from.
#include "ids.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int ids_init(struct ids *ids, uint32_t max)
{
	*ids = (struct ids){.max = max};
	ids->words = calloc((size_t)max / 64 + 1, sizeof(ids->words[0]));
	return ids->words != NULL ? 0 : -ENOMEM;
}

void ids_fini(struct ids *ids)
{
	free(ids->words);
	ids->words = NULL;
}

bool ids_used(const struct ids *ids, uint32_t id)
{
	return id < ids->max && (ids->words[id / 64] & (1ull << (id % 64))) != 0;
}

static void mark_used(struct ids *ids, uint32_t id)
{
	ids->words[id / 64] |= 1ull << (id % 64);
	ids->n_used++;
	if (id >= ids->end)
		ids->end = id + 1;
}

int ids_get(struct ids *ids, uint32_t *ret_id)
{
	if (ids->n_used == ids->max)
		return -ENOSPC;
	while (ids->words[ids->hint] == UINT64_MAX)
		ids->hint++;

	uint32_t id = ids->hint * 64 + (uint32_t)__builtin_ctzll(~ids->words[ids->hint]);

	assert(id < ids->max);
	mark_used(ids, id);
	*ret_id = id;
	return 0;
}

int ids_take(struct ids *ids, uint32_t id)
{
	if (id >= ids->max)
		return -ERANGE;
	if (ids_used(ids, id))
		return -EBUSY;
	mark_used(ids, id);
	return 0;
}

void ids_put(struct ids *ids, uint32_t id)
{
	assert(ids_used(ids, id));
	ids->words[id / 64] &= ~(1ull << (id % 64));
	ids->n_used--;
	if (id / 64 < ids->hint)
		ids->hint = id / 64;
}
