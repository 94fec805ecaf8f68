/* SPDX-License-Identifier: BSD-3-Clause */
// The topology by name: nodes and their interfaces, each with a stable id. Desired state only; what
// the workers see of it is written by control/topology.c. Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "hash.h"
#include <utlist.h>

#include "fault.h"
#include "ids.h"
#include "names.h"
#include "stats.h"
#include "view.h"

struct switch_port;

struct node {
	uint32_t id;
	char name[NODE_NAME_SIZE];
	enum node_kind kind;
	bool transient; // port.add made it: it goes with its last port
	bool has_address;
	uint8_t address[16]; // a router's own
	uint32_t router_idx; // dense number of a router, DP_NONE for others
	uint32_t dest_idx; // dense number of a node that owns routes, else DP_NONE
	uint32_t n_routes; // routes it owns
	uint32_t n_ifaces;
	struct iface *ifaces; // in order of creation
	UT_hash_handle hh;
};

struct iface_key {
	uint32_t node_id;
	char name[IFACE_NAME_SIZE]; // zero padded: it is hashed whole
};

struct iface {
	uint32_t id;
	struct iface_key key;
	uint64_t serial; // of its making: tells it from those that had its id before
	struct node *node;
	struct iface *prev, *next; // of the node
	struct switch_port *port; // NULL: none plugged
	struct link_stats base; // counters of its link number before this interface had it
	UT_hash_handle hh;
};

struct model {
	struct node *nodes_by_name;
	struct iface *ifaces_by_key;
	struct node **nodes; // [max_nodes], by id
	struct iface **ifaces; // [max_ifaces], by id
	struct ids node_ids, iface_ids;
	uint64_t next_serial; // of an interface
	struct ids router_ids, dest_ids; // returned by paths_worker once no table uses them
	uint64_t max_next_hops; // of a table: routers x destinations; 0: no limit
};

// What the switch needs for each next hop: the table, the one before, the one being computed, and
// the next hops and order that the next computation begins at.
#define MODEL_NEXT_HOP_BYTES 20

__attribute__((warn_unused_result)) int model_init(
        struct model *model, uint32_t max_nodes, uint32_t max_ifaces);
void model_fini(struct model *model);

// Whether the next hops of so many more routers and destinations (routers that own routes) are
// within the limit. Returns 0 or -ENOSPC.
__attribute__((warn_unused_result)) int model_check_next_hops(
        const struct model *model, uint32_t more_routers, uint32_t more_dests, struct fault *fault);

// Names are checked by the caller's schema or here. `id` DP_NONE: the lowest free one.
// Returns 0, -EINVAL (name), -EEXIST, -EBUSY (that id is taken), -ENOSPC (limit), -ENOMEM.
__attribute__((warn_unused_result)) int model_node_add(struct model *model, const char *name,
        enum node_kind kind, uint32_t id, struct node **ret_node, struct fault *fault);
__attribute__((warn_unused_result)) int model_iface_add(struct model *model, struct node *node,
        const char *name, uint32_t id, struct iface **ret_iface, struct fault *fault);

// Takes the object out of the tables; the id stays taken until model_*_release.
void model_iface_remove(struct model *model, struct iface *iface);
void model_node_remove(struct model *model, struct node *node); // its interfaces are gone already
// After a grace period: the id may be used again; frees the object.
void model_iface_release(struct model *model, struct iface *iface);
void model_node_release(struct model *model, struct node *node);

struct node *model_node_find(const struct model *model, const char *name);
struct iface *model_iface_find(
        const struct model *model, const struct node *node, const char *name);
// By reference "node/interface": -EINVAL (form) or -ENOENT (says whether node or interface is
// missing).
__attribute__((warn_unused_result)) int model_ref_find(const struct model *model, const char *ref,
        const char *field, struct iface **ret_iface, struct fault *fault);

static inline struct iface *model_iface(const struct model *model, uint32_t id)
{
	return id < model->iface_ids.end ? model->ifaces[id] : NULL;
}

static inline struct node *model_node(const struct model *model, uint32_t id)
{
	return id < model->node_ids.end ? model->nodes[id] : NULL;
}

char *iface_ref_format(char buf[IFACE_REF_SIZE], const struct iface *iface);
const char *node_kind_name(enum node_kind kind);
enum node_kind node_kind_parse(const char *text); // NODE_KIND_NONE if unknown
