/* SPDX-License-Identifier: BSD-3-Clause */
// The stages of the data path, in the order a frame meets them. Each takes a burst, owns it, and
// hands every frame on or drops it with a reason. All run on one worker, between two quiescent
// reports. A burst is BURST_MAX frames at most; the array may be written to.
//
//	rx_burst -> input_burst -> link_burst -> wheel -> arrive_burst -> output_burst -> tx_burst
//	                 \-> router_burst ^                   \-> router_burst (routed again)
//	                         \-> local_burst (ND, ICMPv6 to the router, errors)
#pragma once

#include <assert.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath.h"
#include "drop.h"
#include "view.h"

#define BURST_MAX 64
// Every router's MAC address: one for all, so that a pod's neighbour entry survives a handover.
#define ROUTER_MAC_INIT                            \
	{                                          \
		0x02, 0x00, 0x5e, 0x00, 0x00, 0x01 \
	}

struct worker; // worker.h

// What travels with a frame, in the mbuf's dynamic field: 32 bytes are all there is room for.
// Written by the worker that holds the frame. A stage that makes a frame of its own (an ICMPv6
// answer) fills time_tsc, link_id and iface_id.
struct frame {
	// When it was received; once on a link, when it arrives at iface_id. A router leaves it
	// alone: the next link's clock goes on from there, without what processing took.
	uint64_t time_tsc;
	// On the link: when it was accepted, and when its last bit left the queue. Equal: it never
	// waited.
	uint64_t accepted_tsc;
	uint64_t departure_tsc;
	// The link it takes or took: source interface id; DP_NONE: straight from a port.
	uint32_t link_id;
	uint32_t iface_id; // the interface it is at; for output_burst the one whose port sends it
};

// Where in the mbuf: known when compiled, since all of the hot path goes through it.
// datapath_create registers the field at this very place, or fails.
#define FRAME_OFFSET RTE_ALIGN_CEIL(offsetof(struct rte_mbuf, dynfield1), alignof(struct frame))

static_assert(
        FRAME_OFFSET + sizeof(struct frame) <= sizeof(struct rte_mbuf), "a frame fits its mbuf");

static inline struct frame *frame_of(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, FRAME_OFFSET, struct frame *);
}

// Frames from ports: m->port -> interface, time stamped; wire to link_burst, router to
// router_burst.
void input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n);
// Frames at a router's interface (frame->iface_id): forwards, delivers to a port, or hands to
// local.
void router_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n);
// One frame that the router itself must answer or that deserves an ICMPv6 error; takes it.
void local_frame(struct worker *w, struct rte_mbuf *m);
void local_error(struct worker *w, struct rte_mbuf *m, uint8_t icmp_type, uint8_t icmp_code,
        uint32_t param, enum drop_reason reason);
// Frames onto links (frame->link_id): the far end's worker runs the virtual clock, others get a
// ring.
void link_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n);
// Frames that have arrived at frame->iface_id.
void arrive_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n);
// Frames out of the port at frame->iface_id.
void output_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n);

// The only ways a frame ends unsent. The second counts by link too.
void drop_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n, enum drop_reason reason);
void drop_on_link(struct worker *w, struct rte_mbuf *m, uint32_t link_id, enum drop_reason reason);
