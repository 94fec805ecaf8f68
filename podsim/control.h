/* SPDX-License-Identifier: BSD-3-Clause */
// The control thread's event loop: connections of all ports, commands, signals.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "fleet.h"

// Where commands come from: standard input, or the client of the control socket.
struct control_source {
	int in, out; // -1: nobody
	uint32_t len;
	char text[64]; // an unfinished line
};

struct control {
	struct fleet *fleet;
	int epoll_fd, signal_fd;
	int64_t retry_ns; // when ports without a connection try again; 0: none waits
	bool stop;
	uint64_t n_failures; // connections that ended by an error
	int listen_fd; // of --control; -1: none
	struct control_source input, client;
	void (*on_command)(void *context, const char *command, int out_fd);
	void *context;
};

int64_t control_now_ns(void);

__attribute__((warn_unused_result)) int control_init(
        struct control *control, struct fleet *fleet, struct fault *fault);
void control_fini(struct control *control);

// Opens each port's socket. Returns 0, or -errno when that cannot ever work.
__attribute__((warn_unused_result)) int control_open_all(
        struct control *control, struct fault *fault);
// Handles what happens until `until_ns`, a stop, or `done` (NULL allowed) says so.
void control_run(struct control *control, int64_t until_ns, bool (*done)(struct control *control));
// Takes leave of all devices.
void control_close_all(struct control *control);
