/* SPDX-License-Identifier: BSD-3-Clause */
// Ports: memory and set-up of the rings.
#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

uint32_t port_stride(uint32_t frame_bytes)
{
	uint32_t lines = (PORT_HEADROOM_BYTES + frame_bytes + CACHE_LINE - 1) / CACHE_LINE;

	return (lines | 1) * CACHE_LINE;
}

static size_t ring_bytes(const struct port_shape *shape)
{
	return shape->packed ? ring_packed_bytes(shape->ring_size)
	                     : ring_split_bytes(shape->ring_size);
}

size_t port_bytes(const struct port_shape *shape, bool busy)
{
	size_t buffers = (size_t)shape->ring_size *
	                 (port_stride(shape->rx_bytes) + port_stride(shape->tx_bytes));

	return 2 * (ring_bytes(shape) + shape->ring_align + CACHE_LINE) + (busy ? buffers : 0);
}

static int queue_init(struct port_queue *queue, const struct port_shape *shape,
        uint32_t frame_bytes, struct memory *memory, char *shared, struct fault *fault)
{
	char *buffers = shared;

	queue->kick_fd = queue->call_fd = -1;
	queue->stride = port_stride(frame_bytes);
	queue->room = frame_bytes + (uint32_t)sizeof(struct virtio_net_hdr);
	queue->ring_memory = memory_take(memory, ring_bytes(shape), shape->ring_align);
	if (buffers == NULL)
		buffers = memory_take(memory, (size_t)shape->ring_size * queue->stride, CACHE_LINE);
	queue->frames = buffers + PORT_HEADROOM_BYTES;
	queue->addr = memory_guest(memory, queue->frames - sizeof(struct virtio_net_hdr));
	if (shape->packed)
		queue->ids = calloc(shape->ring_size, sizeof(*queue->ids));
	if (shape->loop)
		queue->at = calloc(shape->ring_size, sizeof(*queue->at));
	if ((shape->packed && queue->ids == NULL) || (shape->loop && queue->at == NULL))
		return fault_set(fault, -ENOMEM, "", "no memory");
	for (uint32_t i = 0; i < shape->ring_size && shape->loop; i++)
		queue->at[i] = queue->addr + (uint64_t)i * queue->stride;
	if (shape->kicks)
		queue->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (shape->interrupts)
		queue->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if ((shape->kicks && queue->kick_fd < 0) || (shape->interrupts && queue->call_fd < 0))
		return fault_set(fault, -errno, "", "cannot make an eventfd");
	return 0;
}

static void queue_fini(struct port_queue *queue)
{
	free(queue->ids);
	free(queue->at);
	if (queue->kick_fd >= 0)
		close(queue->kick_fd);
	if (queue->call_fd >= 0)
		close(queue->call_fd);
}

int port_init(struct port *port, uint32_t id, const struct port_shape *shape, struct memory *memory,
        char *shared, struct fault *fault)
{
	int err;

	*port = (struct port){.id = id, .receives = true, .connection = {.fd = -1}};
	port->rx.kick_fd = port->rx.call_fd = port->tx.kick_fd = port->tx.call_fd = -1;
	if (shape->parts && shared == NULL) {
		port->whole = calloc(1, FRAME_BYTES_MAX);
		if (port->whole == NULL)
			return fault_set(fault, -ENOMEM, "", "no memory");
	}
	err = queue_init(&port->rx, shape, shape->rx_bytes, memory, shared, fault);
	return err < 0 ? err : queue_init(&port->tx, shape, shape->tx_bytes, memory, shared, fault);
}

void port_fini(struct port *port)
{
	connection_close(&port->connection);
	free(port->whole);
	queue_fini(&port->rx);
	queue_fini(&port->tx);
}

static void queue_reset(struct port_queue *queue, const struct port_shape *shape, uint16_t flags,
        bool event_idx, struct connection_ring *ret_ring)
{
	memset(queue->ring_memory, 0, ring_bytes(shape));
	*ret_ring = (struct connection_ring){
	        .size = shape->ring_size, .kick_fd = queue->kick_fd, .call_fd = queue->call_fd};
	if (shape->packed) {
		ring_packed_init(&queue->packed, queue->ring_memory, queue->ids, shape->ring_size,
		        flags, event_idx, shape->interrupts);
		ret_ring->desc = queue->packed.desc;
		ret_ring->driver = queue->packed.driver;
		ret_ring->device = queue->packed.device;
		ret_ring->base = 0x80008000u; // position 0 of the first round, both ways
	} else {
		ring_split_init(&queue->split, queue->ring_memory, shape->ring_size, flags,
		        event_idx, shape->interrupts);
		ret_ring->desc = queue->split.desc;
		ret_ring->driver = queue->split.avail;
		ret_ring->device = queue->split.used;
	}
}

static void offer_all(struct port_queue *rx, bool packed)
{
	uint16_t n = packed ? rx->packed.size : rx->split.size;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = rx->at != NULL ? rx->at[i] : rx->addr + (uint64_t)i * rx->stride;

		if (packed)
			ring_packed_post(&rx->packed, addr, rx->room);
		else
			ring_split_post(&rx->split, addr, rx->room);
	}
	if (!packed)
		ring_split_publish(&rx->split);
}

void port_reset(struct port *port, const struct port_shape *shape, const struct memory *memory,
        uint64_t features, struct connection_ring rings[2])
{
	bool event_idx = (features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX)) != 0;

	port->n_more = 0;
	queue_reset(&port->rx, shape, VIRTIO_DESC_WRITE, event_idx, &rings[PORT_RX]);
	queue_reset(&port->tx, shape, 0, event_idx, &rings[PORT_TX]);
	if (port->receives)
		offer_all(&port->rx, shape->packed);
}
