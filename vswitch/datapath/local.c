/* SPDX-License-Identifier: BSD-3-Clause */
// What comes to the router itself: to fe80::1, to its own address, or to a multicast group of the
// link. Sorts it; nd.c and icmp6.c answer.
#include "router.h"

#define MLD_V2_REPORT 143 // RFC 3810

static void drop(struct worker *w, struct rte_mbuf *m, enum drop_reason reason)
{
	drop_burst(w, &m, 1, reason);
}

static bool is_ours(const struct dp_node *node, const uint8_t dst[16])
{
	return ip6_equal(dst, ip6_gateway) || router_owns(node, dst);
}

static void local_icmp(struct worker *w, struct rte_mbuf *m, struct icmp6 *icmp, uint32_t len)
{
	const struct ip6_frame *frame = ip6_frame_of(m);

	if (len < sizeof(*icmp) || ip6_icmp_cksum(&frame->ip, icmp, len) != 0) {
		drop(w, m, DROP_BAD_IPV6);
		return;
	}
	switch (icmp->type) {
	case ND_NEIGHBOR_SOLICIT:
		nd_solicited(w, m, icmp, len);
		break;
	case ICMP6_ECHO_REQUEST:
		icmp6_echo(w, m, icmp, len);
		break;
	case ND_ROUTER_SOLICIT: // addresses come with the pod's interface, not from advertisements
	case ND_NEIGHBOR_ADVERT: // neighbours are static
	case MLD_LISTENER_REPORT: // no multicast is forwarded
	case MLD_LISTENER_REDUCTION:
	case MLD_V2_REPORT:
		drop(w, m, DROP_CONSUMED);
		break;
	default:
		drop(w, m, DROP_LOCAL_UNKNOWN);
		break;
	}
}

void local_frame(struct worker *w, struct rte_mbuf *m)
{
	struct ip6_upper_layer upper;
	struct ip6_frame *frame;
	uint32_t len;

	if (rte_pktmbuf_linearize(m) < 0) { // no room in the first segment
		drop(w, m, DROP_LOCAL_UNKNOWN);
		return;
	}
	frame = ip6_frame_of(m);
	len = ip6_packet_len(&frame->ip);
	if (!ip6_is_multicast(frame->ip.dst_addr) &&
	        !is_ours(router_node(w, m), frame->ip.dst_addr)) { // in a prefix the router owns
		local_error(w, m, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, 0, DROP_LOCAL_UNKNOWN);
		return;
	}
	if (!ip6_find_upper(&frame->ip, len, &upper)) {
		drop(w, m, DROP_BAD_IPV6);
		return;
	}
	if (upper.fragment) { // nothing here puts fragments together
		drop(w, m, DROP_LOCAL_UNKNOWN);
	} else if (upper.proto == IPPROTO_ICMPV6) {
		local_icmp(w, m, (struct icmp6 *)((uint8_t *)&frame->ip + upper.offset),
		        len - upper.offset);
	} else if (upper.proto == IPPROTO_UDP && !ip6_is_multicast(frame->ip.dst_addr)) {
		local_error(
		        w, m, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, 0, DROP_LOCAL_UNKNOWN);
	} else {
		drop(w, m, DROP_LOCAL_UNKNOWN);
	}
}
