/* SPDX-License-Identifier: BSD-3-Clause */
// Neighbour discovery (RFC 4861) as far as a router with static neighbours needs it: it answers
// solicitations for fe80::1 and for its own address.
#include "router.h"

struct nd_solicit {
	struct icmp6 icmp;
	uint8_t target[16];
	uint8_t options[];
} __attribute__((packed));

struct nd_advert {
	struct ip6_frame frame;
	struct icmp6 icmp; // param: flags
	uint8_t target[16];
	uint8_t option[2]; // ND_OPT_TARGET_LINKADDR, in units of 8 bytes
	uint8_t mac[6];
} __attribute__((packed));

static_assert(sizeof(struct nd_advert) == 54 + 32, "an advertisement with its one option");

// Section 7.1.1; hop limit, checksum and the ICMPv6 header were looked at by the caller or are
// here. The options must fill the rest; one that names a source address may not come from nowhere.
static bool options_are_valid(const uint8_t *options, uint32_t len, bool from_unspecified)
{
	while (len > 0) {
		uint32_t size;

		if (len < 2)
			return false;
		size = options[1] * 8u;
		if (size == 0 || size > len)
			return false;
		if (options[0] == ND_OPT_SOURCE_LINKADDR && from_unspecified)
			return false;
		options += size;
		len -= size;
	}
	return true;
}

static bool solicit_is_valid(
        const struct ip6_frame *frame, const struct nd_solicit *ns, uint32_t len)
{
	static const uint8_t solicited_group[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};
	bool dad = ip6_is_unspecified(frame->ip.src_addr);

	if (frame->ip.hop_limits != 255 || len < sizeof(*ns) || ns->icmp.code != 0 ||
	        ip6_is_multicast(ns->target))
		return false;
	if (dad && memcmp(frame->ip.dst_addr, solicited_group, sizeof(solicited_group)) != 0)
		return false;
	return options_are_valid(ns->options, len - (uint32_t)sizeof(*ns), dad);
}

void nd_solicited(struct worker *w, struct rte_mbuf *m, const struct icmp6 *icmp, uint32_t icmp_len)
{
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const struct ip6_frame *ask = ip6_frame_of(m);
	const struct nd_solicit *ns = (const void *)icmp;
	struct rte_mbuf *answer;
	struct nd_advert *advert;
	uint8_t target[16];
	bool dad;

	if (!solicit_is_valid(ask, ns, icmp_len)) {
		drop_burst(w, &m, 1, DROP_BAD_IPV6);
		return;
	}
	memcpy(target, ns->target, sizeof(target));
	if (!ip6_equal(target, ip6_gateway) && !router_owns(router_node(w, m), target)) {
		drop_burst(w, &m, 1, DROP_LOCAL_UNKNOWN);
		return;
	}
	answer = router_new_frame(w, m);
	advert = answer == NULL ? NULL : (void *)rte_pktmbuf_append(answer, sizeof(*advert));
	if (advert == NULL) {
		rte_pktmbuf_free(answer);
		drop_burst(w, &m, 1, DROP_WHEEL_FULL);
		return;
	}
	dad = ip6_is_unspecified(ask->ip.src_addr);
	memset(advert, 0, sizeof(*advert));
	advert->frame.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
	advert->icmp.type = ND_NEIGHBOR_ADVERT;
	advert->icmp.param = ND_NA_FLAG_ROUTER | ND_NA_FLAG_OVERRIDE;
	if (!dad)
		advert->icmp.param |= ND_NA_FLAG_SOLICITED;
	memcpy(advert->target, target, sizeof(target));
	advert->option[0] = ND_OPT_TARGET_LINKADDR;
	advert->option[1] = 1;
	memcpy(advert->mac, router_mac, sizeof(advert->mac));
	router_finish_icmp(&advert->frame, target, dad ? ip6_all_nodes : ask->ip.src_addr, 255,
	        sizeof(*advert) - sizeof(advert->frame));
	counter_add(&w->counters.icmp_sent, 1);
	router_send_back(w, answer, dad ? all_nodes_mac : ask->src_mac);
	drop_burst(w, &m, 1, DROP_CONSUMED);
}
