/* SPDX-License-Identifier: BSD-3-Clause */
// The frame that is sent: Ethernet, IPv6, UDP and a stamp. Its headers are written once into each
// transmit buffer; for each frame only the flow, the stamp and what balances their sum are written.
//
// The UDP checksum of a buffer is right once and for all, because `balance` makes up for what
// changes. So each frame has a checksum that is right, and the receiver tells by four additions
// whether one of the fields that identify a frame was changed on the way.
// Pure. Offsets: headers end at 62, `balance` at 64, the stamp at 74.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

#define FRAME_BYTES_MIN 64 // no sequence number, no time: loss is known by totals only
#define FRAME_BYTES_STAMPED 74 // from here on with both
#define FRAME_BYTES_MAX 9216
#define FRAME_HEADER_BYTES 62

#define FRAME_TYPE_IPV6 0x86dd
#define FRAME_TYPE_L2 0x88b5 // local experimental, IEEE 802

struct frame {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t type_be;
	uint32_t version_be;
	uint16_t payload_bytes_be;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t src[12];
	uint32_t src_port_id_be; // the low word of the source: which port of ours sent it
	uint32_t dst_high;
	uint32_t dst_subnet; // varies with the flow; network order
	uint32_t dst_low;
	uint32_t dst_port_id_be; // the low word of the destination: which port of ours it is for
	uint32_t ports; // source and destination, vary with the flow
	uint16_t udp_bytes_be;
	uint16_t checksum;
	uint16_t balance;
	uint32_t seq;
	uint32_t stamp_low; // cycles, 48 bits
	uint16_t stamp_high;
} __attribute__((packed));

static_assert(offsetof(struct frame, seq) == 64 && sizeof(struct frame) == FRAME_BYTES_STAMPED,
        "a stamp begins a cache line");

// What the frames of one sender have in common.
struct frame_template {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t type;
	uint8_t src[16]; // the low word is overwritten by src_port_id
	uint8_t dst[16]; // bytes 4 to 7 by the flow's subnet, the low word by dst_port_id
	uint32_t src_port_id;
	uint32_t dst_port_id;
};

// Writes a whole frame of `bytes` with zeros where the flow and the stamp go.
void frame_write(struct frame *frame, const struct frame_template *template, uint32_t bytes,
        uint32_t size_sum);

// The byte at `offset` behind the stamp.
static always_inline uint8_t frame_pattern(uint32_t offset)
{
	return (uint8_t)(offset * 29 + (offset >> 8));
}

// Whether the bytes behind the stamp are those frame_write put there.
bool frame_pattern_holds(const struct frame *frame, uint32_t bytes);

// For senders whose frames differ in size: what addresses add to the checksum, and what each size
// adds, table[bytes] for FRAME_BYTES_MIN..`max`.
uint32_t frame_constant(const struct frame_template *template);
void frame_size_sums(uint32_t *table, uint32_t max);

static always_inline uint32_t frame_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)((sum & 0xffff) + (sum >> 16));
}

static always_inline void frame_resize(
        struct frame *frame, uint32_t bytes, uint32_t constant, uint32_t size_sum)
{
	uint16_t sum = (uint16_t)~frame_fold((uint64_t)constant + size_sum);

	frame->payload_bytes_be = __builtin_bswap16((uint16_t)(bytes - 54));
	frame->udp_bytes_be = frame->payload_bytes_be;
	frame->checksum = sum != 0 ? sum : 0xffff;
}

// `stamped`: the frame has FRAME_BYTES_STAMPED or more.
static always_inline void frame_stamp(struct frame *frame, uint32_t subnet_be, uint32_t ports,
        uint32_t seq, uint64_t cycles, bool stamped)
{
	uint64_t sum = (uint64_t)subnet_be + ports;

	frame->dst_subnet = subnet_be;
	frame->ports = ports;
	if (stamped) {
		uint16_t high = (uint16_t)(cycles >> 32);
		uint64_t word = seq | cycles << 32;

		memcpy(&frame->seq, &word, sizeof(word));
		frame->stamp_high = high;
		sum += (uint64_t)seq + (uint32_t)cycles + high;
	}
	frame->balance = (uint16_t)~frame_fold(sum);
}

// Whether flow and stamp are as frame_stamp left them.
static always_inline bool frame_balances(const struct frame *frame, bool stamped)
{
	uint64_t sum = (uint64_t)frame->dst_subnet + frame->ports + frame->balance;

	if (stamped)
		sum += (uint64_t)frame->seq + frame->stamp_low + frame->stamp_high;
	return frame_fold(sum) == 0xffff;
}

static always_inline uint64_t frame_cycles(const struct frame *frame)
{
	return frame->stamp_low | (uint64_t)frame->stamp_high << 32;
}

// Cycles since a stamp, as long as that is less than a day.
static always_inline uint64_t frame_age(uint64_t now, uint64_t stamp)
{
	return (now - stamp) & 0xffffffffffffull;
}
