/* SPDX-License-Identifier: BSD-3-Clause */
// Helpers over IPv6 headers; knows no worker and no view.
#include "ip6.h"

#include "stage.h"

#define EXTENSIONS_MAX 8

const uint8_t ip6_gateway[16] = {0xfe, 0x80, [15] = 1};
const uint8_t ip6_all_nodes[16] = {0xff, 0x02, [15] = 1};
const uint8_t router_mac[6] = ROUTER_MAC_INIT;

bool ip6_is_solicited_node_of(const uint8_t group[16], const uint8_t addr[16])
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};

	return memcmp(group, prefix, sizeof(prefix)) == 0 && memcmp(group + 13, addr + 13, 3) == 0;
}

// Length of the extension header at `header`, of which 8 bytes can be read; 0: not one we walk.
static uint32_t extension_len(uint8_t proto, const uint8_t *header)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (header[1] + 1u) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

bool ip6_find_upper(const struct rte_ipv6_hdr *ip, uint32_t len, struct ip6_upper_layer *ret_upper)
{
	const uint8_t *packet = (const uint8_t *)ip;
	struct ip6_upper_layer upper = {.proto = ip->proto, .offset = IP6_HDR_SIZE};

	for (unsigned i = 0; i <= EXTENSIONS_MAX; i++) {
		const uint8_t *header = packet + upper.offset;
		uint8_t proto = upper.proto;
		uint32_t step;

		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING &&
		        proto != IPPROTO_DSTOPTS && proto != IPPROTO_FRAGMENT) {
			*ret_upper = upper;
			return upper.offset <= len;
		}
		if (upper.offset + 8 > len)
			return false;
		step = extension_len(proto, header);
		if (proto == IPPROTO_FRAGMENT) {
			unsigned offset_m = header[2] << 8 | header[3];

			upper.fragment |= (offset_m & 0xfff9) != 0; // offset or more to come
			if (offset_m >> 3 != 0)
				return false;
		}
		upper.proto = header[0];
		upper.offset += step;
	}
	return false;
}

uint16_t ip6_icmp_cksum(const struct rte_ipv6_hdr *ip, const void *icmp, uint32_t len)
{
	struct {
		uint8_t src[16], dst[16];
		rte_be32_t len;
		rte_be32_t proto;
	} pseudo = {.len = rte_cpu_to_be_32(len), .proto = rte_cpu_to_be_32(IPPROTO_ICMPV6)};
	uint32_t sum;

	memcpy(pseudo.src, ip->src_addr, sizeof(pseudo.src));
	memcpy(pseudo.dst, ip->dst_addr, sizeof(pseudo.dst));
	sum = (uint32_t)rte_raw_cksum(&pseudo, sizeof(pseudo)) + rte_raw_cksum(icmp, len);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
