/* SPDX-License-Identifier: BSD-3-Clause */
// The control API: lines into a switch with two routers, a pod and a port. Each line gets an answer
// that is JSON, or none if it is a notification; afterwards the switch still removes all it has.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control_rig.h"
#include "log.h"
#include "methods.h"

#define LINES_MAX 64

static struct control_rig rig; // one for all inputs: each leaves it empty

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	control_rig_eal();
	control_rig_open(&rig, NULL);
	return 0;
}

static void populate(struct control_rig *to)
{
	static const char *const calls[][2] = {
	        {"node.add", "{\"name\":\"a\",\"kind\":\"router\",\"address\":\"fd00::a\","
	                     "\"interfaces\":[\"i\",\"g\"]}"},
	        {"node.add", "{\"name\":\"b\",\"kind\":\"router\",\"address\":\"fd00::b\","
	                     "\"interfaces\":[\"i\"]}"},
	        {"port.add", "{\"interface\":\"p/"
	                     "e\",\"backend\":\"mem\",\"node_kind\":\"pod\",\"owner\":\"o\"}"},
	        {"link.set", "{\"from\":\"a/i\",\"to\":\"b/"
	                     "i\",\"reverse\":true,\"delay_ns\":5,\"rate_bps\":1000000}"},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		json_decref(control_rig_call(to, calls[i][0], calls[i][1]));
}

static void run_line(struct control_rig *to, const char *line, size_t len)
{
	char *text = methods_answer(to->control, line, len, NULL, 0, /* may_write */ true);
	json_t *answer;

	if (text == NULL)
		return;
	answer = json_loads(text, 0, NULL);
	if (answer == NULL || (json_object_get(answer, "result") == NULL) ==
	                              (json_object_get(answer, "error") == NULL))
		abort();
	json_decref(answer);
	free(text);
}

// Removing every node takes all else with it, down to the last number.
static void clear(struct control_rig *full)
{
	struct control *c = full->control;
	struct fault fault = {0};

	while (c->model.nodes_by_name != NULL) {
		if (topology_node_del(c, c->model.nodes_by_name, /* force */ true, &fault) < 0)
			abort();
	}
	paths_worker_settle(c->paths);
	if (c->model.node_ids.n_used != 0 || c->model.iface_ids.n_used != 0 ||
	        c->model.router_ids.n_used != 0 || c->model.dest_ids.n_used != 0 ||
	        c->ports.ids.n_used != 0 || c->routes.route_ids.n_used != 0 ||
	        c->routes.target_ids.n_used != 0 || matrix_count(c->matrix) != 0 ||
	        matrix_needed_frames(c->matrix) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	populate(&rig);
	for (unsigned n = 0; at < end && n < LINES_MAX; n++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);

		run_line(&rig, at, len);
		at += len + 1;
	}
	log_set_level(LOG_LEVEL_ERR);
	paths_worker_settle(rig.control->paths);
	if (!publisher_sides_equal(rig.control->publisher, rig.control->model.iface_ids.end))
		abort();
	clear(&rig);
	return 0;
}
