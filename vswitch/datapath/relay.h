/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from one worker to another: a single-producer, single-consumer ring a pair. A frame with a
// link id is for that link, one without (DP_NONE) for the port at its interface.
#pragma once

#include <rte_ring.h>
#include <stdint.h>

#include "stage.h"

struct doorbell;

// One worker's way to another.
struct relay {
	struct rte_ring *ring; // this worker produces; NULL to itself
	struct doorbell *bell; // the other's; NULL when it never sleeps
	uint32_t n;
	struct rte_mbuf *pkts[BURST_MAX]; // gathered during a loop
};

// Worker. Takes `m`; it leaves with the next flush.
void relay_send(struct worker *w, uint16_t to, struct rte_mbuf *m);
// Worker. Once a loop. What finds no room is dropped (ring_full); a sleeping worker is woken.
void relay_flush(struct worker *w);
// Worker. A burst from each other worker, into link_burst and output_burst. Returns frames moved.
unsigned relay_receive(struct worker *w);
// Worker. Whether frames from others wait.
bool relay_pending(const struct worker *w);
