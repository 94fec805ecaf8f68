/* SPDX-License-Identifier: BSD-3-Clause */
// Messages of the vhost-user protocol, version 1, as a back end gets them: numbers, layouts, and
// whether a message is well formed by itself. What it means for a port is device.h's.
//
// Pure: no descriptor is touched, nothing is allocated. Thread: any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define MESSAGE_FDS_MAX 8
#define MESSAGE_REGIONS_MAX 8
#define MESSAGE_HEADER_SIZE 12
#define MESSAGE_PAYLOAD_MAX 264 // SET_MEM_TABLE with 8 regions

enum message_request {
	MESSAGE_GET_FEATURES = 1,
	MESSAGE_SET_FEATURES = 2,
	MESSAGE_SET_OWNER = 3,
	MESSAGE_RESET_OWNER = 4,
	MESSAGE_SET_MEM_TABLE = 5,
	MESSAGE_SET_LOG_BASE = 6,
	MESSAGE_SET_LOG_FD = 7,
	MESSAGE_SET_VRING_NUM = 8,
	MESSAGE_SET_VRING_ADDR = 9,
	MESSAGE_SET_VRING_BASE = 10,
	MESSAGE_GET_VRING_BASE = 11,
	MESSAGE_SET_VRING_KICK = 12,
	MESSAGE_SET_VRING_CALL = 13,
	MESSAGE_SET_VRING_ERR = 14,
	MESSAGE_GET_PROTOCOL_FEATURES = 15,
	MESSAGE_SET_PROTOCOL_FEATURES = 16,
	MESSAGE_GET_QUEUE_NUM = 17,
	MESSAGE_SET_VRING_ENABLE = 18,
	MESSAGE_NET_SET_MTU = 20,
	MESSAGE_GET_INFLIGHT_FD = 31,
	MESSAGE_SET_INFLIGHT_FD = 32,
	MESSAGE_RESET_DEVICE = 34,
	MESSAGE_GET_MAX_MEM_SLOTS = 36,
	MESSAGE_ADD_MEM_REG = 37,
	MESSAGE_REM_MEM_REG = 38,
	MESSAGE_SET_STATUS = 39,
	MESSAGE_GET_STATUS = 40,
};

#define MESSAGE_VERSION 0x1u
#define MESSAGE_VERSION_MASK 0x3u
#define MESSAGE_REPLY 0x4u
#define MESSAGE_NEED_REPLY 0x8u

// Protocol features, by bit.
#define PROTOCOL_F_MQ (1ull << 0)
#define PROTOCOL_F_REPLY_ACK (1ull << 3)
#define PROTOCOL_F_NET_MTU (1ull << 4)
#define PROTOCOL_F_INFLIGHT_SHMFD (1ull << 12)
#define PROTOCOL_F_RESET_DEVICE (1ull << 13)
#define PROTOCOL_F_CONFIGURE_MEM_SLOTS (1ull << 15)
#define PROTOCOL_F_STATUS (1ull << 16)

#define VRING_FD_INDEX_MASK 0xffu
#define VRING_FD_NONE 0x100u // no descriptor comes along

struct message_region {
	uint64_t guest_addr, size, user_addr, file_offset;
};

struct message_vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct message_vring_state {
	uint32_t index, num;
};

struct message_inflight {
	uint64_t size, offset;
	uint16_t n_rings, ring_size;
	uint32_t padding; // sent by all who let a compiler lay this out
};

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size; // bytes of payload
	union {
		uint64_t u64;
		struct message_vring_state state;
		struct message_vring_addr addr;
		struct {
			uint32_t n_regions, padding;
			struct message_region regions[MESSAGE_REGIONS_MAX];
		} mem_table;
		struct {
			uint64_t padding;
			struct message_region region;
		} mem_reg;
		struct message_inflight inflight;
		uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	};
};

// Whether the rest of a message with this header may be read: -EPROTO with a fault if not.
__attribute__((warn_unused_result)) int message_check_header(
        const struct message *message, struct fault *fault);
// The whole message with the number of descriptors that came along: -EPROTO with a fault.
__attribute__((warn_unused_result)) int message_check(
        const struct message *message, size_t n_fds, struct fault *fault);
// "SET_VRING_ADDR"; "request 99" is "unknown".
const char *message_name(uint32_t request);
// Whether the back end answers this request with a payload of its own, asked for or not.
bool message_has_answer(uint32_t request);
// The protocol feature without which the request is not sent; 0: none.
uint64_t message_needs(uint32_t request);
// Turns the request into its answer of one number, or of `size` bytes that are in place.
void message_answer_u64(struct message *message, uint64_t value);
void message_answer(struct message *message, uint32_t size);
