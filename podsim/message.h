/* SPDX-License-Identifier: BSD-3-Clause */
// Messages of vhost-user as they are on the socket.
#pragma once

#include <assert.h>
#include <stdint.h>

enum message_request {
	MESSAGE_GET_FEATURES = 1,
	MESSAGE_SET_FEATURES = 2,
	MESSAGE_SET_OWNER = 3,
	MESSAGE_SET_MEM_TABLE = 5,
	MESSAGE_SET_VRING_NUM = 8,
	MESSAGE_SET_VRING_ADDR = 9,
	MESSAGE_SET_VRING_BASE = 10,
	MESSAGE_GET_VRING_BASE = 11,
	MESSAGE_SET_VRING_KICK = 12,
	MESSAGE_SET_VRING_CALL = 13,
	MESSAGE_GET_PROTOCOL_FEATURES = 15,
	MESSAGE_SET_PROTOCOL_FEATURES = 16,
	MESSAGE_GET_QUEUE_NUM = 17,
	MESSAGE_SET_VRING_ENABLE = 18,
	MESSAGE_NET_SET_MTU = 20,
	MESSAGE_SET_STATUS = 39,
};

enum message_protocol {
	MESSAGE_PROTOCOL_MQ = 0,
	MESSAGE_PROTOCOL_REPLY_ACK = 3,
	MESSAGE_PROTOCOL_NET_MTU = 4,
	MESSAGE_PROTOCOL_INFLIGHT = 12,
	MESSAGE_PROTOCOL_MEM_SLOTS = 15,
	MESSAGE_PROTOCOL_STATUS = 16,
};

#define MESSAGE_VERSION 1u
#define MESSAGE_REPLY 4u
#define MESSAGE_NEED_REPLY 8u
#define MESSAGE_VRING_NO_FD 0x100u

struct message_header {
	uint32_t request;
	uint32_t flags;
	uint32_t bytes; // of the payload
};

struct message_vring_state {
	uint32_t index;
	uint32_t value;
};

struct message_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc, used, avail, log;
};

struct message_region {
	uint64_t guest_addr, bytes, user_addr, offset;
};

struct message_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct message_region regions[1];
};

struct message {
	struct message_header header;
	union {
		uint64_t word;
		struct message_vring_state vring_state;
		struct message_vring_addr vring_addr;
		struct message_memory memory;
	} payload;
} __attribute__((packed));

static_assert(sizeof(struct message_header) == 12, "the header is 12 bytes");
