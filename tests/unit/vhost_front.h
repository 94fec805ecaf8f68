/* SPDX-License-Identifier: BSD-3-Clause */
// A front end that does what it is told: sends single messages, right or wrong, with descriptors.
// For tests of the back end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define FRONT_MEMORY 0x100000u // bytes of its memory file, guest address 0
#define FRONT_USER_ADDR 0x7f0000000000ull
#define FRONT_RING_SIZE 64u

struct front {
	int socket;
	int memory_fd;
	uint8_t *memory;
	int kick_fd, call_fd;
	size_t piece; // bytes sent at once, 0: all
	void (*between)(void *arg); // called between two pieces
	void *arg;
};

// Takes the socket. Unsealed memory unless `sealed`.
void front_init(struct front *front, int socket, bool sealed);
void front_fini(struct front *front);
// -1: the back end closed the connection.
int front_send(struct front *front, const struct message *message, const int *fds, size_t n_fds);
int front_send_u64(struct front *front, uint32_t request, uint64_t value);
int front_send_state(struct front *front, uint32_t request, uint32_t idx, uint32_t num);
int front_send_fd(struct front *front, uint32_t request, uint32_t idx, int fd);
int front_send_memory(struct front *front);
int front_send_addr(struct front *front, uint32_t idx);
// Receives an answer if there is one: its number of bytes, 0: none yet, -1: closed.
int front_receive(struct front *front, struct message *ret_message, int *ret_fd);
// Features and memory; then a ring, started and enabled.
int front_negotiate(struct front *front, uint64_t features, uint64_t protocol_features);
int front_start_ring(struct front *front, uint32_t idx);
