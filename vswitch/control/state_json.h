/* SPDX-License-Identifier: BSD-3-Clause */
// How the objects that survive the process look in the saved state and in its journal. restore.c
// and replay.c read what these write. New references; NULL: no memory. Thread: control.
#pragma once

#include <jansson.h>

struct iface;
struct model;
struct node;
struct port_table;
struct route;
struct route_table;
struct switch_port;

json_t *state_json_iface(const struct iface *iface); // [id, name, serial]
json_t *state_json_node(const struct node *node); // with its interfaces
json_t *state_json_port(const struct switch_port *port);
json_t *state_json_route(const struct route_table *table, const struct route *route);

// All of them; of routes those that a request made.
json_t *state_json_nodes(const struct model *model);
json_t *state_json_ports(const struct port_table *table);
json_t *state_json_routes(const struct route_table *table);
