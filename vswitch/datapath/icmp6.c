/* SPDX-License-Identifier: BSD-3-Clause */
// ICMPv6 (RFC 4443): echo, and errors about packets that go no further.
#include "icmp_state.h"
#include "router.h"

#define ICMP_INFO_BIT 0x80 // of the type: informational, not an error

struct error {
	struct ip6_frame frame;
	struct icmp6 icmp;
	uint8_t packet[]; // as much of the packet as fits
} __attribute__((packed));

static_assert(offsetof(struct error, packet) == 62, "an error's headers");

void router_finish_icmp(struct ip6_frame *frame, const uint8_t src[16], const uint8_t dst[16],
        uint8_t hop_limit, uint32_t icmp_len)
{
	struct icmp6 *icmp = (struct icmp6 *)(frame + 1);

	frame->ip.vtc_flow = RTE_BE32(0x60000000);
	frame->ip.payload_len = rte_cpu_to_be_16((uint16_t)icmp_len);
	frame->ip.proto = IPPROTO_ICMPV6;
	frame->ip.hop_limits = hop_limit;
	memmove(frame->ip.src_addr, src, sizeof(frame->ip.src_addr));
	memmove(frame->ip.dst_addr, dst, sizeof(frame->ip.dst_addr));
	icmp->cksum = 0;
	icmp->cksum = ip6_icmp_cksum(&frame->ip, icmp, icmp_len);
}

// The request becomes the reply: same data, ends swapped, extension headers left out.
void icmp6_echo(struct worker *w, struct rte_mbuf *m, struct icmp6 *icmp, uint32_t icmp_len)
{
	struct ip6_frame *frame = ip6_frame_of(m);
	uint16_t padding =
	        (uint16_t)(rte_pktmbuf_pkt_len(m) - ETH_HDR_SIZE - ip6_packet_len(&frame->ip));
	uint16_t extensions = (uint16_t)((uint8_t *)icmp - (uint8_t *)(frame + 1));
	uint8_t back_mac[6];
	uint8_t src[16];
	uint8_t dst[16];

	if (ip6_is_unspecified(frame->ip.src_addr)) {
		drop_burst(w, &m, 1, DROP_BAD_IPV6);
		return;
	}
	memcpy(back_mac, frame->src_mac, sizeof(back_mac));
	memcpy(dst, frame->ip.src_addr, sizeof(dst));
	memcpy(src, frame->ip.dst_addr, sizeof(src));
	if (ip6_is_multicast(src))
		memcpy(src, ip6_gateway, sizeof(src));
	memmove(frame + 1, icmp, icmp_len);
	rte_pktmbuf_trim(m, (uint16_t)(padding + extensions));
	icmp = (struct icmp6 *)(frame + 1);
	icmp->type = ICMP6_ECHO_REPLY;
	icmp->code = 0;
	router_finish_icmp(frame, src, dst, ROUTER_HOP_LIMIT, icmp_len);
	counter_add(&w->counters.icmp_sent, 1);
	router_send(w, m, back_mac);
}

// RFC 4443 section 2.4(e): what no error may be about.
static bool deserves_error(struct rte_mbuf *m, uint8_t icmp_type)
{
	const struct ip6_frame *frame = ip6_frame_of(m);
	uint32_t len = rte_pktmbuf_data_len(m) - (uint32_t)ETH_HDR_SIZE;
	struct ip6_upper_layer upper;
	const uint8_t *type;

	if (len > ip6_packet_len(&frame->ip))
		len = ip6_packet_len(&frame->ip);
	if (ip6_is_unspecified(frame->ip.src_addr) || ip6_is_multicast(frame->ip.src_addr))
		return false;
	if (icmp_type != ICMP6_PACKET_TOO_BIG &&
	        (ip6_is_multicast(frame->ip.dst_addr) || ip6_to_mac_group(frame)))
		return false;
	if (!ip6_find_upper(&frame->ip, len, &upper) || upper.proto != IPPROTO_ICMPV6)
		return true;
	if (upper.offset >= len)
		return false; // cannot tell
	type = (const uint8_t *)&frame->ip + upper.offset;
	return (*type & ICMP_INFO_BIT) != 0 && *type != ND_REDIRECT;
}

// Builds the error about `m`. NULL: no memory.
static struct rte_mbuf *make_error(
        struct worker *w, struct rte_mbuf *m, const uint8_t src[16], const struct icmp6 *icmp)
{
	struct ip6_frame *about = ip6_frame_of(m);
	uint32_t icmp_max = IP6_MIN_MTU - IP6_HDR_SIZE - (uint32_t)sizeof(*icmp);
	uint32_t len = RTE_MIN(ip6_packet_len(&about->ip), icmp_max);
	struct rte_mbuf *m_err = router_new_frame(w, m);
	const void *packet;
	struct error *error;

	if (m_err == NULL)
		return NULL;
	len = RTE_MIN(len, rte_pktmbuf_tailroom(m_err) - (uint32_t)sizeof(*error));
	error = (void *)rte_pktmbuf_append(m_err, (uint16_t)(sizeof(*error) + len));
	if (error == NULL) {
		rte_pktmbuf_free(m_err);
		return NULL;
	}
	packet = rte_pktmbuf_read(m, ETH_HDR_SIZE, len, error->packet);
	if (packet != error->packet)
		memcpy(error->packet, packet, len);
	memset(&error->frame, 0, ETH_HDR_SIZE);
	error->frame.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
	error->icmp = *icmp;
	router_finish_icmp(&error->frame, src, about->ip.src_addr, ROUTER_HOP_LIMIT,
	        (uint32_t)sizeof(*icmp) + len);
	return m_err;
}

void local_error(struct worker *w, struct rte_mbuf *m, uint8_t icmp_type, uint8_t icmp_code,
        uint32_t param, enum drop_reason reason)
{
	const struct dp_node *node = router_node(w, m);
	struct icmp6 icmp = {.type = icmp_type, .code = icmp_code};
	struct rte_mbuf *m_err = NULL;

	icmp.param = rte_cpu_to_be_32(param); // MTU or pointer, 0 for the others
	if (deserves_error(m, icmp_type) && !ip6_is_unspecified(node->address)) {
		if (icmp_state_take(w->icmp, router_node_id(w, m), w->now_tsc))
			m_err = make_error(w, m, node->address, &icmp);
		else
			reason = DROP_LOCAL_RATE;
	}
	if (m_err != NULL) {
		counter_add(&w->counters.icmp_sent, 1);
		router_send(w, m_err, ip6_frame_of(m)->src_mac);
	}
	drop_burst(w, &m, 1, reason);
}
