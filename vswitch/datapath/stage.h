/* SPDX-License-Identifier: BSD-3-Clause */
// The stages of the data path, in the order a frame meets them. Each takes a burst, owns it, and
// hands every frame on or drops it with a reason. All run on one worker, between two quiescent
// reports.
//
//	rx_burst -> input_burst -> link_burst -> wheel -> arrive_burst -> output_burst -> tx_burst
//	                 \-> router_burst ^                   \-> router_burst (routed again)
//	                         \-> local_burst (ND, ICMPv6 to the router, errors)
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
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

// What travels with a frame, in the mbuf's dynamic field.
struct frame {
	struct rte_mbuf *next; // in the wheel's slot
	uint64_t time_tsc; // before the link: when it was received; in the wheel: when it arrives
	uint32_t link_id; // the link it takes or took: source interface id; DP_NONE: straight from
	                  // a port
	uint32_t iface_id; // the interface it is at
};

extern int frame_dynfield_offset; // set once by datapath_create

static inline struct frame *frame_of(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, frame_dynfield_offset, struct frame *);
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
