/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket: clients, their lines in, their answers out. Knows JSON-RPC's framing, not its
// methods' meaning. Thread: control.
//
// No client can hold up another: a turn of the event loop serves a client a few lines at most; one
// that has answers waiting is not read any further, and is dropped when it takes none for a while;
// lines, depth, descriptors and the number of clients have limits. Where there are as many as may
// be, a new one takes the place of the one that has been idle longest.
#pragma once

#include <stdint.h>

#include "fault.h"

struct control;
struct event_base;
struct server;

#define SERVER_LINES_PER_TURN 16
#define SERVER_PAUSE_BYTES (1u << 20) // answers waiting for a client: no more of its lines are read
#define SERVER_STALL_MS 5000 // that long with none taken, and it is dropped

struct server_config {
	const char *path;
	unsigned mode; // of the socket
	const char *group; // owner group; NULL or "": the process's
	uint32_t max_clients;
	uint32_t stall_ms; // 0: SERVER_STALL_MS
};

// Listens. Borrows `control`. A socket left by a dead switch is replaced, a live one is refused.
__attribute__((warn_unused_result)) int server_create(struct control *control,
        struct event_base *base, const struct server_config *config, struct server **ret_server,
        struct fault *fault);
// Sends what waits as far as it goes without blocking, closes all, removes the socket.
void server_destroy(struct server *server);

// NULL: 0.
uint32_t server_n_clients(const struct server *server);
uint64_t server_n_dropped(const struct server *server);
