/* SPDX-License-Identifier: BSD-3-Clause */
// What people see of a port beside its state and counters.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "units.h"
#include "vhost_user.h"

struct details {
	struct port_detail *at;
	size_t n, max;
};

__attribute__((format(printf, 3, 4))) static void put(
        struct details *details, const char *name, const char *fmt, ...)
{
	struct port_detail *detail = &details->at[details->n];
	va_list args;

	if (details->n == details->max)
		return;
	details->n++;
	snprintf(detail->name, sizeof(detail->name), "%s", name);
	va_start(args, fmt);
	vsnprintf(detail->value, sizeof(detail->value), fmt, args);
	va_end(args);
}

static const struct {
	uint64_t bit;
	const char *name;
} feature_names[] = {
        {VIRTIO_F_VERSION_1, "version_1"},
        {VIRTIO_F_RING_PACKED, "packed"},
        {VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf"},
        {VIRTIO_F_INDIRECT_DESC, "indirect"},
        {VIRTIO_F_EVENT_IDX, "event_idx"},
        {VIRTIO_F_ANY_LAYOUT, "any_layout"},
        {VIRTIO_NET_F_MQ, "mq"},
        {VIRTIO_NET_F_MTU, "mtu"},
        {VIRTIO_NET_F_STATUS, "status"},
};

static void put_features(struct details *details, const struct device *device)
{
	char text[160] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++) {
		if ((device->features & feature_names[i].bit) != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			        len > 0 ? ", " : "", feature_names[i].name);
	}
	put(details, "features", "%s", len > 0 ? text : "none");
}

// "packed, 256 and 256 (to and from the guest)"; one entry a pair.
static void put_rings(struct details *details, const struct device *device, uint32_t pair)
{
	const struct device_ring *receive = &device->rings[2 * pair];
	const struct device_ring *transmit = &device->rings[2 * pair + 1];
	char name[24];

	if (receive->size == 0 && transmit->size == 0)
		return;
	snprintf(name, sizeof(name), pair == 0 ? "rings" : "rings %u", pair);
	put(details, name, "%s, %u %s to the guest, %u %s from it",
	        (device->features & VIRTIO_F_RING_PACKED) != 0 ? "packed" : "split", receive->size,
	        receive->vring != NULL ? "running" : "stopped", transmit->size,
	        transmit->vring != NULL ? "running" : "stopped");
}

static void put_memory(struct details *details, const struct device *device)
{
	char size[UNITS_TEXT_SIZE];
	uint32_t n = device->memory != NULL ? device->memory->n_regions : 0;
	uint32_t n_sealed = 0;

	for (uint32_t i = 0; i < n; i++)
		n_sealed += mapping_is_sealed(device->regions[i].mapping);
	put(details, "memory", "%u region%s, %s, %s", n, n == 1 ? "" : "s",
	        units_format_size(size, device->memory_bytes),
	        n_sealed < n ? "guarded against shrinking" : "sealed against shrinking");
}

static void put_kicks(struct details *details, const struct vhost_port *p)
{
	const struct device_ring *ring = &p->device.rings[1];

	put(details, "kicks", "%s",
	        p->queue.base.fd >= 0 ? "eventfd"
	        : ring->kicks         ? "not kept: too few open files left, swept"
	                              : "none, swept");
	put(details, "calls", "%s", p->device.rings[0].call_fd >= 0 ? "eventfd" : "none");
}

size_t vhost_user_describe(struct port *port, struct port_detail *details, size_t n)
{
	const struct vhost_port *p = vhost_port_of(port);
	struct details out = {.at = details, .max = n};

	put(&out, "socket", "%s", p->path);
	put(&out, "mode", "%s",
	        p->listen_fd >= 0 ? "server: the front end connects"
	                          : "client: the switch connects");
	put(&out, "connects", "%llu", (unsigned long long)p->n_connects);
	if (p->n_broken > 0)
		put(&out, "broken", "%llu times, the last: %s", (unsigned long long)p->n_broken,
		        p->last_fault);
	if (p->connection.fd < 0)
		return out.n;
	put_features(&out, &p->device);
	put_memory(&out, &p->device);
	put_kicks(&out, p);
	if (p->device.front_end_mtu != 0)
		put(&out, "guest mtu", "%u", p->device.front_end_mtu);
	if (p->device.inflight.mapping != NULL)
		put(&out, "inflight", "%llu bytes", (unsigned long long)p->device.inflight.size);
	for (uint32_t i = 0; i < p->queue.n_pairs; i++)
		put_rings(&out, &p->device, i);
	return out.n;
}
