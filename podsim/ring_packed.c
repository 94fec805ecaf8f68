/* SPDX-License-Identifier: BSD-3-Clause */
// Packed rings: layout and notification.
#include "ring_packed.h"

// Each event structure has a line of its own.
static size_t driver_at(uint16_t size)
{
	return size * sizeof(struct virtio_packed_desc);
}

size_t ring_packed_bytes(uint16_t size)
{
	return driver_at(size) + 2ul * CACHE_LINE;
}

void ring_packed_init(struct ring_packed *ring, void *at, uint16_t *ids, uint16_t size,
        uint16_t flags, bool event_idx, bool interrupts)
{
	char *base = at;

	*ring = (struct ring_packed){
	        .desc = (void *)base,
	        .driver = (void *)(base + driver_at(size)),
	        .device = (void *)(base + driver_at(size) + CACHE_LINE),
	        .ids = ids,
	        .size = size,
	        .mask = (uint16_t)(size - 1),
	        .flags = flags,
	        .event_idx = event_idx,
	};
	for (uint16_t i = 0; i < size; i++) {
		ids[i] = i;
		ring->desc[i] = (struct virtio_packed_desc){0};
	}
	*ring->driver = (struct virtio_event){
	        .flags = interrupts ? VIRTIO_EVENT_ENABLE : VIRTIO_EVENT_DISABLE};
	if (interrupts && event_idx)
		ring_packed_want_call(ring);
}

static uint16_t position(const struct ring_packed *ring, uint16_t idx)
{
	return (uint16_t)((idx & ring->mask) | (ring_packed_wrap(ring, idx) ? 1u << 15 : 0));
}

void ring_packed_want_call(struct ring_packed *ring)
{
	__atomic_store_n(&ring->driver->off_wrap, position(ring, ring->used_idx), __ATOMIC_RELAXED);
	__atomic_store_n(&ring->driver->flags, VIRTIO_EVENT_DESC, __ATOMIC_RELEASE);
}

bool ring_packed_wants_kick(struct ring_packed *ring)
{
	uint16_t old = ring->kicked_idx;
	struct virtio_event event;
	uint16_t at;

	atomic_thread_fence(memory_order_seq_cst);
	ring->kicked_idx = ring->avail_idx;
	event = *(volatile struct virtio_event *)ring->device;
	if (event.flags != VIRTIO_EVENT_DESC)
		return event.flags == VIRTIO_EVENT_ENABLE;
	// the position in the round of avail_idx or in the one before it
	at = event.off_wrap & 0x7fff;
	at = (uint16_t)((ring->avail_idx & ~(uint16_t)ring->mask) + at);
	if ((event.off_wrap >> 15 != 0) != ring_packed_wrap(ring, ring->avail_idx))
		at = (uint16_t)(at - ring->size);
	return (uint16_t)(ring->avail_idx - at - 1) < (uint16_t)(ring->avail_idx - old);
}
