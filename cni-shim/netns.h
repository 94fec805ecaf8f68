/* SPDX-License-Identifier: BSD-3-Clause */
// The pod's network namespace: what is in it, over netlink. Returns as error.h says.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "error.h"

#define NETNS_ADDRS_MAX 32
#define NETNS_GONE_MS 1000 // longest wait for the switch to remove an interface

// Opens CNI_NETNS and checks that it is a network namespace and, unless `own_allowed`, another one
// than ours. `*ret_fd` is the caller's. Returns 0 or CNI_E_NETNS.
__attribute__((warn_unused_result)) int netns_open(
        const char *path, bool own_allowed, int *ret_fd, struct cni_error *err);
// What tells one namespace from all others of this boot; 0 if it cannot be read.
uint64_t netns_inode(int fd);

struct netns_facts {
	bool has_link; // the fields below count
	unsigned ifindex;
	char mac[CNI_MAC_TEXT_SIZE]; // "" if it has none
	int mtu;
	bool up;
	size_t n_addrs; // IPv6, of the interface; at most NETNS_ADDRS_MAX are kept
	struct cni_cidr addrs[NETNS_ADDRS_MAX];
	bool has_default; // an IPv6 default route through any interface
};

enum netns_want { NETNS_WANT_ADDRS = 1, NETNS_WANT_DEFAULT = 2 };

// Looks at interface `ifname` of the namespace. Returns 0, CNI_E_NETNS or CNI_E_IO.
__attribute__((warn_unused_result)) int netns_probe(int fd, const char *ifname, unsigned want,
        struct netns_facts *ret_facts, struct cni_error *err);

// Waits until `ifname` is not in the namespace, or `timeout_ms` have passed. The switch removes
// interfaces in the background.
void netns_wait_gone(int fd, const char *ifname, int timeout_ms);
// Deletes `ifname` if its MAC address is `mac`: DEL without a switch that would do it. Returns
// whether it was deleted.
bool netns_delete_link(int fd, const char *ifname, const char *mac);
