/* SPDX-License-Identifier: BSD-3-Clause */
// The byte stream of one front end: messages in, with the descriptors that come along, and answers
// out. Nothing blocks; a peer may send a byte at a time. Nothing of a message's meaning is known
// here.
//
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "message.h"

struct connection {
	int fd; // -1: closed
	uint32_t n_bytes; // of the message being read, header included
	uint32_t n_fds;
	int fds[MESSAGE_FDS_MAX]; // came with it; the connection closes those that nobody takes
	struct message message;
};

// Takes the socket, which is non-blocking.
void connection_init(struct connection *connection, int fd);
// Closes the socket and the descriptors of a message that nobody handled. Twice is harmless.
void connection_fini(struct connection *connection);

// Reads on. 1: a message is complete and well formed, in `message` with `fds`, until
// connection_next. 0: no more bytes for now. -ECONNRESET: the peer is gone. Else the peer broke the
// rules: -EPROTO with a fault.
__attribute__((warn_unused_result)) int connection_receive(
        struct connection *connection, struct fault *fault);
// Done with the message: closes its descriptors that were not taken.
void connection_next(struct connection *connection);
// A descriptor of the message; it is the caller's now.
int connection_take_fd(struct connection *connection, uint32_t idx);

// Sends `message`, with a descriptor unless it is -1. A peer that sends requests and reads no
// answers breaks the rules: -EPROTO. -ECONNRESET: gone.
__attribute__((warn_unused_result)) int connection_send(
        struct connection *connection, const struct message *message, int fd, struct fault *fault);
