/* SPDX-License-Identifier: BSD-3-Clause */
// Split rings: layout, and the half of notification that is not in the loop of most runs.
#include "ring_split.h"

static size_t avail_at(uint16_t size)
{
	return size * sizeof(struct virtio_desc);
}

static size_t used_at(uint16_t size)
{
	size_t end = avail_at(size) + sizeof(struct virtio_avail) + (size + 1) * sizeof(uint16_t);

	return (end + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

size_t ring_split_bytes(uint16_t size)
{
	return used_at(size) + sizeof(struct virtio_used) + size * sizeof(struct virtio_used_elem) +
	       sizeof(uint16_t);
}

void ring_split_init(struct ring_split *ring, void *at, uint16_t size, uint16_t flags,
        bool event_idx, bool interrupts)
{
	char *base = at;

	*ring = (struct ring_split){
	        .desc = (void *)base,
	        .avail = (void *)(base + avail_at(size)),
	        .used = (void *)(base + used_at(size)),
	        .avail_event = (void *)(base + ring_split_bytes(size) - sizeof(uint16_t)),
	        .size = size,
	        .mask = (uint16_t)(size - 1),
	        .flags = flags,
	        .event_idx = event_idx,
	};
	for (uint16_t i = 0; i < size; i++) {
		ring->desc[i] = (struct virtio_desc){.flags = flags};
		ring->avail->ring[i] = i;
	}
	if (!interrupts && !event_idx)
		ring->avail->flags = VIRTIO_AVAIL_NO_INTERRUPT;
	// half a round away from every index that comes soon: with EVENT_IDX, no call
	ring->avail->ring[size] = interrupts ? 0 : UINT16_MAX / 2;
}

bool ring_split_wants_kick(struct ring_split *ring)
{
	uint16_t old = ring->kicked_idx;
	uint16_t event;

	atomic_thread_fence(memory_order_seq_cst);
	ring->kicked_idx = ring->avail_idx;
	if (!ring->event_idx)
		return (*(volatile uint16_t *)&ring->used->flags & VIRTIO_USED_NO_NOTIFY) == 0;
	event = __atomic_load_n(ring->avail_event, __ATOMIC_RELAXED);
	return (uint16_t)(ring->avail_idx - event - 1) < (uint16_t)(ring->avail_idx - old);
}
