/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from ports: which interface is this, wire or router?
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "worker.h"

// DP_NONE: the port is not known (any more).
static inline uint32_t iface_of_port(const struct worker *w, uint32_t port_id)
{
	// Relaxed: an interface's slot is written before a port is plugged in, and stays.
	return port_id < w->max_ports
	               ? atomic_load_explicit(&w->port_ifaces[port_id], memory_order_relaxed)
	               : DP_NONE;
}

static inline void count_received(
        struct worker *w, uint32_t iface_id, unsigned n_pkts, uint64_t n_bytes)
{
	counter_add(&w->ifaces[iface_id].rx_pkts, n_pkts);
	counter_add(&w->ifaces[iface_id].rx_bytes, n_bytes);
}

// Where the frames of a burst go on.
struct sorted {
	unsigned n_wired, n_routed;
	struct rte_mbuf **wired, *routed[BURST_MAX];
};

// Frames of one port in a row.
static __rte_always_inline uint64_t input_row(
        struct worker *w, struct rte_mbuf **pkts, unsigned n, struct sorted *sorted)
{
	uint32_t iface_id = iface_of_port(w, pkts[0]->port);
	uint8_t kind = iface_id != DP_NONE ? w->view->ifaces[iface_id].kind : NODE_KIND_NONE;
	uint32_t link_id = kind == NODE_KIND_POD ? iface_id : DP_NONE;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct frame *f = frame_of(m);
		uint32_t len = m->pkt_len;

		n_bytes += len;
		f->time_tsc = w->now_tsc;
		f->iface_id = iface_id;
		f->link_id = link_id;
		if (unlikely(len < RTE_ETHER_HDR_LEN))
			drop_burst(w, &m, 1, DROP_RUNT);
		else if (likely(kind == NODE_KIND_POD))
			sorted->wired[sorted->n_wired++] = m;
		else if (kind == NODE_KIND_ROUTER)
			sorted->routed[sorted->n_routed++] = m;
		else
			drop_burst(w, &m, 1, DROP_PORT_NONE);
	}
	if (iface_id != DP_NONE)
		count_received(w, iface_id, n, n_bytes);
	return n_bytes;
}

void input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct sorted sorted;
	uint64_t n_bytes = 0;
	bool same = true;

	sorted.wired = pkts;
	sorted.n_wired = sorted.n_routed = 0;
	for (unsigned i = 0; i < n; i++) {
		rte_prefetch0(frame_of(pkts[i])); // drivers write the first line of an mbuf only
		same &= pkts[i]->port == pkts[0]->port;
	}
	if (same) {
		n_bytes = input_row(w, pkts, n, &sorted);
	} else {
		for (unsigned i = 0; i < n; i++)
			n_bytes += input_row(w, pkts + i, 1, &sorted);
	}
	counter_add(&w->counters.rx_pkts, n);
	counter_add(&w->counters.rx_bytes, n_bytes);
	if (sorted.n_wired != 0)
		link_burst(w, sorted.wired, sorted.n_wired);
	if (sorted.n_routed != 0)
		router_burst(w, sorted.routed, sorted.n_routed);
}
