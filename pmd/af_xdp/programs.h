/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only) */
// What the BPF programs and the driver agree on. Included by both, so only fixed-width kernel
// types.
#pragma once

#include <linux/types.h>

// Interface indexes are chosen when the devices are made, so that no program looks a port up by
// name or index. The low 8 bits of a host end's index are those of its port id: the kernel's index
// table has 256 chains, and a namespace holds 256 ports, so each chain has one host end (see
// af_xdp.h).
#define AF_XDP_PORT_IFINDEX 0x10000 // + port id, in the port's shard namespace
#define AF_XDP_SHARD_IFINDEX 0x200000 // + shard, in the hub namespace
#define AF_XDP_TRUNK_IFINDEX 0x1000 // + worker, in the hub: the end with the socket
#define AF_XDP_PEER_IFINDEX 0x2000 // + worker, in the hub: the other end of the trunk
#define AF_XDP_HUB_IFINDEX 0x3000 // in a shard: its end of the pair from the hub
#define AF_XDP_SHARD_BITS 8
#define AF_XDP_SHARD_PORTS (1u << AF_XDP_SHARD_BITS)
#define AF_XDP_MAX_SHARDS 256
#define AF_XDP_MAX_WORKERS 128

// Way in: what the host end's program writes before the frame (XDP metadata).
#define AF_XDP_META_MAGIC 0x4f525259u // "ORRY"
struct af_xdp_meta {
	__u32 magic;
	__u32 port_id;
};

// Way out: the tag is an 802.1ad one. The kernel does not take a tag out of a frame with less than
// two bytes behind its type field: such a frame comes with an 802.1Q tag, padded to
// AF_XDP_SHORT_SIZE, the last byte its true length.
#define AF_XDP_TAG_PROTO 0x88a8
#define AF_XDP_TAG_SHORT 0x8100
#define AF_XDP_SHORT_SIZE 16

enum af_xdp_port_flag {
	AF_XDP_PORT_VALID = 1 << 0,
	AF_XDP_PORT_CARRIER = 1 << 1, // the host end is up
};

// One word, so that control replaces it with one store while programs read it.
struct af_xdp_port_entry {
	__u8 mac[6]; // the pod end's
	__u8 worker;
	__u8 flags; // enum af_xdp_port_flag
} __attribute__((aligned(8)));

// Frames that ended in a program, by port; both counted with atomic adds.
struct af_xdp_port_drops {
	__u64 in;
	__u64 out;
};

// X(symbol, name, what it means). Per CPU, all ports together.
#define AF_XDP_COUNTERS(X)                                                                      \
	X(IN_UNKNOWN_PORT, "bpf_in_unknown_port", "from a host end that is no port (any more)") \
	X(IN_NO_META, "bpf_in_no_meta", "no room before the frame for the port's id")           \
	X(IN_NO_TRUNK, "bpf_in_no_trunk", "the port's worker has no trunk")                     \
	X(IN_STRAY, "bpf_in_stray", "in the trunk, but not from a host end")                    \
	X(IN_NO_SOCKET, "bpf_in_no_socket", "no socket behind the trunk")                       \
	X(OUT_UNTAGGED, "bpf_out_untagged", "out of the trunk without a port tag")              \
	X(OUT_UNKNOWN_PORT, "bpf_out_unknown_port", "to a port that is not there (any more)")   \
	X(OUT_NO_CARRIER, "bpf_out_no_carrier", "to a port whose carrier is down")              \
	X(OUT_BAD_FRAME, "bpf_out_bad_frame", "the tag could not be removed")                   \
	X(OUT_OTHER_MAC, "bpf_out_other_mac", "delivered the long way: not to the pod's own MAC")

enum af_xdp_counter {
#define X(symbol, name, text) AF_XDP_##symbol,
	AF_XDP_COUNTERS(X)
#undef X
	        AF_XDP_COUNTER_COUNT
};
