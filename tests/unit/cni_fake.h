/* SPDX-License-Identifier: BSD-3-Clause */
// Stand-ins for what the CNI shim talks to, so that its commands run without root. A network
// namespace is a JSON file whose keys are the interfaces in it; cni_fake_netns.c links in place of
// cni-shim/netns.c. The switch is a thread that keeps ports in a list and makes interfaces in such
// files.
#pragma once

#include <jansson.h>

// What the switch does instead of answering as it should.
enum fake_fault {
	FAKE_OK,
	FAKE_SILENT_ADD, // makes the port, never answers
	FAKE_NO_MAC, // makes the port, answers without its MAC address
	FAKE_REFUSE_ADD, // answers port.add with `error_code`
	FAKE_REFUSE_DEL, // answers port.del with it
	FAKE_CLOSE, // closes the connection at each request
};

struct fake_switch;

// Listens on `path`. NULL when that fails.
struct fake_switch *fake_switch_start(const char *path);
// Its ports and the socket go; what it made in namespaces stays.
void fake_switch_stop(struct fake_switch *sw);
void fake_switch_fail(struct fake_switch *sw, enum fake_fault fault, int error_code);
void fake_switch_set_max_ports(struct fake_switch *sw, int max_ports);
// Of vhost_user ports; the switch starts without that driver (-1).
void fake_switch_set_open_files(struct fake_switch *sw, int n_used, int max);
// A node that the switch knows before any port.
void fake_switch_add_node(struct fake_switch *sw, const char *name, const char *kind);
// Forgets its ports but leaves the interfaces, or the other way round.
void fake_switch_forget_ports(struct fake_switch *sw);
size_t fake_switch_n_ports(struct fake_switch *sw);
// The port whose owner this is (a new reference), NULL if none.
json_t *fake_switch_port(struct fake_switch *sw, const char *owner);

// Namespace files. Returns 0 or -1.
int fake_netns_create(const char *path);
// One interface (a new reference, NULL if none): {"mac", "mtu", "addresses", "default"}.
json_t *fake_netns_get(const char *path, const char *ifname);
int fake_netns_set(const char *path, const char *ifname, json_t *interface); // takes; NULL removes
