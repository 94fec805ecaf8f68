/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from ports: which interface is this, wire or router?
#include <rte_ether.h>

#include "port_ops.h"
#include "worker.h"

// A run of frames from one port.
struct run {
	uint32_t port_id;
	uint32_t iface_id;
	uint8_t kind; // enum node_kind
	uint32_t n_pkts;
	uint64_t n_bytes;
};

static void begin_run(struct worker *w, struct run *run, uint32_t port_id)
{
	const struct port *port = worker_port(w, port_id);

	*run = (struct run){.port_id = port_id, .iface_id = DP_NONE, .kind = NODE_KIND_NONE};
	if (port == NULL)
		return;
	run->iface_id = port->iface_id;
	run->kind = w->view->ifaces[port->iface_id].kind;
}

static void end_run(struct worker *w, const struct run *run)
{
	if (run->n_pkts == 0)
		return;
	counter_add(&w->counters.rx_pkts, run->n_pkts);
	counter_add(&w->counters.rx_bytes, run->n_bytes);
	if (run->iface_id == DP_NONE)
		return;
	counter_add(&w->ifaces[run->iface_id].rx_pkts, run->n_pkts);
	counter_add(&w->ifaces[run->iface_id].rx_bytes, run->n_bytes);
}

void input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct rte_mbuf *routed[BURST_MAX];
	unsigned n_wired = 0, n_routed = 0;
	struct run run = {.port_id = DP_NONE};

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct frame *f = frame_of(m);

		if (m->port != run.port_id) {
			end_run(w, &run);
			begin_run(w, &run, m->port);
		}
		run.n_pkts++;
		run.n_bytes += m->pkt_len;
		f->time_tsc = w->now_tsc;
		f->iface_id = run.iface_id;
		if (unlikely(m->pkt_len < RTE_ETHER_HDR_LEN)) {
			drop_burst(w, &m, 1, DROP_RUNT);
		} else if (likely(run.kind == NODE_KIND_POD)) {
			f->link_id = run.iface_id;
			pkts[n_wired++] = m;
		} else if (run.kind == NODE_KIND_ROUTER) {
			f->link_id = DP_NONE;
			routed[n_routed++] = m;
		} else {
			drop_burst(w, &m, 1, DROP_PORT_NONE);
		}
	}
	end_run(w, &run);
	if (n_wired != 0)
		link_burst(w, pkts, n_wired);
	if (n_routed != 0)
		router_burst(w, routed, n_routed);
}
