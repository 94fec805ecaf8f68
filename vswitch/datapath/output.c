/* SPDX-License-Identifier: BSD-3-Clause */
// Frames at the far end of their link: to a router again, or out of a port.
#include <rte_ether.h>

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

		if (likely(iface->kind == NODE_KIND_POD))
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

static void transmit(struct worker *w, struct port *port, struct rte_mbuf **pkts, unsigned n)
{
	struct iface_counters *counters = &w->ifaces[port->iface_id];
	struct port_queue *queue = port->queue;
	uint64_t n_bytes = 0;

	for (unsigned i = 0; i < n; i++)
		n_bytes += pkts[i]->pkt_len;
	counter_add(&counters->tx_pkts, n);
	counter_add(&counters->tx_bytes, n_bytes);
	counter_add(&w->counters.tx_pkts, n);
	counter_add(&w->counters.tx_bytes, n_bytes);
	if (!queue->tx_dirty) {
		queue->tx_dirty = true;
		w->dirty[w->n_dirty++] = queue;
	}
	port->ops->tx_burst(port, pkts, (uint16_t)n);
}

// The port a frame leaves by, or NULL when the frame found another end.
static struct port *port_of(struct worker *w, struct rte_mbuf *m)
{
	struct frame *f = frame_of(m);
	const struct dp_iface *iface = &w->view->ifaces[f->iface_id];
	// Relaxed: the port table behind it decides, this is only its index.
	uint32_t port_id = atomic_load_explicit(&iface->port_id, memory_order_relaxed);
	struct port *port = worker_port(w, port_id);

	if (unlikely(port == NULL)) {
		drop_on_link(w, m, f->link_id, DROP_PORT_NONE);
		return NULL;
	}
	if (unlikely(port->worker != w->idx)) {
		f->link_id = DP_NONE; // for the port, not for a link
		relay_send(w, port->worker, m);
		return NULL;
	}
	if (unlikely(m->pkt_len > (uint32_t)port->mtu + PORT_OVERHEAD_BYTES)) {
		drop_on_link(w, m, f->link_id, DROP_PORT_MTU);
		return NULL;
	}
	return port;
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

void output_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct port *ports[BURST_MAX];
	unsigned n_out = 0;
	bool same = true;

	for (unsigned i = 0; i < n; i++) {
		struct port *port = port_of(w, pkts[i]);

		if (unlikely(port == NULL))
			continue;
		ports[n_out] = port;
		pkts[n_out] = pkts[i];
		same &= port == ports[0];
		n_out++;
	}
	if (n_out == 0)
		return;
	if (same)
		transmit(w, ports[0], pkts, n_out);
	else
		transmit_groups(w, ports, pkts, n_out);
}
