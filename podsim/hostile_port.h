/* SPDX-License-Identifier: BSD-3-Clause */
// One port that breaks the rules: what its parts (life, messages, rings) share. Thread: hostile's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostile.h"
#include "rng.h"

#define HOSTILE_RINGS 2
#define HOSTILE_MEMORY_MIN (64u << 10)
// Where things lie in the memory file: rings, indirect tables, buffers.
#define HOSTILE_RING_BYTES 0x4000u
#define HOSTILE_DRIVER_AT 0x1000u // in a ring: avail ring, or the driver's event structure
#define HOSTILE_DEVICE_AT 0x2000u // used ring, or the device's
#define HOSTILE_TABLES_AT (HOSTILE_RINGS * HOSTILE_RING_BYTES)
#define HOSTILE_TABLES_BYTES 0x4000u
#define HOSTILE_BUFFERS_AT (HOSTILE_TABLES_AT + HOSTILE_TABLES_BYTES)

enum hostile_state {
	HOSTILE_AWAY, // no socket, until it is due
	HOSTILE_WAITING, // for the switch
	HOSTILE_NEGOTIATING, // messages are left to be sent
	HOSTILE_RUNNING,
};

struct hostile_ring {
	uint16_t size;
	uint16_t idx; // made available so far
	bool wrap; // of the packed ring's next descriptor
};

struct hostile_port {
	uint32_t id;
	struct rng rng;
	enum hostile_state state;
	int listen_fd, fd, memory_fd; // -1: none
	int event_fds[2 * HOSTILE_RINGS]; // kick and call of each ring
	uint64_t due_ns;
	uint64_t guest_base, user_base, bytes; // of its memory
	uint64_t features;
	bool cut; // its memory file was truncated
	// of 256: how often a descriptor, or a message, is a bad one in this session
	uint32_t descriptor_malice, message_malice;
	struct hostile_ring rings[HOSTILE_RINGS];
	uint32_t next_message;
	uint8_t order[32]; // of the messages of a negotiation
	uint32_t n_order;
};

// From 0 to n - 1.
static inline uint32_t hostile_pick(struct hostile_port *port, uint32_t n)
{
	return (uint32_t)((rng_next(&port->rng) >> 32) * n >> 32);
}

static inline bool hostile_chance(struct hostile_port *port, uint32_t of_256)
{
	return hostile_pick(port, 256) < of_256;
}

static inline void hostile_count(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

// Draws the order in which this session negotiates.
void hostile_plan_negotiation(struct hostile_port *port);
// Sends the next message of the negotiation. Returns 0 while there are more, 1 after the last,
// -errno when the connection does not take it.
int hostile_negotiate(struct hostile_port *port, struct hostile_counters *counters);
// Sends a message that fits nothing. Returns 0 or -errno.
int hostile_interject(struct hostile_port *port, struct hostile_counters *counters);
// Makes descriptors available in one of the rings.
void hostile_offer(struct hostile_port *port, struct hostile_counters *counters);
