/* SPDX-License-Identifier: BSD-3-Clause */
// The driver's side of a packed ring (virtio 1.2, 2.8) whose frames take one descriptor each: the
// same operations as ring_split.h. Buffer id i belongs to buffer i of the ring. A descriptor is
// written with one 16-byte store: the device never sees half of it.
// Thread: the worker; control only while the port is down.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"
#include "ring_split.h" // struct ring_done
#include "virtio.h"

struct ring_packed {
	struct virtio_packed_desc *desc;
	struct virtio_event *driver, *device;
	uint16_t *ids; // the queue of free ids, as the avail ring is that of a split ring
	uint16_t size; // a power of two
	uint16_t mask;
	uint16_t avail_idx; // free running; bit log2(size) says which round it is
	uint16_t used_idx;
	uint16_t flags;
	uint16_t kicked_idx;
	bool event_idx;
	uint32_t n_bad;
};

size_t ring_packed_bytes(uint16_t size);

// As ring_split_init; `ids` has room for `size` and stays the caller's.
void ring_packed_init(struct ring_packed *ring, void *at, uint16_t *ids, uint16_t size,
        uint16_t flags, bool event_idx, bool interrupts);

void ring_packed_want_call(struct ring_packed *ring);

static always_inline uint16_t ring_packed_n_free(const struct ring_packed *ring)
{
	return (uint16_t)(ring->size - (uint16_t)(ring->avail_idx - ring->used_idx));
}

// Of a position: true in the first round and each second after it.
static always_inline bool ring_packed_wrap(const struct ring_packed *ring, uint16_t idx)
{
	return (idx & ring->size) == 0;
}

static always_inline uint32_t ring_packed_collect(
        struct ring_packed *ring, struct ring_done *done, uint32_t max)
{
	uint16_t pending = (uint16_t)(ring->avail_idx - ring->used_idx);
	uint32_t n = 0;

	if (max > pending)
		max = pending;
	while (n < max) {
		uint16_t slot = ring->used_idx & ring->mask;
		const struct virtio_packed_desc *desc = &ring->desc[slot];
		uint16_t want = ring_packed_wrap(ring, ring->used_idx)
		                        ? VIRTIO_DESC_AVAIL | VIRTIO_DESC_USED
		                        : 0;
		uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
		uint16_t id;

		if ((flags & (VIRTIO_DESC_AVAIL | VIRTIO_DESC_USED)) != want)
			break;
		id = desc->id;
		if (unlikely(id >= ring->size)) {
			ring->n_bad++;
			id = ring->ids[slot];
		}
		ring->ids[slot] = id;
		done[n++] = (struct ring_done){id, desc->len};
		ring->used_idx++;
	}
	return n;
}

static always_inline uint16_t ring_packed_next(const struct ring_packed *ring, uint32_t ahead)
{
	return ring->ids[(ring->avail_idx + ahead) & ring->mask];
}

static always_inline void ring_packed_post(struct ring_packed *ring, uint64_t addr, uint32_t len)
{
	uint16_t slot = ring->avail_idx & ring->mask;
	uint64_t flags = ring->flags | (ring_packed_wrap(ring, ring->avail_idx) ? VIRTIO_DESC_AVAIL
	                                                                        : VIRTIO_DESC_USED);
	uint64_t rest = len | (uint64_t)ring->ids[slot] << 32 | flags << 48;

	// all earlier writes to the buffer come before it: stores are not reordered here
	atomic_signal_fence(memory_order_release);
	_mm_store_si128((__m128i *)(void *)&ring->desc[slot],
	        _mm_set_epi64x((long long)rest, (long long)addr));
	ring->avail_idx++;
}

static always_inline void ring_packed_publish(struct ring_packed *ring)
{
	// each descriptor published itself
}

bool ring_packed_wants_kick(struct ring_packed *ring);
