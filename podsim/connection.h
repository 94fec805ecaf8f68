/* SPDX-License-Identifier: BSD-3-Clause */
// One port's vhost-user connection, the front-end's side: sockets and messages. Written from the
// vhost-user specification. Never blocks; an event loop calls in.
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "memory.h"

enum connection_state {
	CONNECTION_CLOSED, // client: to be tried again
	CONNECTION_LISTENING, // server: nobody there
	CONNECTION_FEATURES, // waits for the answer to GET_FEATURES
	CONNECTION_PROTOCOL, // ... GET_PROTOCOL_FEATURES
	CONNECTION_QUEUES, // ... GET_QUEUE_NUM
	CONNECTION_SETTLING, // all announced, waits for the acknowledgements
	CONNECTION_UP,
};

// What the driver wants of a device.
struct connection_wishes {
	uint64_t features; // those that must be there, and
	uint64_t optional; // those that are taken if offered
	uint16_t mtu; // 0: none announced
};

struct connection_ring {
	const void *desc, *driver, *device; // in `memory`
	uint32_t base; // of SET_VRING_BASE
	uint16_t size;
	int kick_fd, call_fd; // borrowed; -1: polled
};

struct connection {
	enum connection_state state;
	int fd; // listening or connected; -1 when closed
	uint64_t features; // negotiated, valid from CONNECTION_SETTLING
	uint64_t protocol;
	uint32_t n_acks_due;
	uint32_t n_sessions; // how often it was up
	uint32_t have; // bytes of the message that is being read
	uint8_t message[12 + 64];
};

enum connection_event {
	CONNECTION_NOTHING,
	CONNECTION_ANNOUNCE, // the device answered: set the rings up and call connection_announce
	CONNECTION_IS_UP,
};

// Server: listens on `path`; client: connects. Returns 0 with connection->fd to be watched for
// reading, or -errno: -ENOENT, -ECONNREFUSED and -EAGAIN mean that nobody is there yet.
__attribute__((warn_unused_result)) int connection_open(
        struct connection *connection, const char *path, bool client, struct fault *fault);
// Server, when a listening descriptor is readable: takes the client. The listening socket is
// closed: a port has one descriptor. Returns 0 with another fd to watch, or -errno.
__attribute__((warn_unused_result)) int connection_accept(
        struct connection *connection, struct fault *fault);
// Reads what is there, and goes on. Returns 0 and an event, or -errno: the connection is to be
// closed; -ECONNRESET without a word in `fault` when the device went away.
__attribute__((warn_unused_result)) int connection_read(struct connection *connection,
        const struct connection_wishes *wishes, enum connection_event *ret_event,
        struct fault *fault);
// Announces memory and rings and enables them.
__attribute__((warn_unused_result)) int connection_announce(struct connection *connection,
        const struct connection_wishes *wishes, const struct memory *memory,
        const struct connection_ring *rings, uint32_t n_rings, struct fault *fault);
// Stops the rings as a driver does that goes away in order. Does not wait for the answers.
void connection_stop_rings(struct connection *connection, uint32_t n_rings);
void connection_close(struct connection *connection);
