/* SPDX-License-Identifier: BSD-3-Clause */
// The layouts are the protocol's: DescStateSplit, QueueRegionSplit and the packed ones.
#include "resume.h"

#include <errno.h>
#include <stdlib.h>

#include "ring_state.h"

#define REGION_VERSION 1u // 0: nothing in it, or its ring was stopped in order
#define FLAG_AVAIL (1u << 7)
#define FLAG_USED (1u << 15)

struct split_entry {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;
	uint64_t counter;
};

struct split_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct split_entry entries[];
};

struct packed_entry {
	uint8_t inflight;
	uint8_t padding;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

// Lists and places are stored as one word each, so that no kill leaves one half done.
union packed_heads {
	uint32_t word;
	struct {
		uint16_t free, old_free;
	};
};

union packed_places {
	uint64_t word;
	struct {
		uint16_t used_idx, old_used_idx;
		uint8_t used_wrap, old_used_wrap;
		uint8_t padding[2];
	};
};

struct packed_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	union packed_heads heads;
	union packed_places places;
	uint8_t padding[8];
	struct packed_entry entries[];
};

static_assert(sizeof(struct split_entry) == 16 && offsetof(struct split_region, entries) == 16,
        "as in the specification");
static_assert(sizeof(struct packed_entry) == 32 && offsetof(struct packed_region, entries) == 32 &&
                      offsetof(struct packed_region, heads) == 12 &&
                      offsetof(struct packed_region, places) == 16,
        "as in the specification");

// What was in flight, to be put in order.
struct pending {
	uint64_t counter;
	uint16_t entry;
};

static int by_counter(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;

	return x->counter < y->counter ? -1 : x->counter > y->counter;
}

static void init_split(struct vring *vring, struct split_region *region)
{
	for (uint32_t i = 0; i < vring->size; i++)
		region->entries[i] = (struct split_entry){.inflight = 0};
	region->last_batch_head = 0;
	region->used_idx = vring->next_used;
	region->desc_num = vring->size;
	store_release_u16(&region->version, REGION_VERSION);
}

// The last batch was given back if the used index says so, whatever its entries say.
static void settle_split_batch(const struct vring *vring, struct split_region *region)
{
	uint16_t n = vring->next_used - load_u16(&region->used_idx);
	uint16_t i = load_u16(&region->last_batch_head);

	for (; n > 0 && i < vring->size; n--) {
		region->entries[i].inflight = 0;
		i = load_u16(&region->entries[i].next);
	}
	store_u16(&region->used_idx, vring->next_used);
}

int resume_split(struct vring *vring, uint8_t *avail_entries)
{
	struct split_region *region = vring->inflight;
	struct pending *pending;
	uint32_t n = 0;

	if (load_u16(&region->version) != REGION_VERSION ||
	        load_u16(&region->desc_num) != vring->size) {
		init_split(vring, region);
		return 0;
	}
	pending = malloc(sizeof(*pending) * vring->size);
	if (pending == NULL)
		return -ENOMEM;
	settle_split_batch(vring, region);
	for (uint16_t i = 0; i < vring->size; i++) {
		if (region->entries[i].inflight == 1)
			pending[n++] = (struct pending){region->entries[i].counter, i};
	}
	qsort(pending, n, sizeof(*pending), by_counter);
	for (uint32_t i = 0; i < n; i++)
		store_u16(avail_entries + sizeof(uint16_t) * ((vring->next_used + i) & vring->mask),
		        pending[i].entry);
	// the last one first: killed here, the next start does the same again
	while (n > 0)
		__atomic_store_n(
		        &region->entries[pending[--n].entry].inflight, 0, __ATOMIC_RELEASE);
	free(pending);
	return 0;
}

static void init_packed(struct vring *vring, struct packed_region *region)
{
	union packed_places places = {.used_idx = vring->next_avail,
	        .old_used_idx = vring->next_avail,
	        .used_wrap = vring->avail_wrap,
	        .old_used_wrap = vring->avail_wrap};

	for (uint32_t i = 0; i < vring->size; i++)
		region->entries[i] = (struct packed_entry){.next = (uint16_t)(i + 1)};
	store_u32(&region->heads, 0);
	store_u64(&region->places, places.word);
	region->desc_num = vring->size;
	store_release_u16(&region->version, REGION_VERSION);
}

static uint16_t avail_flags(bool wrap)
{
	return wrap ? FLAG_AVAIL : FLAG_USED;
}

// Where the ring goes on; false: what the region says cannot be.
static bool settle_packed_batch(struct vring *vring, struct packed_region *region)
{
	union packed_places places = {.word = load_u64(&region->places)};
	union packed_heads heads = {.word = load_u32(&region->heads)};

	if (places.used_idx >= vring->size || places.old_used_idx >= vring->size)
		return false;
	if (places.used_idx != places.old_used_idx || places.used_wrap != places.old_used_wrap) {
		uint16_t flags = load_desc(vring->desc + sizeof(struct desc) * places.old_used_idx)
		                         .packed.flags;

		if ((flags & (FLAG_AVAIL | FLAG_USED)) != avail_flags(places.old_used_wrap)) {
			places.old_used_idx = places.used_idx;
			places.old_used_wrap = places.used_wrap;
			heads.old_free = heads.free;
		}
	}
	places.used_idx = places.old_used_idx;
	places.used_wrap = places.old_used_wrap;
	heads.free = heads.old_free;
	store_u32(&region->heads, heads.word);
	store_u64(&region->places, places.word);
	vring->next_avail = places.used_idx;
	vring->avail_wrap = places.used_wrap != 0;
	for (uint32_t i = heads.free, n = 0; i < vring->size && n < vring->size; n++) {
		region->entries[i].inflight = 0;
		i = load_u16(&region->entries[i].next);
	}
	return true;
}

// Writes a chain back to where it was or, if others before it have been given back out of order, to
// where it would be had it come later. Returns how many descriptors, 0 if there is no place.
static uint32_t restore_chain(
        struct vring *vring, const struct packed_region *region, uint32_t i, uint32_t offset)
{
	uint32_t num = region->entries[i].num;

	if (num == 0 || num > vring->size - offset)
		return 0;
	for (uint32_t k = 0; k < num && i < vring->size; k++) {
		const struct packed_entry *entry = &region->entries[i];
		uint32_t place = vring->next_avail + offset + k;
		bool wrap = vring->avail_wrap;
		struct desc desc = {.addr = entry->addr, .len = entry->len};

		if (place >= vring->size) {
			place -= vring->size;
			wrap = !wrap;
		}
		desc.packed.id = entry->id;
		desc.packed.flags = (entry->flags & (DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) |
		                    avail_flags(wrap);
		memcpy(vring->desc + sizeof(desc) * place, &desc, sizeof(desc));
		i = load_u16(&entry->next);
	}
	return num;
}

int resume_packed(struct vring *vring)
{
	struct packed_region *region = vring->inflight;
	struct pending *pending;
	uint32_t n = 0, offset = 0;

	if (load_u16(&region->version) != REGION_VERSION ||
	        load_u16(&region->desc_num) != vring->size || !settle_packed_batch(vring, region)) {
		init_packed(vring, region);
		return 0;
	}
	pending = malloc(sizeof(*pending) * vring->size);
	if (pending == NULL)
		return -ENOMEM;
	for (uint16_t i = 0; i < vring->size; i++) {
		if (region->entries[i].inflight == 1)
			pending[n++] = (struct pending){region->entries[i].counter, i};
	}
	qsort(pending, n, sizeof(*pending), by_counter);
	for (uint32_t i = 0; i < n; i++)
		offset += restore_chain(vring, region, pending[i].entry, offset);
	// the last one first: killed here, the next start does the same again
	while (n > 0)
		__atomic_store_n(
		        &region->entries[pending[--n].entry].inflight, 0, __ATOMIC_RELEASE);
	free(pending);
	init_packed(vring, region);
	return 0;
}

void resume_forget(struct vring *vring)
{
	if (vring->packed)
		store_release_u16(&((struct packed_region *)vring->inflight)->version, 0);
	else
		store_release_u16(&((struct split_region *)vring->inflight)->version, 0);
}

// Entries are used from the first on: all are free again after each call.
void journal_add(struct vring *vring, uint16_t offset, uint16_t n)
{
	struct packed_region *region = vring->inflight;
	uint32_t first = vring->n_journal;
	union packed_heads heads;

	if (first + n > vring->size) // a guest that makes available what it was not given back
		return;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t place = ((uint32_t)vring->next_avail + offset + k) % vring->size;
		struct desc desc = load_desc(vring->desc + sizeof(desc) * place);
		struct packed_entry *entry = &region->entries[first + k];

		entry->addr = desc.addr;
		entry->len = desc.len;
		entry->id = desc.packed.id;
		entry->flags = desc.packed.flags;
	}
	region->entries[first].num = n;
	region->entries[first].last = (uint16_t)(first + n - 1);
	region->entries[first].counter = vring->journal_counter++;
	region->entries[first].inflight = 1;
	vring->n_journal += n;
	heads.free = heads.old_free = vring->n_journal;
	__atomic_store_n(&region->heads.word, heads.word, __ATOMIC_RELEASE);
}

void journal_commit(struct vring *vring)
{
	struct packed_region *region = vring->inflight;
	union packed_heads heads = {.free = 0, .old_free = vring->n_journal};
	union packed_places places = {.word = load_u64(&region->places)};

	places.used_idx = vring->next_avail;
	places.used_wrap = vring->avail_wrap;
	__atomic_store_n(&region->heads.word, heads.word, __ATOMIC_RELEASE);
	__atomic_store_n(&region->places.word, places.word, __ATOMIC_RELEASE);
}

void journal_end(struct vring *vring)
{
	struct packed_region *region = vring->inflight;
	union packed_places places = {.used_idx = vring->next_avail,
	        .old_used_idx = vring->next_avail,
	        .used_wrap = vring->avail_wrap,
	        .old_used_wrap = vring->avail_wrap};

	for (uint32_t i = 0; i < vring->n_journal; i++)
		region->entries[i].inflight = 0;
	vring->n_journal = 0;
	__atomic_store_n(&region->places.word, places.word, __ATOMIC_RELEASE);
	__atomic_store_n(&region->heads.word, 0, __ATOMIC_RELEASE);
}
