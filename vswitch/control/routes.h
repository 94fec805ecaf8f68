/* SPDX-License-Identifier: BSD-3-Clause */
// The route table: an IPv6 prefix and who owns it. Keeps targets (owner, interface, neighbour)
// shared between prefixes and writes the idle FIB; the caller commits. Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "hash.h"

#include "fault.h"
#include "model.h"
#include "paths_worker.h"
#include "publish.h"

// Who made a route: what a node or a port brings with it goes with it.
enum route_origin { ROUTE_STATIC, ROUTE_NODE, ROUTE_PORT };

struct route_key {
	uint8_t addr[16];
	uint8_t len;
};

struct route {
	uint32_t id; // order of listing
	struct route_key key;
	enum route_origin origin;
	struct target *target;
	UT_hash_handle hh;
};

struct target_key {
	uint32_t node_id;
	uint32_t iface_id; // DP_NONE: the node itself
	uint8_t mac[ETH_ALEN];
	uint8_t zero[2];
};

struct target {
	uint32_t id;
	uint32_t n_routes;
	struct target_key key;
	UT_hash_handle hh;
};

struct route_table {
	struct model *model;
	struct publisher *publisher;
	struct paths_worker *paths;
	struct route *routes_by_key;
	struct route **routes; // [max_routes], by id
	struct ids route_ids;
	struct target *targets_by_key;
	struct target **targets; // [max_routes], by id
	struct ids target_ids;
};

// Borrows all; `paths` may be NULL until set.
__attribute__((warn_unused_result)) int route_table_init(struct route_table *table,
        struct model *model, struct publisher *publisher, struct paths_worker *paths,
        uint32_t max_routes);
void route_table_fini(struct route_table *table);

struct route_owner {
	struct node *node; // a router
	struct iface *iface; // of that node, where the station is; NULL: the node itself
	uint8_t mac[ETH_ALEN]; // of the station
	enum route_origin origin;
};

// Idempotent. -EEXIST when the prefix belongs to somebody else, -EINVAL, -ENOSPC, -ENOMEM.
__attribute__((warn_unused_result)) int route_add(struct route_table *table,
        const struct fib6_prefix *prefix, const struct route_owner *owner, bool *ret_created,
        struct fault *fault);
// Returns 0 or -ENOENT.
__attribute__((warn_unused_result)) int route_del(struct route_table *table, struct route *route);

struct route *route_find(const struct route_table *table, const struct fib6_prefix *prefix);
// Longest prefix that covers `dst`; NULL if none.
struct route *route_match(const struct route_table *table, const uint8_t dst[16]);
struct node *route_node(const struct route_table *table, const struct route *route);
struct iface *route_iface(const struct route_table *table, const struct route *route); // NULL: none
void route_prefix(const struct route *route, struct fib6_prefix *ret_prefix);

// All routes to a node, to an interface, or of a port at an interface. Returns how many went.
uint32_t route_del_node(struct route_table *table, const struct node *node);
uint32_t route_del_iface(struct route_table *table, const struct iface *iface, bool of_port_only);
