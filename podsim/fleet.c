/* SPDX-License-Identifier: BSD-3-Clause */
// The fleet: from options to ports that are ready to connect.
#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- lists and peers ---------------------------------------------------------------------------

static int make_lists(struct fleet *fleet, struct fault *fault)
{
	const struct options *o = fleet->options;

	fleet->n_ports = o->n_ports;
	fleet->ports = aligned_alloc(CACHE_LINE, o->n_ports * sizeof(*fleet->ports));
	fleet->busy = calloc(o->n_ports, sizeof(struct port *));
	fleet->idle = calloc(o->n_ports, sizeof(struct port *));
	if (fleet->ports == NULL || fleet->busy == NULL || fleet->idle == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory for %u ports", o->n_ports);
	memset(fleet->ports, 0, o->n_ports * sizeof(*fleet->ports));
	for (uint32_t i = 0; i < o->n_ports; i++) {
		fleet->ports[i].id = i;
		if (o->hostile[i])
			continue;
		fleet->n_good++;
		if (o->busy[i])
			fleet->busy[fleet->n_busy++] = &fleet->ports[i];
		else
			fleet->idle[fleet->n_idle++] = &fleet->ports[i];
	}
	return 0;
}

// The last of an odd number has itself as its pair.
static uint32_t peer_of(const struct fleet *fleet, uint32_t k)
{
	switch (fleet->options->peer) {
	case OPTIONS_PEER_PAIR:
		return (k ^ 1) < fleet->n_busy ? k ^ 1 : k;
	case OPTIONS_PEER_RING:
		return k + 1 < fleet->n_busy ? k + 1 : 0;
	default:
		return k;
	}
}

static int plan_flows(struct fleet *fleet, struct fault *fault)
{
	const struct options *o = fleet->options;

	fleet->flows = (struct flow_plan){
	        .n_flows = o->n_flows,
	        .n_destinations = fleet->n_busy > 0 ? fleet->n_busy : 1,
	        .n_prefixes = o->n_prefixes,
	};
	if (fleet->flows.n_prefixes < fleet->flows.n_destinations)
		fleet->flows.n_prefixes = fleet->flows.n_destinations;
	return flow_plan_base(&fleet->flows, o->prefix_base, fault);
}

void fleet_print_routes(const struct fleet *fleet, FILE *out)
{
	for (uint32_t k = 0; k < fleet->n_busy; k++) {
		uint32_t n = flow_prefix_count(&fleet->flows, k);

		for (uint32_t i = 0; i < n; i++) {
			char text[INET6_ADDRSTRLEN];
			uint8_t prefix[16];

			flow_prefix(&fleet->flows, k, i, prefix);
			inet_ntop(AF_INET6, prefix, text, sizeof(text));
			fprintf(out, "%s/64 %u\n", text, fleet->busy[k]->id);
		}
	}
}

// --- addresses ---------------------------------------------------------------------------------

static int address_of(const char *template, uint32_t id, uint8_t ret[16], struct fault *fault)
{
	const char *percent = strchr(template, '%');
	char text[128];

	if (percent == NULL)
		snprintf(text, sizeof(text), "%s", template);
	else
		snprintf(text, sizeof(text), percent[1] == 'x' ? "%.*s%x%s" : "%.*s%u%s",
		        (int)(percent - template), template, id, percent + 2);
	if (inet_pton(AF_INET6, text, ret) != 1)
		return fault_set(fault, -EINVAL, "", "'%s' (of '%s') is not an IPv6 address", text,
		        template);
	return 0;
}

static void mac_of(uint32_t id, uint8_t mac[6])
{
	const uint8_t bytes[6] = {0x02, 0x70, (uint8_t)(id >> 24), (uint8_t)(id >> 16),
	        (uint8_t)(id >> 8), (uint8_t)id};

	memcpy(mac, bytes, sizeof(bytes));
}

static int address_port(struct fleet *fleet, uint32_t k, uint32_t peer, struct fault *fault)
{
	const struct options *o = fleet->options;
	struct port *port = fleet->busy[k], *to = fleet->busy[peer];
	struct frame_template *t = &port->template;
	int err;

	port->peer = to;
	to->source = port;
	t->type = o->l2 ? FRAME_TYPE_L2 : FRAME_TYPE_IPV6;
	t->src_port_id = port->id;
	t->dst_port_id = to->id;
	mac_of(port->id, t->src_mac);
	mac_of(to->id, t->dst_mac);
	if (o->has_dst_mac)
		memcpy(t->dst_mac, o->dst_mac, sizeof(t->dst_mac));
	err = address_of(o->src, port->id, t->src, fault);
	if (err == 0 && o->dst != NULL)
		err = address_of(o->dst, to->id, t->dst, fault);
	else if (err == 0)
		flow_prefix(&fleet->flows, peer, 0, t->dst);
	flow_cursor_init(&port->cursor, &fleet->flows, peer);
	if (err == 0 && o->dst != NULL) {
		// one prefix, as the template has it
		memcpy(&port->cursor.base, t->dst + 4, 4);
		port->cursor.base = __builtin_bswap32(port->cursor.base);
		port->cursor.mask = 0;
	}
	port->checksum_constant = frame_constant(t);
	return err;
}

static int address_ports(struct fleet *fleet, struct fault *fault)
{
	int err = plan_flows(fleet, fault);

	for (uint32_t k = 0; k < fleet->n_busy && err == 0; k++)
		err = address_port(fleet, k, peer_of(fleet, k), fault);
	return err;
}

// --- memory ------------------------------------------------------------------------------------

static void write_frames(struct fleet *fleet, struct port *port)
{
	for (uint32_t i = 0; i < fleet->shape.ring_size; i++)
		frame_write(port_frame(&port->tx, i), &port->template, fleet->largest,
		        fleet->size_sums[fleet->largest]);
}

static int make_ports(struct fleet *fleet, struct fault *fault)
{
	const struct port_shape *shape = &fleet->shape;
	size_t shared_bytes =
	        (size_t)shape->ring_size *
	        port_stride(shape->rx_bytes > shape->tx_bytes ? shape->rx_bytes : shape->tx_bytes);
	size_t bytes = shared_bytes + CACHE_LINE +
	               fleet->n_busy * port_bytes(shape, /*busy*/ true) +
	               fleet->n_idle * port_bytes(shape, /*busy*/ false);
	char *shared;
	int err = memory_create(&fleet->memory, bytes, fleet->options->hugepages, fault);

	if (err < 0)
		return err;
	// idle ports have rings of their own, but throw what they get into the same buffers
	shared = memory_take(&fleet->memory, shared_bytes, CACHE_LINE);
	for (uint32_t i = 0; i < fleet->n_ports && err == 0; i++) {
		bool busy = fleet->options->busy[i];

		if (fleet->options->hostile[i])
			continue; // has memory of its own
		err = port_init(
		        &fleet->ports[i], i, shape, &fleet->memory, busy ? NULL : shared, fault);
		fleet->ports[i].sends = busy;
		fleet->ports[i].receives = !fleet->options->deaf[i];
	}
	return err;
}

static int make_sizes(struct fleet *fleet, struct fault *fault)
{
	const struct options *o = fleet->options;

	for (uint32_t i = 0; i < o->n_sizes; i++)
		fleet->largest =
		        o->sizes[i].high > fleet->largest ? o->sizes[i].high : fleet->largest;
	fleet->size_sums = calloc(FRAME_BYTES_MAX + 1, sizeof(*fleet->size_sums));
	if (fleet->size_sums == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory");
	frame_size_sums(fleet->size_sums, FRAME_BYTES_MAX);
	if (o->n_sizes == 1 && o->sizes[0].low == o->sizes[0].high)
		return 0;
	fleet->sizes = calloc(WORKER_SIZES, sizeof(*fleet->sizes));
	if (fleet->sizes == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory");
	options_size_table(o->sizes, o->n_sizes, o->seed, fleet->sizes, WORKER_SIZES);
	return 0;
}

// --- the whole ---------------------------------------------------------------------------------

static void plan_rings(struct fleet *fleet)
{
	const struct options *o = fleet->options;

	fleet->shape = (struct port_shape){
	        .ring_size = o->ring_size,
	        .ring_align = o->ring_align,
	        .rx_bytes = o->buffer_bytes,
	        .tx_bytes = fleet->largest > o->buffer_bytes ? fleet->largest : o->buffer_bytes,
	        .parts = o->mergeable && fleet->largest > o->buffer_bytes,
	        .packed = o->packed,
	        .loop = o->loop,
	        .interrupts = o->call,
	        .kicks = o->kick,
	};
	fleet->wishes = (struct connection_wishes){
	        .features = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
	                    (o->packed ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0) |
	                    (o->event_idx ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0),
	        .optional = (o->mergeable ? VIRTIO_BIT(VIRTIO_F_NET_MRG_RXBUF) : 0) |
	                    (o->mtu != 0 ? VIRTIO_BIT(VIRTIO_F_NET_MTU) : 0),
	        .mtu = o->mtu,
	};
}

static int make_hostile(struct fleet *fleet, struct fault *fault)
{
	const struct options *o = fleet->options;
	struct hostile_plan plan = {
	        .path = o->path, .client = o->client, .seed = o->misbehave_seed};
	uint32_t *ids = calloc(o->n_ports, sizeof(*ids));
	uint32_t n = 0;
	int err;

	if (ids == NULL)
		return fault_set(fault, -ENOMEM, "", "no memory");
	for (uint32_t i = 0; i < o->n_ports; i++) {
		if (o->hostile[i])
			ids[n++] = i;
	}
	err = hostile_init(&fleet->hostile, &plan, ids, n, fault);
	free(ids);
	return err;
}

static void plan_worker(struct fleet *fleet)
{
	const struct options *o = fleet->options;
	struct worker *worker = &fleet->worker;

	worker->plan = (struct worker_plan){
	        .cpu = o->cpu,
	        .burst = o->burst,
	        .rate_pps = o->rate_pps,
	        .loop = o->loop,
	        .gap_ns = (uint32_t)o->gap_ns,
	        .packed = o->packed,
	        .mergeable = o->mergeable,
	        .kicks = o->kick,
	        .check_payload = o->check_payload,
	        .type = o->l2 ? FRAME_TYPE_L2 : FRAME_TYPE_IPV6,
	        .bytes = fleet->largest,
	        .sizes = fleet->sizes,
	        .size_sums = fleet->size_sums,
	};
	worker->memory = &fleet->memory;
	worker->ports = fleet->ports;
	worker->n_ports = fleet->n_ports;
	worker->busy = fleet->busy;
	worker->n_busy = fleet->n_busy;
	worker->idle = fleet->idle;
	worker->n_idle = fleet->n_idle;
}

int fleet_init(struct fleet *fleet, const struct options *options, struct fault *fault)
{
	int err;

	*fleet = (struct fleet){.options = options, .memory = {.fd = -1}};
	err = make_lists(fleet, fault);
	if (err == 0)
		err = make_sizes(fleet, fault);
	plan_rings(fleet);
	if (err == 0 && options->print_routes)
		return plan_flows(fleet, fault);
	if (err == 0)
		err = make_ports(fleet, fault);
	if (err == 0)
		err = address_ports(fleet, fault);
	if (err == 0)
		err = make_hostile(fleet, fault);
	for (uint32_t k = 0; k < fleet->n_busy && err == 0; k++)
		write_frames(fleet, fleet->busy[k]);
	plan_worker(fleet);
	return err;
}

void fleet_fini(struct fleet *fleet)
{
	hostile_fini(&fleet->hostile);
	for (uint32_t i = 0; i < fleet->n_ports && fleet->memory.fd >= 0; i++) {
		if (!fleet->options->hostile[i])
			port_fini(&fleet->ports[i]);
	}
	free(fleet->ports);
	free(fleet->busy);
	free(fleet->idle);
	free(fleet->sizes);
	free(fleet->size_sums);
	memory_destroy(&fleet->memory);
}
