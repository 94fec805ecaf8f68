/* SPDX-License-Identifier: BSD-3-Clause */
// The link record: one directed link's parameters, 64 bytes, little endian. The same bytes travel
// in a memfd to matrix.commit and (later) lie in an ephemeris file. Fields are never moved; what is
// new takes reserved bits or a new record version.
//
// A link is named by the interface it leaves from: an interface has one plug, so the interface's id
// is the link's id. Plugging it elsewhere (a handover) is a change of `to`.
#pragma once

#include <assert.h>
#include <stdint.h>

#define ORRERY_IFACE_NONE UINT32_MAX // `to` of an unplugged link
#define ORRERY_RECORD_SIZE 64

// Bits of `set`: which fields the record changes. All others keep their value.
enum orrery_record_set {
	ORRERY_SET_TO = 1 << 0, // plug; a new `to` starts a new link: state and queue start empty
	ORRERY_SET_UP = 1 << 1, // flag UP
	ORRERY_SET_DELAY = 1 << 2, // delay_ns; slope becomes 0 unless SET_SLOPE is there too
	                           // (methods in JSON keep it)
	ORRERY_SET_SLOPE = 1 << 3,
	ORRERY_SET_JITTER = 1 << 4, // jitter_ns and jitter_corr
	ORRERY_SET_RATE = 1 << 5,
	ORRERY_SET_QUEUE = 1 << 6, // queue_bytes and queue_pkts
	ORRERY_SET_LOSS = 1 << 7, // loss, loss_bad, good_us, bad_us: the whole loss model
	ORRERY_SET_DUPLICATE = 1 << 8,
	ORRERY_SET_REORDER = 1 << 9, // reorder and flag REORDER
	ORRERY_SET_MTU = 1 << 10,
	ORRERY_SET_ALL = (1 << 11) - 1,
};

enum orrery_record_flag {
	ORRERY_LINK_UP = 1 << 0,
	ORRERY_LINK_REORDER = 1 << 1, // jitter and a shrinking delay may reorder frames
};

struct orrery_record {
	uint32_t from; // interface id: the link's id
	uint32_t to; // interface id, or ORRERY_IFACE_NONE
	uint32_t set; // enum orrery_record_set
	uint16_t flags; // enum orrery_record_flag
	uint16_t mtu; // largest frame without Ethernet header, bytes; 0 = no limit
	uint32_t delay_ns; // one way, at the moment the record takes effect; at most 4 s
	int32_t slope_ns_s; // change of the delay in ns per second from then on
	uint32_t jitter_ns; // standard deviation of a normal jitter; the total delay is never below
	                    // 0
	uint32_t rate_kbps; // 1000 bit/s; 0 = unlimited. Counts the frame and 24 B of preamble,
	                    // gap, FCS
	uint32_t queue_bytes; // waiting before the link, not in flight; 0 = 100 ms at the rate, >=
	                      // 30000
	uint32_t queue_pkts; // 0 = no packet limit
	uint32_t loss; // p * 2^32, Bernoulli; in Gilbert-Elliott the loss in the good state
	uint32_t loss_bad; // p * 2^32 in the bad state (UINT32_MAX = all)
	uint32_t good_us; // mean time in the good state; 0 = no Gilbert-Elliott
	uint32_t bad_us; // mean time in the bad state
	uint16_t duplicate; // p * 2^16
	uint16_t reorder; // p * 2^16: this share of frames skips the queue and the delay
	uint16_t jitter_corr; // correlation of successive jitters, r * 2^16
	uint16_t reserved; // 0
};

static_assert(
        sizeof(struct orrery_record) == ORRERY_RECORD_SIZE, "the record is a file and wire format");
