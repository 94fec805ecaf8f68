/* SPDX-License-Identifier: BSD-3-Clause */
// Frames written down byte by byte for tests, with a checksum of its own: nothing here is shared
// with the code under test.
#pragma once

#include <stdint.h>

#define BYTES_MAX 2048

struct bytes {
	uint32_t len;
	uint8_t data[BYTES_MAX];
};

#define PROTO_HOPOPTS 0
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_FRAGMENT 44
#define PROTO_ICMP6 58

extern const uint8_t mac_router[6], mac_a[6], mac_b[6], mac_c[6], mac_d[6];

struct addr {
	uint8_t b[16];
};

struct addr addr_of(const char *text);
void put(struct bytes *bytes, const void *data, uint32_t len);
void put_u8(struct bytes *bytes, unsigned value);
void put_u16(struct bytes *bytes, unsigned value);
void put_u32(struct bytes *bytes, uint32_t value);
void put_fill(struct bytes *bytes, unsigned value, uint32_t len);

struct packet {
	const uint8_t *dst_mac, *src_mac;
	const char *src, *dst;
	uint8_t hop_limit, proto;
};

// An Ethernet frame around an IPv6 packet around a payload.
struct bytes frame(const struct packet *packet, const struct bytes *payload);
// The same, and the ICMPv6 checksum at byte 2 of the payload's last `icmp_len` bytes filled in.
struct bytes icmp_frame(
        const struct packet *packet, const struct bytes *payload, uint32_t icmp_len);
// Over the frame's IPv6 addresses and its last `icmp_len` bytes; 0 when right.
uint16_t naive_icmp_cksum(const struct bytes *bytes, uint32_t icmp_len);
