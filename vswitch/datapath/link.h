/* SPDX-License-Identifier: BSD-3-Clause */
// State of the links whose far end a worker owns. A link is a virtual clock: `busy_until` is when
// the last accepted frame will have left its queue, so rate, queue limit and arrival time follow
// without a queue being there. Parameters come from the view, frames lie in the wheel.
//
// Every worker has room for every link, and pages are populated on touch: a link that is plugged to
// another worker's end starts there with empty state (its incarnation differs), and nobody else
// looks.
//
// Definitions. Time is the frame's own (frame.time_tsc), not the time of processing: when the frame
// was received, or when it arrived over the link before.
// - A frame waits from its acceptance to its departure, the end of its last bit. Bytes waiting
// count
//   24 bytes a frame for preamble, gap and FCS, and at least 60 bytes of frame. A frame that finds
//   the link idle is taken even if the limit is below one frame.
// - The loss model comes first, then the duplicate (which takes the link as a frame of its own,
// right
//   behind the original), then reordering, the queue, delay and jitter.
// - A change of rate leaves the departures of frames already accepted as they are.
// - Frames that waited when the link went down are dropped at the time they would have arrived.
//
// Thread: the owning worker; counters are read by control.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>

#include "rng.h"
#include "stats.h"

#define LINK_OVERHEAD_BYTES 24 // preamble 8, gap 12, FCS 4
#define LINK_FRAME_MIN_BYTES 60

struct rte_mbuf;

// All that a plain link touches.
struct link_state {
	alignas(64) uint32_t incarnation;
	uint16_t busy_frac_q16; // fraction of a cycle that belongs to busy_until_tsc
	uint8_t started; // incarnation is valid
	uint8_t has_waiting; // struct link_model: wait_head is not NULL
	uint64_t busy_until_tsc;
	uint64_t last_arrival_tsc;
	uint64_t down_seen_tsc; // link_params.down_tsc that the state has followed
	counter_t tx_pkts; // accepted
	counter_t tx_bytes;
	counter_t left_pkts; // taken out of the wheel again
	counter_t left_bytes;
};

static_assert(sizeof(struct link_state) == 64, "a plain link touches one line");

// Impairments, and the queue limit in packets.
struct link_model {
	alignas(64) struct rng rng;
	uint64_t ge_until_tsc; // Gilbert-Elliott: end of the stay in the present state
	float jitter_last; // of the last frame, in standard deviations
	float jitter_fresh; // sqrt(1 - r^2)
	uint32_t jitter_corr_q16; // that jitter_fresh was computed for
	uint8_t ge_bad;
	uint8_t jitter_started;
	// Frames that had not departed when last looked at, oldest first: struct frame_wait.
	uint32_t wait_pkts;
	struct rte_mbuf *wait_head;
	struct rte_mbuf *wait_tail;
};

struct link_drops {
	counter_t duplicates;
	counter_t reasons[DROP_REASON_COUNT];
};

struct link_table {
	struct link_state *states; // [max_ifaces], by link id
	struct link_model *models;
	struct link_drops *drops;
	uint64_t slope_max_tsc;
	uint32_t n_links;
};

// Behind the mbuf, in its private area: only links with a queue limit in packets touch it.
struct frame_wait {
	struct rte_mbuf *next; // accepted after it
};

#define FRAME_PRIV_SIZE 64 // keeps frame data on a cache line's start

// Control. Returns 0 or -ENOMEM.
__attribute__((warn_unused_result)) int link_table_init(
        struct link_table *links, uint32_t n_links, uint64_t tsc_hz);
void link_table_fini(struct link_table *links);

struct worker;

// Frames that the wheel gave back, in place: counts them out of their links and drops those that
// still waited when their link went down. Returns how many are left.
unsigned link_leave(struct worker *w, struct rte_mbuf **pkts, unsigned n);
