/* SPDX-License-Identifier: BSD-3-Clause */
// The network configuration on standard input: parsed, validated, with what the runtime asks for
// this one attachment (runtimeConfig, args.cni, CNI_ARGS). Pure: no system call. docs/cni.md lists
// the keys.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "address.h"
#include "env.h"
#include "error.h"
#include "names.h"
#include "version.h"

#define CNI_ADDRS_MAX 8 // as many as a port takes
#define CNI_ROUTES_MAX 16 // the same
#define CNI_TIMEOUT_MS_DEFAULT 10000
#define CNI_SOCKET_SIZE 108 // sockaddr_un.sun_path, with its 0

enum cni_node_kind {
	CNI_NODE_ANY, // as the switch has it; a new node is a pod
	CNI_NODE_POD,
	CNI_NODE_ROUTER,
};

struct cni_route {
	struct cni_cidr dst; // len 0: the default route
	struct in6_addr via; // unspecified: fe80::1
};

// The socket of a vhost_user port.
struct cni_vhost {
	const char *dir; // holds a directory a container
	char path[CNI_SOCKET_SIZE]; // "" for GC and STATUS
	bool app_listens; // the container makes the socket, the switch connects; else the reverse
	int uid, gid; // of the container's directory; -1: the plugin's own
	unsigned dir_mode;
	int queue_pairs; // 0: the switch's default
};

// What "owner" says in the switch is "cni:NETWORK:CONTAINERID:IFNAME".
struct cni_conf {
	json_t *root; // owned; the strings below are borrowed from it
	enum cni_version version;
	const char *name; // of the network
	const char *ipam; // type of the IPAM plugin, NULL if none
	const char *socket; // NULL: the default
	const char *log_file; // NULL: standard error only
	int timeout_ms;
	const json_t *prev_result; // NULL if none
	const json_t *valid; // GC: valid attachments, NULL if not given

	bool is_vhost; // backend vhost_user
	bool carrier; // the container sees whether its link is up
	struct cni_vhost vhost; // if is_vhost
	const char *device_info; // file for Multus, NULL if none is wanted

	// for ADD and STATUS only
	char node[NODE_NAME_SIZE];
	char interface[IFACE_NAME_SIZE];
	enum cni_node_kind kind;
	int mtu; // 0: the switch's default
	bool has_prefix;
	struct cni_cidr prefix;
	size_t n_addrs;
	struct cni_cidr addrs[CNI_ADDRS_MAX]; // asked for by the runtime, else by key `addresses`
	bool addrs_are_asked; // by the runtime: they must be had or ADD fails
	bool has_routes; // `routes` is there, maybe empty
	size_t n_routes;
	struct cni_route routes[CNI_ROUTES_MAX];
	char mac[CNI_MAC_TEXT_SIZE]; // "" if nobody asks
};

// `text` need not be terminated. DEL and GC read only what names the attachment and the switch, and
// take a default for every key of those that is wrong, so that a half-written configuration can
// still be cleaned up. Returns 0; CNI_E_DECODE, _VERSION, _CONFIG or _ENV. On failure too
// cni_conf_fini().
__attribute__((warn_unused_result)) int cni_conf_parse(struct cni_conf *conf, const char *text,
        size_t len, enum cni_verb verb, const struct cni_env *env, struct cni_error *err);
void cni_conf_fini(struct cni_conf *conf);

// The name in `cniVersion` of standard input, for the answer to VERSION: what is there if it is
// text of a version's form, else our newest. `buf` holds it.
const char *cni_conf_version_text(const char *text, size_t len, char buf[16]);

// Calls `warn` for every key that neither CNI nor we know.
void cni_conf_unknown_keys(
        const struct cni_conf *conf, void (*warn)(const char *key, void *arg), void *arg);
