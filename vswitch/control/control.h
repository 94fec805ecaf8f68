/* SPDX-License-Identifier: BSD-3-Clause */
// The control side as main sees it: one thread that owns the model, the socket, timers and netlink.
//
//	control_create -> datapath_start -> control_start -> control_run -> control_stop_ports ->
//	datapath_stop -> control_destroy
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "paths_policy.h"

struct control;
struct datapath;
struct port_ops;
struct vhost_user_config;

// A method call that the configuration makes at start: a static node, link, route or port.
struct control_call {
	const char *method;
	json_t *params;
	char where[280]; // "FILE:LINE: key", for messages
};

// All pointers are borrowed until control_destroy.
struct control_config {
	const char *instance;
	const char *socket_path; // NULL: no socket (tests)
	unsigned socket_mode;
	const char *socket_group; // NULL or "": the process's group
	const char *state_dir; // NULL: nothing is saved
	uint32_t max_nodes, max_ifaces, max_ports, max_routes, max_clients;
	uint64_t max_next_hops; // 0: no limit
	uint32_t stall_ms; // after which a client that takes no answers is dropped; 0: the default
	uint32_t pool_frames; // a worker's
	uint32_t frame_bytes; // the longest frame, Ethernet header and tag included
	uint32_t assumed_frame_bytes;
	uint64_t horizon_ns;
	uint64_t seed;
	struct paths_policy routes;
	bool keep_on_stop;
	const char *memory; // "hugepages" or "plain"
	const unsigned *worker_cpus; // [n_workers], for worker.list
	const unsigned *worker_lcores;
	const struct port_ops *const *drivers; // NULL terminated
	const struct vhost_user_config *vhost_user; // NULL: defaults
	json_t *shown; // what config.show says
	const struct control_call *calls;
	size_t n_calls;
};

// Builds the tables and publishes an empty view.
__attribute__((warn_unused_result)) int control_create(const struct control_config *config,
        struct datapath *dp, struct control **ret_control, struct fault *fault);
// Opens the drivers, takes back what an earlier switch left, makes the static objects, opens the
// socket.
__attribute__((warn_unused_result)) int control_start(struct control *control, struct fault *fault);
// Serves until SIGTERM, SIGINT or the method shutdown. Both signals are blocked when it returns.
__attribute__((warn_unused_result)) int control_run(struct control *control, struct fault *fault);
// Closes the socket, unplugs the ports and closes the drivers. Workers may still run.
void control_stop_ports(struct control *control);
void control_destroy(struct control *control); // NULL allowed
