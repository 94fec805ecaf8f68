/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration file: libconfig text to a validated structure. Keys, units and defaults are
// described in config/orrery.conf. Every error names file, line and key, and what was expected; a
// key that is not known is an error.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "fault.h"

#define CONFIG_DEFAULT_PATH "/etc/orrery/orrery.conf"
#define CONFIG_PATH_SIZE 256
#define CONFIG_WORKERS_MAX 64
#define CONFIG_EAL_ARGS_MAX 64
#define CONFIG_DRIVERS_MAX 4

// In the order of the choices in config.c.
enum config_hugepages { HUGEPAGES_AUTO, HUGEPAGES_ON, HUGEPAGES_OFF };
enum config_on_stop { ON_STOP_KEEP, ON_STOP_REMOVE };
enum config_equal_paths { EQUAL_PATHS_ONE, EQUAL_PATHS_FLOW };

struct config {
	char instance[33];
	unsigned worker_cpus[CONFIG_WORKERS_MAX];
	uint16_t n_workers; // 0: auto, the last processor
	int poll; // enum poll_mode
	int hugepages; // enum config_hugepages
	int on_stop; // enum config_on_stop
	int log_level; // enum log_level
	uint64_t memory_mb; // 0: what the frame buffers need
	uint64_t max_nodes, max_ifaces, max_ports, max_routes, max_next_hops, max_clients;
	uint64_t pool_frames, frame_bytes, assumed_frame_bytes;
	uint64_t horizon_ns, slot_ns;
	uint64_t idle_spin_ns, wake_early_ns, sweep_ns;
	uint64_t icmp_rate_pps;
	uint64_t convergence_ns, equal_within_ns;
	int equal_paths; // enum config_equal_paths
	uint64_t seed;
	uint64_t socket_mode;
	char socket_path[CONFIG_PATH_SIZE];
	char socket_group[64];
	char state_dir[CONFIG_PATH_SIZE]; // "": nothing is saved
	char vhost_user_dir[CONFIG_PATH_SIZE];
	char vhost_user_owner[64], vhost_user_group[64];
	uint64_t vhost_user_mode;
	char *eal_args[CONFIG_EAL_ARGS_MAX];
	size_t n_eal_args;
	char drivers[CONFIG_DRIVERS_MAX][16];
	size_t n_drivers;
	struct control_call *calls; // static nodes, links, routes and ports, in this order
	size_t n_calls;
};

// Returns 0, or -errno with the whole sentence in `fault->message` and the key in `fault->field`.
// config_free() frees the result.
__attribute__((warn_unused_result)) int config_load(
        const char *path, struct config **ret_config, struct fault *fault);
// The same from text; `name` stands for the file in messages.
__attribute__((warn_unused_result)) int config_parse(
        const char *text, const char *name, struct config **ret_config, struct fault *fault);
// All defaults.
struct config *config_default(void);
void config_free(struct config *config); // NULL allowed

// The configuration by the names of the file, for config.show: a new reference.
json_t *config_json(const struct config *config);
