/* SPDX-License-Identifier: BSD-3-Clause */
// IPv6 as a router sees it: the headers at the front of a frame, classes of addresses, the checksum
// of ICMPv6, the walk over extension headers. All bounds are checked by the caller or the function;
// none trusts a length that came with a packet. Thread: any, pure functions.
#pragma once

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IP6_HDR_SIZE 40u
#define IP6_MIN_MTU 1280u

// Ethernet and IPv6 header at the front of a frame of at least IP6_FRAME_MIN contiguous bytes.
struct ip6_frame {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	rte_be16_t ether_type;
	struct rte_ipv6_hdr ip;
} __attribute__((packed));

#define IP6_FRAME_MIN sizeof(struct ip6_frame)
#define ETH_HDR_SIZE offsetof(struct ip6_frame, ip)

static_assert(sizeof(struct ip6_frame) == 54, "Ethernet and IPv6 header");

// The ICMPv6 header; unlike the system's it needs no alignment.
struct icmp6 {
	uint8_t type;
	uint8_t code;
	rte_be16_t cksum;
	rte_be32_t param; // MTU, pointer, or what the type says
} __attribute__((packed));

static inline struct ip6_frame *ip6_frame_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, struct ip6_frame *);
}

static inline bool ip6_to_mac_group(const struct ip6_frame *frame)
{
	return frame->dst_mac[0] & 1;
}

// Bytes of the IPv6 packet, header included; the frame may be longer (padding).
static inline uint32_t ip6_packet_len(const struct rte_ipv6_hdr *ip)
{
	return IP6_HDR_SIZE + rte_be_to_cpu_16(ip->payload_len);
}

static inline bool ip6_is_multicast(const uint8_t addr[16])
{
	return addr[0] == 0xff;
}

static inline bool ip6_is_link_multicast(const uint8_t addr[16])
{
	return addr[0] == 0xff && (addr[1] & 0x0f) == 2;
}

static inline bool ip6_is_link_local(const uint8_t addr[16]) // fe80::/10
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

// Certainly none of: multicast, link-local, loopback, unspecified. By the first byte alone.
static inline bool ip6_is_plain(const uint8_t addr[16])
{
	return addr[0] != 0 && addr[0] < 0xfe;
}

static inline uint64_t ip6_upper(const uint8_t addr[16])
{
	uint64_t half;

	memcpy(&half, addr, sizeof(half));
	return half;
}

static inline uint64_t ip6_lower(const uint8_t addr[16])
{
	uint64_t half;

	memcpy(&half, addr + 8, sizeof(half));
	return half;
}

static inline bool ip6_is_unspecified(const uint8_t addr[16])
{
	return (ip6_upper(addr) | ip6_lower(addr)) == 0;
}

static inline bool ip6_is_loopback(const uint8_t addr[16])
{
	return ip6_upper(addr) == 0 && ip6_lower(addr) == rte_cpu_to_be_64(1);
}

static inline bool ip6_equal(const uint8_t a[16], const uint8_t b[16])
{
	return ip6_upper(a) == ip6_upper(b) && ip6_lower(a) == ip6_lower(b);
}

// The gateway of all pods, on every interface of every router.
extern const uint8_t ip6_gateway[16]; // fe80::1
extern const uint8_t ip6_all_nodes[16]; // ff02::1
extern const uint8_t router_mac[6]; // ROUTER_MAC_INIT

// ff02::1:ffXX:XXXX with the last 24 bits of `addr` (RFC 4291 section 2.7.1).
bool ip6_is_solicited_node_of(const uint8_t group[16], const uint8_t addr[16]);

// Where the upper-layer header starts and which it is.
struct ip6_upper_layer {
	uint8_t proto; // IPPROTO_NONE when the chain ends in something we do not walk
	bool fragment; // part of a fragmented packet, first or later
	uint32_t offset; // from the IPv6 header
};

// Walks the extension headers in the first `len` bytes of a packet, at most 8 of them. Returns
// false when they run past `len`, are too many, or a later fragment hides the upper layer.
bool ip6_find_upper(const struct rte_ipv6_hdr *ip, uint32_t len, struct ip6_upper_layer *ret_upper);

// Checksum of an ICMPv6 message of `len` contiguous bytes with its pseudo header; over a message
// whose checksum field is filled in it is 0 when that is right.
uint16_t ip6_icmp_cksum(const struct rte_ipv6_hdr *ip, const void *icmp, uint32_t len);
