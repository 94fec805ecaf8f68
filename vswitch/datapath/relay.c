/* SPDX-License-Identifier: BSD-3-Clause */
// Frames between workers.
#include "relay.h"

#include <assert.h>

#include "worker.h"

static void flush_one(struct worker *w, struct relay *relay)
{
	unsigned n_sent = rte_ring_sp_enqueue_burst(
	        relay->ring, (void *const *)relay->pkts, relay->n, NULL /* free space */);

	for (unsigned i = n_sent; i < relay->n; i++) {
		struct rte_mbuf *m = relay->pkts[i];

		drop_on_link(w, m, frame_of(m)->link_id, DROP_RING_FULL);
	}
	relay->n = 0;
	if (relay->bell != NULL && doorbell_ring(relay->bell))
		counter_add(&w->counters.ring_kicks, 1);
}

void relay_send(struct worker *w, uint16_t to, struct rte_mbuf *m)
{
	struct relay *relay;

	assert(to < w->n_workers && to != w->idx);
	relay = &w->relays[to];
	relay->pkts[relay->n++] = m;
	if (relay->n == BURST_MAX)
		flush_one(w, relay);
}

void relay_flush(struct worker *w)
{
	for (unsigned i = 0; i < w->n_workers; i++) {
		if (w->relays[i].n != 0)
			flush_one(w, &w->relays[i]);
	}
}

static void receive_one(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct rte_mbuf *out[BURST_MAX];
	unsigned n_link = 0, n_out = 0;

	for (unsigned i = 0; i < n; i++) {
		if (frame_of(pkts[i])->link_id == DP_NONE)
			out[n_out++] = pkts[i];
		else
			pkts[n_link++] = pkts[i];
	}
	if (n_link != 0)
		link_burst(w, pkts, n_link);
	if (n_out != 0)
		output_burst(w, out, n_out);
}

unsigned relay_receive(struct worker *w)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned n_moved = 0;

	for (unsigned i = 0; i < w->n_workers; i++) {
		unsigned n;

		if (i == w->idx)
			continue;
		n = rte_ring_sc_dequeue_burst(
		        w->inbound[i], (void **)pkts, BURST_MAX, NULL /* left */);
		if (n == 0)
			continue;
		receive_one(w, pkts, n);
		n_moved += n;
	}
	return n_moved;
}

bool relay_pending(const struct worker *w)
{
	for (unsigned i = 0; i < w->n_workers; i++) {
		if (i != w->idx && !rte_ring_empty(w->inbound[i]))
			return true;
	}
	return false;
}
