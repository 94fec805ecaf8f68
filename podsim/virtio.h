/* SPDX-License-Identifier: BSD-3-Clause */
// Virtqueues and the network header as virtio 1.2 lays them out in memory (2.7, 2.8, 5.1.6), and
// the feature bits. Written from the specification; nothing here knows the switch.
#pragma once

#include <assert.h>
#include <stdint.h>

enum virtio_feature {
	VIRTIO_F_NET_MTU = 3,
	VIRTIO_F_NET_MRG_RXBUF = 15,
	VIRTIO_F_NET_STATUS = 16,
	VIRTIO_F_PROTOCOL_FEATURES = 30, // of vhost-user, in the same word
	VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29,
	VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_RING_PACKED = 34,
};

#define VIRTIO_BIT(feature) (1ull << (feature))

enum virtio_desc_flags {
	VIRTIO_DESC_NEXT = 1,
	VIRTIO_DESC_WRITE = 2,
	VIRTIO_DESC_INDIRECT = 4,
	VIRTIO_DESC_AVAIL = 1 << 7, // packed rings
	VIRTIO_DESC_USED = 1 << 15,
};

// Split ring, 2.7.
struct virtio_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

#define VIRTIO_AVAIL_NO_INTERRUPT 1
#define VIRTIO_USED_NO_NOTIFY 1

struct virtio_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; // and used_event after it
};

struct virtio_used_elem {
	uint32_t id;
	uint32_t len;
};

struct virtio_used {
	uint16_t flags;
	uint16_t idx;
	struct virtio_used_elem ring[]; // and avail_event after it
};

// Packed ring, 2.8.
struct virtio_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

enum virtio_event_flags { VIRTIO_EVENT_ENABLE, VIRTIO_EVENT_DISABLE, VIRTIO_EVENT_DESC };

struct virtio_event {
	uint16_t off_wrap;
	uint16_t flags;
};

static_assert(sizeof(struct virtio_desc) == 16 && sizeof(struct virtio_packed_desc) == 16,
        "a descriptor is 16 bytes");

// 5.1.6, as VERSION_1 has it.
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

static_assert(sizeof(struct virtio_net_hdr) == 12, "the header is 12 bytes");
