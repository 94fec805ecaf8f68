/* SPDX-License-Identifier: BSD-3-Clause */
// Frames at the far end of their link: to a router again, or out of a port.
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "port_ops.h"
#include "relay.h"
#include "worker.h"

// What the kernel lets through at a given MTU: one VLAN tag more than the header.
#define PORT_OVERHEAD_BYTES (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)

#define GROUP_NONE UINT8_MAX

// The frames of a burst that go out of one port, in order: a list through `following`.
struct group {
	struct port *port;
	uint8_t first, last;
};

void arrive_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	const struct dp_iface *ifaces = w->view->ifaces;
	struct rte_mbuf *routed[BURST_MAX];
	unsigned n_out = 0, n_routed = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct dp_iface *iface = &ifaces[frame_of(m)->iface_id];

		if (unlikely(frame_of(m)->accepted_tsc < iface->since_tsc))
			drop_on_link(w, m, frame_of(m)->link_id, DROP_PORT_NONE);
		else if (likely(iface->kind == NODE_KIND_POD))
			pkts[n_out++] = m;
		else if (iface->kind == NODE_KIND_ROUTER)
			routed[n_routed++] = m;
		else
			drop_on_link(w, m, frame_of(m)->link_id, DROP_PORT_NONE);
	}
	if (n_out != 0)
		output_burst(w, pkts, n_out);
	if (n_routed != 0)
		router_burst(w, routed, n_routed);
}

static inline void transmit(struct worker *w, struct port *port, struct rte_mbuf **pkts, unsigned n)
{
	struct port_queue *queue = port->queue;

	if (!queue->tx_dirty) {
		queue->tx_dirty = true;
		w->dirty[w->n_dirty++] = queue;
	}
	port->ops->tx_burst(port, pkts, (uint16_t)n);
}

// The port at the interface a frame is at, NULL if there is none.
static inline struct port *port_of(const struct worker *w, const struct frame *f)
{
	const struct dp_iface *iface = &w->view->ifaces[f->iface_id];

	// Relaxed: the port table behind it decides, this is only its index.
	return worker_port(w, atomic_load_explicit(&iface->port_id, memory_order_relaxed));
}

// Whether the port is there, is ours and takes the frame; if not, the frame has found another end.
static inline bool admit(struct worker *w, struct port *port, struct rte_mbuf *m)
{
	struct frame *f = frame_of(m);

	if (unlikely(port == NULL)) {
		drop_on_link(w, m, f->link_id, DROP_PORT_NONE);
		return false;
	}
	if (unlikely(port->worker != w->idx)) {
		f->link_id = DP_NONE; // for the port, not for a link
		relay_send(w, port->worker, m);
		return false;
	}
	if (unlikely(m->pkt_len > (uint32_t)port->mtu + PORT_OVERHEAD_BYTES)) {
		drop_on_link(w, m, f->link_id, DROP_PORT_MTU);
		return false;
	}
	return true;
}

// A burst for more than one port. Groups are found by a small hash of the port's id.
static void transmit_groups(
        struct worker *w, struct port **ports, struct rte_mbuf **pkts, unsigned n)
{
	uint8_t slots[2 * BURST_MAX], following[BURST_MAX];
	struct group groups[BURST_MAX];
	struct rte_mbuf *batch[BURST_MAX];
	unsigned n_groups = 0;

	memset(slots, GROUP_NONE, sizeof(slots));
	for (unsigned i = 0; i < n; i++) {
		unsigned slot = ports[i]->id % RTE_DIM(slots);

		while (slots[slot] != GROUP_NONE && groups[slots[slot]].port != ports[i])
			slot = (slot + 1) % RTE_DIM(slots);
		following[i] = GROUP_NONE;
		if (slots[slot] == GROUP_NONE) {
			slots[slot] = (uint8_t)n_groups;
			groups[n_groups++] = (struct group){ports[i], (uint8_t)i, (uint8_t)i};
		} else {
			struct group *group = &groups[slots[slot]];

			following[group->last] = (uint8_t)i;
			group->last = (uint8_t)i;
		}
	}
	for (unsigned g = 0; g < n_groups; g++) {
		unsigned n_batch = 0;

		for (uint8_t i = groups[g].first; i != GROUP_NONE; i = following[i])
			batch[n_batch++] = pkts[i];
		transmit(w, groups[g].port, batch, n_batch);
	}
}

static inline void count_sent(
        struct worker *w, const struct port *port, unsigned n_pkts, uint64_t n_bytes)
{
	struct iface_counters *counters = &w->ifaces[port->iface_id];

	counter_add(&counters->tx_pkts, n_pkts);
	counter_add(&counters->tx_bytes, n_bytes);
}

// Frames to one port.
static void output_port(struct worker *w, struct port *port, struct rte_mbuf **pkts, unsigned n)
{
	unsigned n_out = 0;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (unlikely(!admit(w, port, m)))
			continue;
		rte_prefetch0(rte_pktmbuf_mtod(m, void *));
		n_bytes += m->pkt_len;
		pkts[n_out++] = m;
	}
	if (n_out == 0)
		return;
	count_sent(w, port, n_out, n_bytes);
	counter_add(&w->counters.tx_pkts, n_out);
	counter_add(&w->counters.tx_bytes, n_bytes);
	transmit(w, port, pkts, n_out);
}

static void output_mixed(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct port *ports[BURST_MAX];
	unsigned n_out = 0;
	uint64_t n_bytes = 0;

	// With thousands of ports neither port nor counters are in the first cache.
	for (unsigned i = 0; i < n; i++) {
		const struct frame *f = frame_of(pkts[i]);

		ports[i] = port_of(w, f);
		rte_prefetch0(ports[i]);
		rte_prefetch0(&w->ifaces[f->iface_id]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *port = ports[i];

		if (unlikely(!admit(w, port, m)))
			continue;
		rte_prefetch0(rte_pktmbuf_mtod(m, void *));
		count_sent(w, port, 1, m->pkt_len);
		n_bytes += m->pkt_len;
		ports[n_out] = port;
		pkts[n_out++] = m;
	}
	if (n_out == 0)
		return;
	counter_add(&w->counters.tx_pkts, n_out);
	counter_add(&w->counters.tx_bytes, n_bytes);
	transmit_groups(w, ports, pkts, n_out);
}

void output_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	const struct frame *first = frame_of(pkts[0]);
	unsigned n_same = 1;

	while (n_same < n && frame_of(pkts[n_same])->iface_id == first->iface_id)
		n_same++;
	if (n_same == n)
		output_port(w, port_of(w, first), pkts, n);
	else
		output_mixed(w, pkts, n);
}
