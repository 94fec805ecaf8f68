/* SPDX-License-Identifier: BSD-3-Clause */
// A whole switch without threads for unit tests and fuzzing: data path, control side, ports in
// memory. Ends the program with a message when something cannot be made.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "core.h"
#include "datapath.h"
#include "mem.h"

#define CONTROL_RIG_HORIZON_NS 4000000000ull

struct control_rig_options {
	const char *state_dir; // NULL: none
	const char *socket_path; // NULL: none, and no event loop
	const struct port_ops *driver; // NULL: mem_ops
	uint16_t n_workers; // 0: one
	uint32_t max_ifaces; // 0: 1024
	uint32_t max_clients; // 0: 16
	uint32_t stall_ms; // 0: the server's own
	uint64_t horizon_ns; // 0: CONTROL_RIG_HORIZON_NS
	uint32_t pool_frames; // 0: 1023
	struct control_call *calls; // static objects
	size_t n_calls;
	bool start_fails; // as it should: only to be closed
};

struct control_rig {
	struct datapath *dp;
	struct control *control;
	const struct port_ops *drivers[2];
};

// EAL without privileges, once a program.
void control_rig_eal(void);
void control_rig_open(
        struct control_rig *rig, const struct control_rig_options *options); // NULL: defaults
// keep: as if the process had been killed, but for what the operating system would clean up.
void control_rig_close(struct control_rig *rig, bool keep);

// One line in, its answer out (free()); NULL for a notification.
char *control_rig_answer(struct control_rig *rig, const char *line);
// Calls a method with parameters as text, "" for none; the result, or the error object. New
// reference.
json_t *control_rig_call(struct control_rig *rig, const char *method, const char *params);
