/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from ports: which interface is this, wire or router?
#include <rte_ether.h>

#include "worker.h"

// DP_NONE: the port is not known (any more).
static inline uint32_t iface_of_port(const struct worker *w, uint32_t port_id)
{
	// Relaxed: an interface's slot is written before a port is plugged in, and stays.
	return port_id < w->max_ports
	               ? atomic_load_explicit(&w->port_ifaces[port_id], memory_order_relaxed)
	               : DP_NONE;
}

static inline void count_received(struct worker *w, uint32_t iface_id, uint32_t len)
{
	counter_add(&w->ifaces[iface_id].rx_pkts, 1);
	counter_add(&w->ifaces[iface_id].rx_bytes, len);
}

void input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	const struct dp_iface *ifaces = w->view->ifaces;
	struct rte_mbuf *routed[BURST_MAX];
	unsigned n_wired = 0, n_routed = 0;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct frame *f = frame_of(m);
		uint32_t len = m->pkt_len, iface_id = iface_of_port(w, m->port);
		uint8_t kind = NODE_KIND_NONE;

		n_bytes += len;
		if (likely(iface_id != DP_NONE)) {
			kind = ifaces[iface_id].kind;
			count_received(w, iface_id, len);
		}
		f->time_tsc = w->now_tsc;
		f->iface_id = iface_id;
		if (unlikely(len < RTE_ETHER_HDR_LEN)) {
			drop_burst(w, &m, 1, DROP_RUNT);
		} else if (likely(kind == NODE_KIND_POD)) {
			f->link_id = iface_id;
			pkts[n_wired++] = m;
		} else if (kind == NODE_KIND_ROUTER) {
			f->link_id = DP_NONE;
			routed[n_routed++] = m;
		} else {
			drop_burst(w, &m, 1, DROP_PORT_NONE);
		}
	}
	counter_add(&w->counters.rx_pkts, n);
	counter_add(&w->counters.rx_bytes, n_bytes);
	if (n_wired != 0)
		link_burst(w, pkts, n_wired);
	if (n_routed != 0)
		router_burst(w, routed, n_routed);
}
