/* SPDX-License-Identifier: BSD-3-Clause */
// What the router's stages share: who a frame is at, and how a packet of its own leaves.
// Thread: worker.
#pragma once

#include <rte_mbuf.h>
#include <stdint.h>

#include "ip6.h"
#include "stage.h"
#include "worker.h"

#define ROUTER_HOP_LIMIT 255 // of packets a router makes: paths across a large shell are long

static inline uint32_t router_node_id(const struct worker *w, struct rte_mbuf *m)
{
	return w->view->ifaces[frame_of(m)->iface_id].node_id;
}

static inline const struct dp_node *router_node(const struct worker *w, struct rte_mbuf *m)
{
	return &w->view->nodes[router_node_id(w, m)];
}

// Is `addr` the router's own address?
static inline bool router_owns(const struct dp_node *node, const uint8_t addr[16])
{
	return ip6_equal(node->address, addr) && !ip6_is_unspecified(addr);
}

// A packet of the router's own, whole but for the Ethernet addresses; takes it. frame->iface_id is
// the interface its cause came in by. Goes where the table says, or, when the destination is
// link-local, multicast or without a route, out of that interface to `back_mac` (may lie inside
// `m`).
void router_send(struct worker *w, struct rte_mbuf *m, const uint8_t back_mac[6]);
// The second half of that: straight out of the interface.
void router_send_back(struct worker *w, struct rte_mbuf *m, const uint8_t back_mac[6]);

// A new mbuf that follows `cause` (interface, time); NULL when the pool is empty.
struct rte_mbuf *router_new_frame(struct worker *w, struct rte_mbuf *cause);
// Fills the IPv6 header of an ICMPv6 packet and the message's checksum.
void router_finish_icmp(struct ip6_frame *frame, const uint8_t src[16], const uint8_t dst[16],
        uint8_t hop_limit, uint32_t icmp_len);

// nd.c: a neighbour solicitation, of `icmp_len` bytes at `icmp`; takes the frame.
void nd_solicited(
        struct worker *w, struct rte_mbuf *m, const struct icmp6 *icmp, uint32_t icmp_len);
// icmp6.c: an echo request to the router; takes the frame.
void icmp6_echo(struct worker *w, struct rte_mbuf *m, struct icmp6 *icmp, uint32_t icmp_len);
