/* SPDX-License-Identifier: BSD-3-Clause */
// All that the control thread owns, for the files of this folder. Thread: control.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "carrier.h"
#include "control.h"
#include "datapath.h"
#include "ids.h"
#include "matrix.h"
#include "model.h"
#include "paths_worker.h"
#include "ports.h"
#include "publish.h"
#include "routes.h"

struct event_base;
struct player;
struct sampler;
struct server;
struct state;

struct control {
	struct control_config config;
	struct datapath *dp;
	struct event_base *base;
	struct model model;
	struct publisher *publisher;
	struct matrix *matrix;
	struct route_table routes;
	struct paths_worker *paths;
	struct port_table ports;
	struct carrier carrier;
	struct sampler *sampler;
	struct player *player;
	struct state *state; // NULL: nothing is saved
	struct server *server; // NULL: no socket
	struct timespec started;
	struct orrery_record *records; // [max_ifaces], where records from a file are checked
	uint64_t applied_tsc; // when the last worker used the last epoch
	uint64_t n_requests;
	bool publish_held; // control_publish waits: more is coming
	bool keep; // pods' interfaces stay when the switch stops
	bool stopping;
};

// topology.c: nodes and interfaces in the model and, ready for workers, in the published tables.
struct node_config {
	const char *name;
	enum node_kind kind;
	const uint8_t *address; // NULL: none
	uint32_t id; // DP_NONE: any
	bool transient; // goes with its last port, as long as nobody asks for it otherwise
};

// Adds the node, or finds it: -EEXIST if it has another kind or address. `*ret_created` tells.
__attribute__((warn_unused_result)) int topology_node_add(struct control *control,
        const struct node_config *config, struct node **ret_node, bool *ret_created,
        struct fault *fault);
// Adds the interface, or finds it.
__attribute__((warn_unused_result)) int topology_iface_add(struct control *control,
        struct node *node, const char *name, uint32_t id, struct iface **ret_iface,
        bool *ret_created, struct fault *fault);
// With its interfaces. Without `force` -EBUSY while a port or link is plugged in.
__attribute__((warn_unused_result)) int topology_node_del(
        struct control *control, struct node *node, bool force, struct fault *fault);
// Removes the node if it is transient and has neither port nor link nor route left.
void topology_node_expire(struct control *control, struct node *node);
// An interface that has neither port nor link nor route.
void topology_iface_del(struct control *control, struct iface *iface);
// Why a node cannot go: text for people, NULL if it can.
bool topology_node_busy(
        const struct control *control, const struct node *node, struct fault *fault);

// Publishes what is pending, if anything is and nobody holds it. Returns ns until the last worker
// used it.
uint64_t control_publish(struct control *control);
// The staged matrix becomes the next epoch.
__attribute__((warn_unused_result)) int control_commit_matrix(struct control *control,
        struct matrix_result *ret_result, uint64_t *ret_epoch, struct fault *fault);
// The same in two steps, to be ready before it is due: checks and writes what is staged, with
// slopes that count from `at_tsc`; then publishes it. Nothing may be staged or published between
// them.
__attribute__((warn_unused_result)) int control_prepare_matrix(struct control *control,
        uint64_t at_tsc, struct matrix_result *ret_result, struct fault *fault);
uint64_t control_publish_matrix(struct control *control, const struct matrix_result *result);
uint64_t control_now_tsc(void);
double control_uptime_s(const struct control *control);
