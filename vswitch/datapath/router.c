/* SPDX-License-Identifier: BSD-3-Clause */
// The router stage: what may be forwarded, where it goes, and its way out. What the router itself
// must answer goes to local.c, what cannot be forwarded to icmp6.c.
#include "router.h"

#include <assert.h>
#include <netinet/in.h>

#include "fib6.h"
#include "fib6_cache.h"

enum verdict { FORWARD, LOCAL, DROP };

enum resolution { VIA_LINK, VIA_PORT, TO_US, NO_ROUTE, NO_NEXT_HOP };

// A way out of a router.
struct hop {
	uint32_t iface_id;
	uint32_t mtu; // bytes of IPv6 packet; 0: no limit
	const uint8_t *mac; // whom to address
	bool by_flow; // other flows may go elsewhere
};

struct batch {
	unsigned n;
	struct rte_mbuf *pkts[BURST_MAX];
};

// Frames to look up, and where they are.
struct lookups {
	unsigned n;
	struct rte_mbuf *pkts[BURST_MAX];
	const uint8_t *dst[BURST_MAX];
	uint32_t node_ids[BURST_MAX];
	uint32_t values[BURST_MAX];
};

static enum verdict refuse(enum drop_reason *ret_reason, enum drop_reason reason)
{
	*ret_reason = reason;
	return DROP;
}

// Is this a frame for a router to look at, with a well-formed IPv6 header?
static enum verdict check_frame(struct rte_mbuf *m, enum drop_reason *ret_reason)
{
	const struct ip6_frame *frame = ip6_frame_of(m);

	if (rte_pktmbuf_data_len(m) < ETH_HDR_SIZE)
		return refuse(ret_reason, DROP_RUNT);
	if (!ip6_to_mac_group(frame) && memcmp(frame->dst_mac, router_mac, sizeof(router_mac)) != 0)
		return refuse(ret_reason, DROP_NOT_FOR_US);
	if (frame->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return refuse(ret_reason, DROP_NOT_IPV6);
	if (rte_pktmbuf_data_len(m) < IP6_FRAME_MIN ||
	        (frame->ip.vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000) ||
	        ip6_packet_len(&frame->ip) > rte_pktmbuf_pkt_len(m) - ETH_HDR_SIZE)
		return refuse(ret_reason, DROP_BAD_IPV6);
	return FORWARD;
}

// Forward, answer, or neither (RFC 4291 sections 2.5.2, 2.5.3, 2.5.6 and 2.7).
static enum verdict check_addresses(
        const struct dp_node *node, const struct ip6_frame *frame, enum drop_reason *ret_reason)
{
	const uint8_t *src = frame->ip.src_addr;
	const uint8_t *dst = frame->ip.dst_addr;

	if (likely(ip6_is_plain(src) && ip6_is_plain(dst) && !ip6_to_mac_group(frame)))
		return unlikely(ip6_equal(dst, node->address)) ? LOCAL : FORWARD;
	if (ip6_is_multicast(src) || ip6_is_loopback(src) || ip6_is_loopback(dst) ||
	        ip6_is_unspecified(dst))
		return refuse(ret_reason, DROP_BAD_ADDRESS);
	if (ip6_is_multicast(dst)) // of a link: ours to look at; beyond: never forwarded
		return ip6_is_link_multicast(dst) ? LOCAL : refuse(ret_reason, DROP_BAD_ADDRESS);
	if (ip6_to_mac_group(frame)) // RFC 1122 section 3.3.6
		return refuse(ret_reason, DROP_NOT_FOR_US);
	if (ip6_equal(dst, ip6_gateway) || router_owns(node, dst))
		return LOCAL;
	if (ip6_is_link_local(dst) || ip6_is_unspecified(src))
		return refuse(ret_reason, DROP_BAD_ADDRESS);
	return FORWARD;
}

static inline enum resolution via_iface(const struct worker *w, struct hop *hop)
{
	const struct dp_iface *iface = &w->view->ifaces[hop->iface_id];
	const struct link_params *link = &w->view->links[hop->iface_id];
	uint32_t port_id = atomic_load_explicit(&iface->port_id, memory_order_relaxed);
	const struct port *port;

	hop->mtu = 0;
	if (port_id != DP_NONE) {
		port = worker_port(w, port_id);
		if (port != NULL)
			hop->mtu = port->mtu;
		return VIA_PORT;
	}
	if (link->to == DP_NONE)
		return NO_NEXT_HOP;
	if (link->mtu_frame > ETH_HDR_SIZE)
		hop->mtu = link->mtu_frame - (uint32_t)ETH_HDR_SIZE;
	return VIA_LINK;
}

// Whom to address across a link: the far router, or the pod's interface there.
static inline const uint8_t *far_end_mac(
        const struct worker *w, const struct dp_target *target, uint32_t far_id)
{
	const struct dp_iface *far = &w->view->ifaces[far_id];
	const struct port *port;

	if (far->kind == NODE_KIND_ROUTER)
		return router_mac;
	if (far_id == target->iface_id)
		return target->mac;
	// in by another interface of the pod than named
	port = worker_port(w, atomic_load_explicit(&far->port_id, memory_order_relaxed));
	return port != NULL ? port->mac : target->mac;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

// All frames of a flow have the same: addresses, flow label (RFC 6438), and ports where the
// transport header comes first. Each router has its own, else all would choose alike and whole
// links would stay empty.
static uint32_t flow_hash(struct rte_mbuf *m, uint32_t node_id)
{
	const struct ip6_frame *frame = ip6_frame_of(m);
	const uint8_t *header = (const uint8_t *)&frame->ip;
	const uint8_t *addresses = header + offsetof(struct rte_ipv6_hdr, src_addr);
	uint64_t word, hash = mix(node_id, frame->ip.vtc_flow & RTE_BE32(0x000fffff));
	uint32_t ports;

	for (unsigned i = 0; i < 4; i++) {
		memcpy(&word, addresses + 8 * i, sizeof(word)); // the other follows
		hash = mix(hash, word);
	}
	if ((frame->ip.proto == IPPROTO_TCP || frame->ip.proto == IPPROTO_UDP ||
	            frame->ip.proto == IPPROTO_SCTP) &&
	        rte_pktmbuf_data_len(m) >= IP6_FRAME_MIN + sizeof(ports)) {
		memcpy(&ports, header + sizeof(frame->ip), sizeof(ports));
		hash = mix(hash, (uint64_t)frame->ip.proto << 32 | ports);
	}
	return (uint32_t)(mix(hash, 0) >> 32);
}

// The interface by which a router sends to a destination, DP_NONE: no path.
static inline uint32_t next_hop(const struct dp_nexthops *nexthops, uint32_t dest_idx,
        uint32_t router_idx, struct rte_mbuf *m, uint32_t node_id, bool *ret_by_flow)
{
	uint32_t cell;

	if (nexthops == NULL || dest_idx >= nexthops->n_dests || router_idx >= nexthops->n_routers)
		return DP_NONE;
	cell = dp_nexthops_cell(nexthops, dest_idx, router_idx);
	*ret_by_flow = dp_nexthops_is_several(cell);
	if (unlikely(*ret_by_flow))
		return dp_nexthops_way(nexthops, router_idx, cell, flow_hash(m, node_id));
	return cell;
}

// The way of a frame from router `node_id` to what a FIB value names.
static __rte_always_inline enum resolution resolve(const struct worker *w, struct rte_mbuf *m,
        uint32_t node_id, uint32_t value, struct hop *ret_hop)
{
	const struct view *view = w->view;
	const struct dp_target *target;
	enum resolution way;

	if (unlikely(value == FIB6_NONE))
		return NO_ROUTE;
	target = &view->targets[value];
	ret_hop->mac = target->mac;
	ret_hop->by_flow = false;
	if (target->node_id == node_id) {
		ret_hop->iface_id = target->iface_id;
		return target->iface_id == DP_NONE ? TO_US : via_iface(w, ret_hop);
	}
	ret_hop->iface_id = next_hop(view->nexthops, view->nodes[target->node_id].dest_idx,
	        view->nodes[node_id].router_idx, m, node_id, &ret_hop->by_flow);
	// A table that is older than the topology may name what another node has by now.
	if (ret_hop->iface_id == DP_NONE || view->ifaces[ret_hop->iface_id].node_id != node_id)
		return NO_NEXT_HOP;
	way = via_iface(w, ret_hop);
	if (way == VIA_LINK)
		ret_hop->mac = far_end_mac(w, target, view->links[ret_hop->iface_id].to);
	return way;
}

static void address_frame(struct rte_mbuf *m, enum resolution way, const struct hop *hop)
{
	struct ip6_frame *frame = ip6_frame_of(m);

	memcpy(frame->dst_mac, hop->mac, sizeof(frame->dst_mac));
	memcpy(frame->src_mac, router_mac, sizeof(frame->src_mac));
	frame_of(m)->iface_id = hop->iface_id;
	if (way == VIA_LINK) // else the link it came by, which counts what the port refuses
		frame_of(m)->link_id = hop->iface_id;
}

// Padding that would make a frame too long for the hop is cut off; true if the packet is too long.
static bool exceeds(struct rte_mbuf *m, uint32_t mtu)
{
	uint32_t packet_len = ip6_packet_len(&ip6_frame_of(m)->ip);
	uint32_t frame_len = packet_len + (uint32_t)ETH_HDR_SIZE;

	if (mtu == 0 || rte_pktmbuf_pkt_len(m) <= mtu + ETH_HDR_SIZE)
		return false;
	if (packet_len > mtu)
		return true;
	return rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_pkt_len(m) - frame_len)) != 0;
}

// What cannot be forwarded: for the router itself, or why not.
static __rte_noinline void turn_back(
        struct worker *w, struct rte_mbuf *m, enum resolution way, const struct hop *hop)
{
	const struct ip6_frame *frame = ip6_frame_of(m);

	if (way == TO_US)
		local_frame(w, m);
	else if (ip6_is_link_local(frame->ip.src_addr)) // RFC 4443 section 3.1, code 2
		local_error(w, m, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, 0,
		        DROP_BAD_ADDRESS);
	else if (way == NO_ROUTE)
		local_error(w, m, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, 0, DROP_NO_ROUTE);
	else if (way == NO_NEXT_HOP)
		local_error(
		        w, m, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, 0, DROP_NO_NEXT_HOP);
	else if (frame->ip.hop_limits <= 1)
		local_error(
		        w, m, ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, 0, DROP_HOP_LIMIT);
	else
		local_error(w, m, ICMP6_PACKET_TOO_BIG, 0, hop->mtu, DROP_TOO_BIG);
}

static void forward(struct worker *w, const struct lookups *lookups)
{
	struct batch links = {.n = 0};
	struct batch ports = {.n = 0};
	struct hop hop = {.by_flow = true};
	enum resolution way = NO_ROUTE;

	for (unsigned i = 0; i < lookups->n; i++) {
		struct rte_mbuf *m = lookups->pkts[i];
		struct ip6_frame *frame = ip6_frame_of(m);
		uint32_t value = lookups->values[i], node_id = lookups->node_ids[i];

		// Frames of one burst often have one target: the way is the last one's.
		if (hop.by_flow || value != lookups->values[i - 1] ||
		        node_id != lookups->node_ids[i - 1])
			way = resolve(w, m, node_id, value, &hop);
		if (unlikely((way != VIA_LINK && way != VIA_PORT) ||
		             ip6_is_link_local(frame->ip.src_addr) || frame->ip.hop_limits <= 1 ||
		             exceeds(m, hop.mtu))) {
			turn_back(w, m, way, &hop);
			continue;
		}
		frame->ip.hop_limits--;
		address_frame(m, way, &hop);
		if (way == VIA_LINK)
			links.pkts[links.n++] = m;
		else
			ports.pkts[ports.n++] = m;
	}
	if (links.n > 0)
		link_burst(w, links.pkts, links.n);
	if (ports.n > 0)
		output_burst(w, ports.pkts, ports.n);
}

void router_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	struct lookups lookups;
	unsigned n_lookups = 0;

	assert(n <= BURST_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		enum drop_reason reason = DROP_BAD_IPV6;
		enum verdict verdict = check_frame(m, &reason);
		uint32_t node_id = router_node_id(w, m);

		if (likely(verdict == FORWARD))
			verdict =
			        check_addresses(&w->view->nodes[node_id], ip6_frame_of(m), &reason);
		if (likely(verdict == FORWARD)) {
			lookups.pkts[n_lookups] = m;
			lookups.dst[n_lookups] = ip6_frame_of(m)->ip.dst_addr;
			lookups.node_ids[n_lookups++] = node_id;
		} else if (verdict == LOCAL) {
			local_frame(w, m);
		} else {
			drop_burst(w, &m, 1, reason);
		}
	}
	if (n_lookups == 0)
		return;
	lookups.n = n_lookups;
	fib6_cache_lookup(w->fib_cache, w->view->fib, lookups.dst, lookups.values, n_lookups);
	forward(w, &lookups);
}

static void send_by(
        struct worker *w, struct rte_mbuf *m, enum resolution way, const struct hop *hop)
{
	address_frame(m, way, hop);
	if (way == VIA_PORT)
		output_burst(w, &m, 1);
	else
		link_burst(w, &m, 1);
}

void router_send_back(struct worker *w, struct rte_mbuf *m, const uint8_t back_mac[6])
{
	struct hop hop = {.iface_id = frame_of(m)->iface_id, .mac = back_mac};
	enum resolution way = via_iface(w, &hop);

	send_by(w, m, way == VIA_PORT ? VIA_PORT : VIA_LINK, &hop); // unplugged: counted there
}

void router_send(struct worker *w, struct rte_mbuf *m, const uint8_t back_mac[6])
{
	const uint8_t *dst = ip6_frame_of(m)->ip.dst_addr;
	enum resolution way = NO_ROUTE;
	struct hop hop;

	if (!ip6_is_multicast(dst) && !ip6_is_link_local(dst))
		way = resolve(w, m, router_node_id(w, m), fib6_lookup(w->view->fib, dst), &hop);
	if (way == VIA_LINK || way == VIA_PORT)
		send_by(w, m, way, &hop);
	else
		router_send_back(w, m, back_mac);
}

struct rte_mbuf *router_new_frame(struct worker *w, struct rte_mbuf *cause)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m == NULL)
		return NULL;
	m->port = cause->port;
	*frame_of(m) = (struct frame){
	        .time_tsc = frame_of(cause)->time_tsc,
	        .link_id = DP_NONE,
	        .iface_id = frame_of(cause)->iface_id,
	};
	return m;
}
