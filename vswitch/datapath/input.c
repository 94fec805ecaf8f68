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

static inline void count_burst(struct worker *w, unsigned n_pkts, uint64_t n_bytes)
{
	counter_add(&w->counters.rx_pkts, n_pkts);
	counter_add(&w->counters.rx_bytes, n_bytes);
}

static inline void stamp(
        const struct worker *w, struct rte_mbuf *m, uint32_t iface_id, uint8_t kind)
{
	struct frame *f = frame_of(m);

	f->time_tsc = w->now_tsc;
	f->iface_id = iface_id;
	f->link_id = kind == NODE_KIND_POD ? iface_id : DP_NONE;
}

// Frames of several ports, or with something to drop.
static void input_mixed(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct rte_mbuf *routed[BURST_MAX];
	unsigned n_wired = 0, n_routed = 0;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		uint32_t len = m->pkt_len, iface_id = iface_of_port(w, m->port);
		uint8_t kind = NODE_KIND_NONE;

		n_bytes += len;
		if (likely(iface_id != DP_NONE)) {
			kind = w->view->ifaces[iface_id].kind;
			count_received(w, iface_id, 1, len);
		}
		stamp(w, m, iface_id, kind);
		if (unlikely(len < RTE_ETHER_HDR_LEN))
			drop_burst(w, &m, 1, DROP_RUNT);
		else if (likely(kind == NODE_KIND_POD))
			pkts[n_wired++] = m;
		else if (kind == NODE_KIND_ROUTER)
			routed[n_routed++] = m;
		else
			drop_burst(w, &m, 1, DROP_PORT_NONE);
	}
	count_burst(w, n, n_bytes);
	if (n_wired != 0)
		link_burst(w, pkts, n_wired);
	if (n_routed != 0)
		router_burst(w, routed, n_routed);
}

// Frames of one port.
static void input_port(
        struct worker *w, uint32_t iface_id, struct rte_mbuf **pkts, unsigned n, uint64_t n_bytes)
{
	uint8_t kind = w->view->ifaces[iface_id].kind;

	for (unsigned i = 0; i < n; i++)
		stamp(w, pkts[i], iface_id, kind);
	count_received(w, iface_id, n, n_bytes);
	count_burst(w, n, n_bytes);
	if (kind == NODE_KIND_POD)
		link_burst(w, pkts, n);
	else if (kind == NODE_KIND_ROUTER)
		router_burst(w, pkts, n);
	else
		drop_burst(w, pkts, n, DROP_PORT_NONE);
}

void input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	uint32_t iface_id = iface_of_port(w, pkts[0]->port), shortest = UINT32_MAX;
	unsigned n_same = 0;
	uint64_t n_bytes = 0;

	while (n_same < n && pkts[n_same]->port == pkts[0]->port) {
		rte_prefetch0(frame_of(pkts[n_same])); // drivers write the other line
		n_bytes += pkts[n_same]->pkt_len;
		shortest = RTE_MIN(shortest, pkts[n_same]->pkt_len);
		n_same++;
	}
	if (likely(n_same == n && iface_id != DP_NONE && shortest >= RTE_ETHER_HDR_LEN))
		input_port(w, iface_id, pkts, n, n_bytes);
	else
		input_mixed(w, pkts, n);
}
