/* SPDX-License-Identifier: BSD-3-Clause */
// A port: two rings with their buffers, where its frames go, and what it counted.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "connection.h"
#include "flow.h"
#include "frame.h"
#include "memory.h"
#include "ring_packed.h"
#include "ring_split.h"
#include "track.h"

#define PORT_RX 0 // index of the ring, as virtio-net numbers them
#define PORT_TX 1

// A frame stands at the beginning of a cache line, the network header before it.
#define PORT_HEADROOM_BYTES CACHE_LINE

struct port_queue {
	union {
		struct ring_split split;
		struct ring_packed packed;
	};
	char *frames; // the frame of buffer 0
	uint64_t addr; // guest address of buffer 0, where its network header is
	uint32_t stride; // from buffer to buffer
	uint32_t room; // bytes of a buffer with the network header
	void *ring_memory;
	uint16_t *ids; // of a packed ring
	uint64_t *at; // looping: guest address of each descriptor's buffer
	int kick_fd, call_fd; // -1: polled
};

// The worker writes, control reads.
struct port_counters {
	uint64_t tx_frames, tx_bytes;
	uint64_t tx_full; // frames due that found the ring full
	uint64_t tx_reset; // frames in the ring when the device went away
	uint64_t rx_frames, rx_bytes;
	uint64_t rx_foreign; // frames that are not ours
	uint64_t rx_misdelivered; // ours, but for another port
	uint64_t rx_corrupt;
	uint64_t rx_split; // frames in several buffers
	uint64_t kicks;
	uint64_t injected; // loops: frames put into the circle
};

struct port {
	// control publishes, the worker reads
	_Alignas(CACHE_LINE) atomic_bool up;
	bool sends, receives;
	uint32_t id;
	struct port *peer;
	// the worker's
	uint32_t seq;
	uint64_t tokens; // frames that may be sent now, 32.32
	uint64_t token_cycles; // when they were counted
	struct flow_cursor cursor;
	struct port_queue rx, tx;
	const struct port *source; // who sends to this port
	struct track track; // of source
	uint32_t checksum_constant; // frame_constant of the template
	uint32_t n_more, whole_bytes; // buffers due of a frame in several, and what is there of it
	struct frame *whole; // NULL: frames fit in one
	struct port_counters counters;
	// control's
	_Alignas(CACHE_LINE) struct connection connection;
	struct frame_template template;
};

// What all ports have in common.
struct port_shape {
	uint16_t ring_size;
	uint16_t ring_align;
	uint32_t rx_bytes, tx_bytes; // of a frame in a buffer, without header
	bool parts; // frames may be larger than rx_bytes
	bool packed, loop, interrupts, kicks;
};

// Distance of buffers: an odd number of cache lines, so that the heads of buffers use all sets of
// the caches.
uint32_t port_stride(uint32_t frame_bytes);
// Memory that a port takes; `busy` with its own buffers.
size_t port_bytes(const struct port_shape *shape, bool busy);

// Takes rings, and buffers unless `shared` is given, from `memory`. Returns 0, or -errno.
__attribute__((warn_unused_result)) int port_init(struct port *port, uint32_t id,
        const struct port_shape *shape, struct memory *memory, char *shared, struct fault *fault);
void port_fini(struct port *port);

// Empties both rings, offers all receive buffers if the port receives, and describes them to
// connection_announce. Thread: control, while the port is down.
void port_reset(struct port *port, const struct port_shape *shape, const struct memory *memory,
        uint64_t features, struct connection_ring rings[2]);

static always_inline struct frame *port_frame(const struct port_queue *queue, uint32_t id)
{
	return (struct frame *)(void *)(queue->frames + (size_t)id * queue->stride);
}
