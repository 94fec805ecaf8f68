/* SPDX-License-Identifier: BSD-3-Clause */
// The driver's side of a split ring (virtio 1.2, 2.7) whose frames take one descriptor each.
//
// Descriptor i belongs to buffer i of the ring. The avail ring is also the queue of free
// descriptors: the u-th completion gives its descriptor to the slot of the (u + size)-th offer. A
// device that completes in order finds the avail ring and the descriptors unchanged round after
// round, so neither is written: their lines stay shared between the two cores.
// Thread: the worker; control only while the port is down.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"
#include "virtio.h"

// What the device gave back.
struct ring_done {
	uint32_t id;
	uint32_t len;
};

struct ring_split {
	struct virtio_desc *desc;
	struct virtio_avail *avail;
	struct virtio_used *used;
	const uint16_t *avail_event;
	uint16_t size; // a power of two
	uint16_t mask;
	uint16_t avail_idx; // offered so far; published or not
	uint16_t used_idx; // taken back so far
	uint16_t flags; // of each descriptor
	uint16_t kicked_idx; // avail_idx when ring_split_wants_kick was last asked
	bool event_idx;
	uint32_t n_bad; // completions that no honest device makes
};

// Bytes of the three parts together, each aligned as the specification wants.
size_t ring_split_bytes(uint16_t size);

// `at` is zeroed memory of ring_split_bytes, aligned to 64. Descriptors carry `flags`, and address
// 0 until the first ring_split_post. `interrupts`: the device shall call for each completion.
void ring_split_init(struct ring_split *ring, void *at, uint16_t size, uint16_t flags,
        bool event_idx, bool interrupts);

// Asks for calls again, after ring_split_collect, when they are wanted with EVENT_IDX.
static always_inline void ring_split_want_call(struct ring_split *ring)
{
	*(volatile uint16_t *)&ring->avail->ring[ring->size] = ring->used_idx;
}

static always_inline uint16_t ring_split_n_free(const struct ring_split *ring)
{
	return (uint16_t)(ring->size - (uint16_t)(ring->avail_idx - ring->used_idx));
}

// Takes back up to `max` buffers. Returns how many.
static always_inline uint32_t ring_split_collect(
        struct ring_split *ring, struct ring_done *done, uint32_t max)
{
	uint16_t idx = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
	uint16_t n = (uint16_t)(idx - ring->used_idx);
	uint32_t n_good = 0;

	if (n == 0)
		return 0;
	if (unlikely(n > (uint16_t)(ring->avail_idx - ring->used_idx))) {
		ring->n_bad++;
		return 0;
	}
	if (n > max)
		n = (uint16_t)max;
	for (uint16_t i = 0; i < n; i++) {
		uint16_t slot = ring->used_idx++ & ring->mask;
		struct virtio_used_elem elem = ring->used->ring[slot];

		if (unlikely(elem.id != ring->avail->ring[slot])) {
			if (elem.id >= ring->size) {
				ring->n_bad++;
				elem.id = ring->avail->ring[slot];
			}
			ring->avail->ring[slot] = (uint16_t)elem.id;
		}
		done[n_good++] = (struct ring_done){elem.id, elem.len};
	}
	return n_good;
}

// The descriptor that the `ahead`-th ring_split_post from now uses.
static always_inline uint16_t ring_split_next(const struct ring_split *ring, uint32_t ahead)
{
	return ring->avail->ring[(ring->avail_idx + ahead) & ring->mask];
}

// Offers the next descriptor with this buffer. There must be a free one.
static always_inline void ring_split_post(struct ring_split *ring, uint64_t addr, uint32_t len)
{
	struct virtio_desc *desc = &ring->desc[ring_split_next(ring, 0)];

	if (desc->addr != addr)
		desc->addr = addr;
	if (desc->len != len)
		desc->len = len;
	ring->avail_idx++;
}

// Offers the next `n` with the buffers that they had.
static always_inline void ring_split_repost(
        struct ring_split *ring, const struct ring_done *done, uint32_t n)
{
	ring->avail_idx = (uint16_t)(ring->avail_idx + n);
}

static always_inline void ring_split_publish(struct ring_split *ring)
{
	__atomic_store_n(&ring->avail->idx, ring->avail_idx, __ATOMIC_RELEASE);
}

// Whether the device wants to be told of what was published since the last call. Costs a full
// barrier; only rings with a kick descriptor ask.
bool ring_split_wants_kick(struct ring_split *ring);
