/* SPDX-License-Identifier: BSD-3-Clause */
// What the driver asks of rtnetlink, in batches: requests are written one after the other into one
// buffer, sent with one system call and acknowledged one by one.
// Thread: one at a time for each socket. A socket stays in the namespace it was opened in, wherever
// the thread goes.
#pragma once

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct rtnl;
struct port_addr;
struct port_route;
struct nlmsghdr;

// Opens a socket in the thread's network namespace. Returns 0 or -errno.
__attribute__((warn_unused_result)) int rtnl_open(struct rtnl **ret_rtnl);
void rtnl_close(struct rtnl *rtnl);

// What a veth pair is made of. The peer goes straight into its namespace; it starts down, the
// kernel cannot do otherwise.
struct rtnl_veth {
	const char *name;
	uint32_t ifindex;
	uint32_t mtu;
	bool up;
	const char *peer_name;
	uint32_t peer_ifindex; // 0: the kernel chooses
	uint32_t peer_mtu;
	const uint8_t *peer_mac; // NULL: the kernel chooses
	int peer_netns_fd; // -1: the same namespace
};

// Requests: put into the batch, nothing sent yet. A batch holds some 40 of them; `rtnl_send` sends
// what is there and empties it. `what` names the step for the fault ("address"); borrowed, a
// literal.
void rtnl_put_veth(struct rtnl *rtnl, const struct rtnl_veth *veth, const char *what);
// What to change: up or down with `change_up`; alias NULL: kept; xdp_fd -1: kept.
struct rtnl_link_set {
	uint32_t ifindex;
	const char *ifname; // used when ifindex is 0
	bool change_up, up;
	const char *alias;
	int xdp_fd;
	uint32_t group; // 0: kept
};
void rtnl_put_link_set(struct rtnl *rtnl, const struct rtnl_link_set *set, const char *what);
void rtnl_put_link_del(struct rtnl *rtnl, uint32_t ifindex, const char *what);
// All links of a group at once.
void rtnl_put_group_del(struct rtnl *rtnl, uint32_t group, const char *what);
void rtnl_put_addr(
        struct rtnl *rtnl, uint32_t ifindex, const struct port_addr *addr, const char *what);
void rtnl_put_route(
        struct rtnl *rtnl, uint32_t ifindex, const struct port_route *route, const char *what);
// Returns 0, or the first error; `*ret_what` (NULL allowed) the step it happened in. Requests after
// a failed one are still carried out by the kernel.
__attribute__((warn_unused_result)) int rtnl_send(struct rtnl *rtnl, const char **ret_what);

// A link as the kernel describes it.
struct rtnl_link {
	uint32_t ifindex;
	char name[16];
	char alias[256];
	uint32_t mtu;
	uint32_t group;
	bool up;
	uint64_t rx_dropped, tx_dropped, rx_errors, tx_errors;
};
// One link by index; -ENODEV if there is none.
__attribute__((warn_unused_result)) int rtnl_link_get(
        struct rtnl *rtnl, uint32_t ifindex, struct rtnl_link *ret_link);
// Calls `each` for all links of the namespace.
__attribute__((warn_unused_result)) int rtnl_link_dump(
        struct rtnl *rtnl, void (*each)(const struct rtnl_link *link, void *arg), void *arg);
