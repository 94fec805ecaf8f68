/* SPDX-License-Identifier: BSD-3-Clause */
// A switch without threads.
#include "control_rig.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "methods.h"

static void give_up(const char *what, const struct fault *fault)
{
	fprintf(stderr, "%s: %s\n", what, fault->message);
	exit(1);
}

void control_rig_eal(void)
{
	static char program[] = "test", no_huge[] = "--no-huge", no_pci[] = "--no-pci",
	            no_files[] = "--no-shconf", memory[] = "-m", memory_mb[] = "64",
	            lcores[] = "-l", lcore[] = "0", no_telemetry[] = "--no-telemetry",
	            level[] = "--log-level=lib.eal:error";
	char *argv[] = {program, no_huge, no_pci, no_files, memory, memory_mb, lcores, lcore,
	        no_telemetry, level, NULL};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		fprintf(stderr, "EAL did not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	log_set_level(LOG_LEVEL_ERR);
}

void control_rig_open(struct control_rig *rig, const struct control_rig_options *options)
{
	static const struct control_rig_options none = {0};
	const struct control_rig_options *o = options != NULL ? options : &none;
	uint32_t max_ifaces = o->max_ifaces != 0 ? o->max_ifaces : 1024;
	uint64_t horizon_ns = o->horizon_ns != 0 ? o->horizon_ns : CONTROL_RIG_HORIZON_NS;
	uint32_t pool_frames = o->pool_frames != 0 ? o->pool_frames : 1023;
	struct datapath_config dp = {
	        .n_workers = o->n_workers != 0 ? o->n_workers : 1,
	        .poll = POLL_ADAPTIVE,
	        .max_ifaces = max_ifaces,
	        .max_nodes = max_ifaces,
	        .max_targets = 4096,
	        .max_ports = 256,
	        .wheel_horizon_ns = horizon_ns,
	        .wheel_slot_ns = 1000,
	        .pool_frames = pool_frames,
	        .frame_bytes = 2048,
	};
	struct control_config config = {
	        .instance = "test",
	        .socket_path = o->socket_path,
	        .socket_mode = 0600,
	        .state_dir = o->state_dir,
	        .max_nodes = max_ifaces,
	        .max_ifaces = max_ifaces,
	        .max_ports = 256,
	        .max_routes = 4096,
	        .max_clients = o->max_clients != 0 ? o->max_clients : 16,
	        .stall_ms = o->stall_ms,
	        .pool_frames = pool_frames,
	        .frame_bytes = 2048,
	        .assumed_frame_bytes = 1500,
	        .horizon_ns = horizon_ns,
	        .seed = 1,
	        .memory = "plain",
	        .drivers = rig->drivers,
	        .calls = o->calls,
	        .n_calls = o->n_calls,
	};
	struct fault fault = {0};

	memset(rig, 0, sizeof(*rig));
	rig->drivers[0] = o->driver != NULL ? o->driver : &mem_ops;
	if (datapath_create(&dp, &rig->dp, &fault) < 0)
		give_up("datapath_create", &fault);
	if (control_create(&config, rig->dp, &rig->control, &fault) < 0)
		give_up("control_create", &fault);
	if ((control_start(rig->control, &fault) < 0) != o->start_fails)
		give_up("control_start", &fault);
}

void control_rig_close(struct control_rig *rig, bool keep)
{
	rig->control->keep = keep;
	control_stop_ports(rig->control);
	control_destroy(rig->control);
	datapath_destroy(rig->dp);
}

char *control_rig_answer(struct control_rig *rig, const char *line)
{
	return methods_answer(rig->control, line, strlen(line), NULL, 0, /* may_write */ true);
}

json_t *control_rig_call(struct control_rig *rig, const char *method, const char *params)
{
	char *line, *text;
	json_t *answer, *value;

	if (asprintf(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}", method,
	            params[0] != '\0' ? ",\"params\":" : "", params) < 0)
		exit(1);
	text = control_rig_answer(rig, line);
	answer = json_loads(text, 0, NULL);
	value = json_object_get(answer, "result");
	if (value == NULL)
		value = json_object_get(answer, "error");
	json_incref(value);
	json_decref(answer);
	free(text);
	free(line);
	return value;
}
