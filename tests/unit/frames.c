/* SPDX-License-Identifier: BSD-3-Clause */
// Frames written down byte by byte.
#include "frames.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

const uint8_t mac_router[6] = {0x02, 0x00, 0x5e, 0x00, 0x00, 0x01};
const uint8_t mac_a[6] = {0x02, 0xaa, 0, 0, 0, 0x0a};
const uint8_t mac_b[6] = {0x02, 0xbb, 0, 0, 0, 0x0b};
const uint8_t mac_c[6] = {0x02, 0xcc, 0, 0, 0, 0x0c};
const uint8_t mac_d[6] = {0x02, 0xdd, 0, 0, 0, 0x0d};

struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, addr.b), 1);
	return addr;
}

void put(struct bytes *bytes, const void *data, uint32_t len)
{
	assert_true(bytes->len + len <= BYTES_MAX);
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

void put_u8(struct bytes *bytes, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	put(bytes, &byte, 1);
}

void put_u16(struct bytes *bytes, unsigned value)
{
	put_u8(bytes, value >> 8);
	put_u8(bytes, value & 0xff);
}

void put_u32(struct bytes *bytes, uint32_t value)
{
	put_u16(bytes, value >> 16);
	put_u16(bytes, value & 0xffff);
}

void put_fill(struct bytes *bytes, unsigned value, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		put_u8(bytes, value);
}

struct bytes frame(const struct packet *packet, const struct bytes *payload)
{
	struct addr src = addr_of(packet->src);
	struct addr dst = addr_of(packet->dst);
	struct bytes bytes = {.len = 0};

	put(&bytes, packet->dst_mac, 6);
	put(&bytes, packet->src_mac, 6);
	put_u16(&bytes, 0x86dd);
	put_u32(&bytes, 0x60000000);
	put_u16(&bytes, payload->len);
	put_u8(&bytes, packet->proto);
	put_u8(&bytes, packet->hop_limit);
	put(&bytes, src.b, 16);
	put(&bytes, dst.b, 16);
	put(&bytes, payload->data, payload->len);
	return bytes;
}

uint16_t naive_icmp_cksum(const struct bytes *bytes, uint32_t icmp_len)
{
	const uint8_t *icmp = bytes->data + bytes->len - icmp_len;
	uint64_t sum = icmp_len + PROTO_ICMP6;

	for (unsigned i = 22; i < 54; i += 2)
		sum += (uint64_t)bytes->data[i] * 256 + bytes->data[i + 1];
	for (uint32_t i = 0; i < icmp_len; i++)
		sum += (uint64_t)icmp[i] * (i % 2 == 0 ? 256 : 1);
	while (sum > 0xffff)
		sum = sum % 0x10000 + sum / 0x10000;
	return (uint16_t)(0xffff - sum);
}

struct bytes icmp_frame(const struct packet *packet, const struct bytes *payload, uint32_t icmp_len)
{
	struct bytes bytes = frame(packet, payload);
	uint8_t *icmp = bytes.data + bytes.len - icmp_len;
	uint16_t cksum;

	icmp[2] = icmp[3] = 0;
	cksum = naive_icmp_cksum(&bytes, icmp_len);
	icmp[2] = (uint8_t)(cksum >> 8);
	icmp[3] = (uint8_t)cksum;
	assert_int_equal(naive_icmp_cksum(&bytes, icmp_len), 0);
	return bytes;
}
