/* SPDX-License-Identifier: BSD-3-Clause */
// Messages' meaning: negotiation and rings. Memory is device_memory.c's.
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_memory.h"
#include "inflight.h"
#include "mapping.h"

#define OFFERED                                                                              \
	(VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MQ | \
	        VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |          \
	        VHOST_USER_F_PROTOCOL_FEATURES | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED)
#define OFFERED_PROTOCOL                                                                         \
	(PROTOCOL_F_MQ | PROTOCOL_F_REPLY_ACK | PROTOCOL_F_NET_MTU | PROTOCOL_F_INFLIGHT_SHMFD | \
	        PROTOCOL_F_RESET_DEVICE | PROTOCOL_F_CONFIGURE_MEM_SLOTS | PROTOCOL_F_STATUS)

uint64_t device_offered_features(void)
{
	return OFFERED;
}

static uint32_t n_rings(const struct device *d)
{
	return 2u * d->config->n_pairs;
}

static bool is_receive(uint32_t idx)
{
	return idx % 2 == 0;
}

static bool is_packed(const struct device *d)
{
	return (d->features & VIRTIO_F_RING_PACKED) != 0;
}

// --- descriptors ---------------------------------------------------------------------------------

static void close_kept(struct device *d, int *fd)
{
	if (*fd < 0)
		return;
	close(*fd);
	*fd = -1;
	d->config->budget->n_used--;
}

// What is no eventfd may block or signal who uses it.
static bool is_eventfd(int fd)
{
	char path[32], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target));
	return n == (ssize_t)strlen("anon_inode:[eventfd]") &&
	       memcmp(target, "anon_inode:[eventfd]", (size_t)n) == 0;
}

static int take_eventfd(struct connection *c, int *ret_fd, struct fault *fault)
{
	int fd = c->fds[0];

	if (!is_eventfd(fd))
		return fault_set(fault, -EPROTO, NULL, "%s: the descriptor is no eventfd",
		        message_name(c->message.request));
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return fault_set(fault, -EPROTO, NULL, "%s: an eventfd that blocks",
		        message_name(c->message.request));
	*ret_fd = connection_take_fd(c, 0);
	return 0;
}

// --- rings ---------------------------------------------------------------------------------------

bool device_runs(const struct device *d)
{
	for (uint32_t i = 0; i < n_rings(d); i++) {
		if (d->rings[i].vring != NULL)
			return true;
	}
	return false;
}

static void add_counters(const struct device *d, uint32_t idx, struct device_counters *sum)
{
	const struct vring_counters *counters = vring_get_counters(d->rings[idx].vring);
	uint64_t bad = atomic_load_explicit(&counters->bad_pkts, memory_order_relaxed);

	if (is_receive(idx))
		sum->tx_bad += bad;
	else
		sum->rx_bad += bad;
	sum->no_mbuf += atomic_load_explicit(&counters->no_mbuf, memory_order_relaxed);
	sum->calls += atomic_load_explicit(&counters->calls, memory_order_relaxed);
}

static void stop_ring(struct device *d, uint32_t idx)
{
	struct device_ring *ring = &d->rings[idx];

	if (ring->vring == NULL)
		return;
	ring->base = vring_stop(ring->vring);
	add_counters(d, idx, &d->stopped);
	free(ring->vring);
	ring->vring = NULL;
}

// All of them: the port is taken from its worker as a whole.
static void stop_rings(struct device *d)
{
	if (!device_runs(d))
		return;
	d->config->quiesce(d->config->arg);
	for (uint32_t i = 0; i < n_rings(d); i++)
		stop_ring(d, i);
}

static void end_ring(struct device *d, struct device_ring *ring)
{
	ring->started = false;
	ring->kicks = false;
	close_kept(d, &ring->kick_fd);
}

static bool may_run(const struct device *d, const struct device_ring *ring)
{
	bool enabled = ring->enabled || (d->features & VHOST_USER_F_PROTOCOL_FEATURES) == 0;

	return ring->started && enabled && ring->size > 0 && ring->has_addr && d->has_features &&
	       d->memory != NULL && d->memory->n_regions > 0;
}

// A front end that outlived a back end may not know how far that one came; a split ring tells it.
static void read_base(const struct device *d, struct device_ring *ring)
{
	const uint16_t *idx = guest_memory_at_user(d->memory, ring->used_addr + 2, sizeof(*idx));

	if (is_packed(d) || idx == NULL || ((uintptr_t)idx & 1) != 0)
		return; // vring_start refuses such a ring
	ring->base.avail = __atomic_load_n(idx, __ATOMIC_ACQUIRE);
	ring->base.used = ring->base.avail;
}

static int find_inflight(
        const struct device *d, uint32_t idx, void **ret_inflight, struct fault *fault)
{
	const struct device_inflight *inflight = &d->inflight;
	size_t part = inflight_part_size(is_packed(d), inflight->ring_size);

	*ret_inflight = NULL;
	if (inflight->mapping == NULL)
		return 0;
	if (idx >= inflight->n_rings || d->rings[idx].size > inflight->ring_size ||
	        part * inflight->n_rings > inflight->size)
		return fault_set(fault, -EPROTO, NULL,
		        "ring %u: its in-flight memory is for %u rings of %u", idx,
		        inflight->n_rings, inflight->ring_size);
	*ret_inflight = inflight->host + part * idx;
	return 0;
}

static int start_ring(struct device *d, uint32_t idx, struct fault *fault)
{
	struct device_ring *ring = &d->rings[idx];
	struct vring_config config;
	struct vring *vring;
	void *inflight;
	int ret = find_inflight(d, idx, &inflight, fault);

	if (ret < 0)
		return ret;
	read_base(d, ring);
	config = (struct vring_config){
	        .memory = d->memory,
	        .packed = is_packed(d),
	        .event_idx = (d->features & VIRTIO_F_EVENT_IDX) != 0,
	        .indirect = (d->features & VIRTIO_F_INDIRECT_DESC) != 0,
	        .mergeable = (d->features & VIRTIO_NET_F_MRG_RXBUF) != 0,
	        .version_1 = (d->features & VIRTIO_F_VERSION_1) != 0,
	        .receive = is_receive(idx),
	        .size = ring->size,
	        .first_avail = ring->base.avail,
	        .avail_wrap = ring->base.avail_wrap,
	        .first_used = ring->base.used,
	        .used_wrap = ring->base.used_wrap,
	        .desc_addr = ring->desc_addr,
	        .avail_addr = ring->avail_addr,
	        .used_addr = ring->used_addr,
	        .call_fd = ring->call_fd,
	        .caller = d->config->caller,
	        .inflight = inflight,
	        .max_frame = d->config->max_frame,
	        .port = d->config->port_id,
	};
	vring = aligned_alloc(64, (vring_size() + 63) / 64 * 64);
	if (vring == NULL)
		return fault_set(fault, -EPROTO, NULL, "no memory for ring %u", idx);
	ret = vring_start(vring, &config);
	if (ret < 0) {
		free(vring);
		return fault_set(fault, -EPROTO, NULL, "ring %u of %u descriptors: %s", idx,
		        ring->size,
		        ret == -EFAULT ? "a part lies outside the shared memory or is misaligned"
		                       : "not a size that a ring can have");
	}
	vring_disarm(vring); // its worker begins by polling it; nobody waits for a receive ring
	vring_call(vring); // who used it before may not have told
	ring->vring = vring;
	return 0;
}

int device_start(struct device *d, struct fault *fault)
{
	bool ready = false;

	for (uint32_t i = 1; i < n_rings(d); i += 2)
		ready = ready || may_run(d, &d->rings[i]);
	if (!ready)
		return 0;
	for (uint32_t i = 0; i < n_rings(d); i++) {
		int ret = 0;

		if (d->rings[i].vring == NULL && may_run(d, &d->rings[i]))
			ret = start_ring(d, i, fault);
		if (ret < 0)
			return ret;
	}
	return 0;
}

bool device_find_fault(const struct device *d, struct fault *fault)
{
	for (uint32_t i = 0; i < n_rings(d); i++) {
		enum vring_fault why;

		if (d->rings[i].vring == NULL)
			continue;
		why = vring_get_fault(d->rings[i].vring);
		if (why == VRING_FAULT_NONE)
			continue;
		(void)fault_set(fault, -EPROTO, NULL, "ring %u: %s", i, vring_fault_text(why));
		return true;
	}
	return false;
}

void device_get_counters(const struct device *d, struct device_counters *ret_counters)
{
	*ret_counters = d->stopped;
	for (uint32_t i = 0; i < n_rings(d); i++) {
		if (d->rings[i].vring != NULL)
			add_counters(d, i, ret_counters);
	}
}

// --- messages ------------------------------------------------------------------------------------

// NULL with a fault: the port has no such ring.
static struct device_ring *get_ring(
        struct device *d, const struct message *m, uint64_t idx, struct fault *fault)
{
	if (idx < n_rings(d))
		return &d->rings[idx];
	(void)fault_set(fault, -EPROTO, NULL, "%s: ring %llu, the port has %u",
	        message_name(m->request), (unsigned long long)idx, n_rings(d));
	return NULL;
}

static struct device_ring *get_stopped_ring(
        struct device *d, const struct message *m, uint64_t idx, struct fault *fault)
{
	struct device_ring *ring = get_ring(d, m, idx, fault);

	if (ring == NULL || ring->vring == NULL)
		return ring;
	(void)fault_set(fault, -EPROTO, NULL, "%s: ring %llu runs", message_name(m->request),
	        (unsigned long long)idx);
	return NULL;
}

static int set_features(struct device *d, const struct message *m, struct fault *fault)
{
	if ((m->u64 & ~OFFERED) != 0)
		return fault_set(fault, -EPROTO, NULL, "SET_FEATURES: 0x%llx were not offered",
		        (unsigned long long)(m->u64 & ~OFFERED));
	if (d->has_features && d->features == m->u64)
		return 0;
	stop_rings(d);
	d->features = m->u64;
	d->has_features = true;
	return 0;
}

static int set_protocol_features(struct device *d, const struct message *m, struct fault *fault)
{
	if ((m->u64 & ~OFFERED_PROTOCOL) != 0)
		return fault_set(fault, -EPROTO, NULL,
		        "SET_PROTOCOL_FEATURES: 0x%llx were not offered",
		        (unsigned long long)(m->u64 & ~OFFERED_PROTOCOL));
	d->protocol_features = m->u64;
	return 0;
}

// A front end that starts over announces its rings again.
static void reset(struct device *d, bool all)
{
	stop_rings(d);
	for (uint32_t i = 0; i < n_rings(d); i++) {
		struct device_ring *ring = &d->rings[i];

		end_ring(d, ring);
		ring->enabled = false;
		if (all) {
			ring->has_addr = false;
			ring->size = 0;
			ring->base = (struct vring_base){0};
		}
	}
	if (all) {
		d->has_features = false;
		d->features = 0;
		d->status = 0;
	}
}

static void set_status(struct device *d, const struct message *m)
{
	d->status = (uint8_t)m->u64;
	if (d->status != 0)
		return;
	// the driver is gone; the rings' places are asked for later, if at all
	stop_rings(d);
	for (uint32_t i = 0; i < n_rings(d); i++)
		end_ring(d, &d->rings[i]);
}

static int set_vring_num(struct device *d, const struct message *m, struct fault *fault)
{
	struct device_ring *ring = get_stopped_ring(d, m, m->state.index, fault);
	uint32_t num = m->state.num;

	if (ring == NULL)
		return -EPROTO;
	if (num == 0 || num > d->config->ring_size_max)
		return fault_set(fault, -EPROTO, NULL,
		        "SET_VRING_NUM: %u descriptors, a ring has 1 to %u", num,
		        d->config->ring_size_max);
	ring->size = (uint16_t)num;
	return 0;
}

static int set_vring_addr(struct device *d, const struct message *m, struct fault *fault)
{
	struct device_ring *ring = get_ring(d, m, m->addr.index, fault);

	if (ring == NULL)
		return -EPROTO;
	if (ring->vring != NULL && ring->desc_addr == m->addr.desc &&
	        ring->avail_addr == m->addr.avail && ring->used_addr == m->addr.used)
		return 0; // QEMU repeats itself when only the log's flag changed
	if (get_stopped_ring(d, m, m->addr.index, fault) == NULL)
		return -EPROTO;
	ring->desc_addr = m->addr.desc;
	ring->avail_addr = m->addr.avail;
	ring->used_addr = m->addr.used;
	ring->has_addr = true;
	return 0;
}

// Packed: available index and wrap counter, and in the upper half the used ones. Front ends that
// say nothing there have no buffers in flight.
static int set_vring_base(struct device *d, const struct message *m, struct fault *fault)
{
	struct device_ring *ring = get_stopped_ring(d, m, m->state.index, fault);
	uint32_t num = m->state.num, used = num >> 16;

	if (ring == NULL)
		return -EPROTO;
	if (!is_packed(d)) {
		ring->base = (struct vring_base){.avail = (uint16_t)num, .used = (uint16_t)num};
		return 0;
	}
	if (used == 0)
		used = num & 0xffff;
	ring->base = (struct vring_base){
	        .avail = num & 0x7fff,
	        .avail_wrap = (num >> 15 & 1) != 0,
	        .used = used & 0x7fff,
	        .used_wrap = (used >> 15 & 1) != 0,
	};
	return 0;
}

static uint32_t base_number(const struct device *d, const struct vring_base *base)
{
	if (!is_packed(d))
		return base->avail;
	return (uint32_t)base->avail | (uint32_t)base->avail_wrap << 15 |
	       (uint32_t)base->used << 16 | (uint32_t)base->used_wrap << 31;
}

// The ring is at an end, and this is how far it came.
static int get_vring_base(struct device *d, struct message *m, struct fault *fault)
{
	struct device_ring *ring = get_ring(d, m, m->state.index, fault);

	if (ring == NULL)
		return -EPROTO;
	if (ring->vring != NULL)
		stop_rings(d);
	end_ring(d, ring);
	m->state.num = base_number(d, &ring->base);
	message_answer(m, sizeof(m->state));
	return 0;
}

static bool kick_is_wanted(const struct device *d, uint32_t idx)
{
	const struct fd_budget *budget = d->config->budget;

	// a receive ring is looked at when there is something to put in
	return !is_receive(idx) && budget->n_used + budget->n_kicks_spare < budget->n_max;
}

static int set_vring_kick(struct device *d, struct connection *c, struct fault *fault)
{
	const struct message *m = &c->message;
	uint32_t idx = m->u64 & VRING_FD_INDEX_MASK;
	struct device_ring *ring = get_ring(d, m, idx, fault);
	int fd = -1;

	if (ring == NULL)
		return -EPROTO;
	if (c->n_fds > 0 && kick_is_wanted(d, idx)) {
		int ret = take_eventfd(c, &fd, fault);
		if (ret < 0)
			return ret;
		d->config->budget->n_used++;
	}
	if (ring->vring != NULL)
		stop_rings(d);
	close_kept(d, &ring->kick_fd);
	ring->kick_fd = fd;
	ring->kicks = c->n_fds > 0;
	ring->started = true;
	return 0;
}

static int set_vring_call(struct device *d, struct connection *c, struct fault *fault)
{
	struct fd_budget *budget = d->config->budget;
	const struct message *m = &c->message;
	struct device_ring *ring = get_ring(d, m, m->u64 & VRING_FD_INDEX_MASK, fault);
	int fd = -1, ret;

	if (ring == NULL)
		return -EPROTO;
	if (c->n_fds > 0) {
		if (budget->n_used >= budget->n_max)
			return fault_set(fault, -EPROTO, NULL,
			        "SET_VRING_CALL: no descriptor left, the switch may have %u for "
			        "ports: raise its limit of open files (LimitNOFILE)",
			        budget->n_max);
		ret = take_eventfd(c, &fd, fault);
		if (ret < 0)
			return ret;
		budget->n_used++;
	}
	if (ring->vring != NULL) {
		d->config->quiesce(d->config->arg);
		vring_set_call(ring->vring, fd);
	}
	close_kept(d, &ring->call_fd);
	ring->call_fd = fd;
	return 0;
}

static int set_vring_enable(struct device *d, const struct message *m, struct fault *fault)
{
	struct device_ring *ring = get_ring(d, m, m->state.index, fault);

	if (ring == NULL)
		return -EPROTO;
	if (m->state.num > 1)
		return fault_set(fault, -EPROTO, NULL, "SET_VRING_ENABLE: %u is neither 0 nor 1",
		        m->state.num);
	ring->enabled = m->state.num == 1;
	if (!ring->enabled && ring->vring != NULL)
		stop_rings(d);
	return 0;
}

static bool accept_mtu(struct device *d, const struct message *m)
{
	if (m->u64 < 68 || m->u64 > d->config->mtu)
		return false;
	d->front_end_mtu = (uint32_t)m->u64;
	return true;
}

static int check_negotiated(const struct device *d, const struct message *m, struct fault *fault)
{
	uint64_t needs = message_needs(m->request);

	if ((d->protocol_features & needs) == needs)
		return 0;
	return fault_set(fault, -EPROTO, NULL, "%s: its protocol feature was not negotiated",
	        message_name(m->request));
}

// Answers of one number are made here; `*ret_nack` says that the request is refused politely.
static int carry_out(struct device *d, struct connection *c, bool *ret_nack, struct fault *fault)
{
	struct message *m = &c->message;

	switch (m->request) {
	case MESSAGE_GET_FEATURES:
		message_answer_u64(m, OFFERED);
		return 0;
	case MESSAGE_SET_FEATURES:
		return set_features(d, m, fault);
	case MESSAGE_GET_PROTOCOL_FEATURES:
		message_answer_u64(m, OFFERED_PROTOCOL);
		return 0;
	case MESSAGE_SET_PROTOCOL_FEATURES:
		return set_protocol_features(d, m, fault);
	case MESSAGE_GET_QUEUE_NUM:
		message_answer_u64(m, d->config->n_pairs);
		return 0;
	case MESSAGE_RESET_OWNER:
		reset(d, false /* all */);
		return 0;
	case MESSAGE_RESET_DEVICE:
		reset(d, true /* all */);
		return 0;
	case MESSAGE_SET_VRING_NUM:
		return set_vring_num(d, m, fault);
	case MESSAGE_SET_VRING_ADDR:
		return set_vring_addr(d, m, fault);
	case MESSAGE_SET_VRING_BASE:
		return set_vring_base(d, m, fault);
	case MESSAGE_GET_VRING_BASE:
		return get_vring_base(d, m, fault);
	case MESSAGE_SET_VRING_KICK:
		return set_vring_kick(d, c, fault);
	case MESSAGE_SET_VRING_CALL:
		return set_vring_call(d, c, fault);
	case MESSAGE_SET_VRING_ENABLE:
		return set_vring_enable(d, m, fault);
	case MESSAGE_NET_SET_MTU:
		*ret_nack = !accept_mtu(d, m);
		return 0;
	case MESSAGE_SET_STATUS:
		set_status(d, m);
		return 0;
	case MESSAGE_GET_STATUS:
		message_answer_u64(m, d->status);
		return 0;
	case MESSAGE_GET_MAX_MEM_SLOTS:
		message_answer_u64(m, GUEST_REGIONS_MAX);
		return 0;
	case MESSAGE_SET_MEM_TABLE:
		stop_rings(d);
		return device_set_mem_table(d, c, fault);
	case MESSAGE_ADD_MEM_REG:
		stop_rings(d);
		return device_add_region(d, c, fault);
	case MESSAGE_REM_MEM_REG:
		stop_rings(d);
		return device_del_region(d, m, fault);
	case MESSAGE_SET_INFLIGHT_FD:
		stop_rings(d);
		return device_set_inflight(d, c, fault);
	default: // SET_OWNER, and SET_VRING_ERR: errors are shown in the port's state
		return 0;
	}
}

int device_handle(struct device *d, struct connection *c, struct fault *fault)
{
	struct message *m = &c->message;
	bool ack = (m->flags & MESSAGE_NEED_REPLY) != 0 &&
	           (d->protocol_features & PROTOCOL_F_REPLY_ACK) != 0;
	bool nack = false;
	int ret = check_negotiated(d, m, fault);

	if (ret < 0)
		return ret;
	if (m->request == MESSAGE_GET_INFLIGHT_FD) {
		stop_rings(d);
		return device_get_inflight(d, c, fault);
	}
	ret = carry_out(d, c, &nack, fault);
	if (ret < 0)
		return ret;
	if (!message_has_answer(m->request)) {
		if (!ack)
			return 0;
		message_answer_u64(m, nack ? 1 : 0);
	}
	return connection_send(c, m, -1 /* fd */, fault);
}

// --- life ----------------------------------------------------------------------------------------

void device_init(struct device *d, const struct device_config *config)
{
	*d = (struct device){.config = config};
	for (uint32_t i = 0; i < 2 * DEVICE_PAIRS_MAX; i++) {
		d->rings[i].kick_fd = -1;
		d->rings[i].call_fd = -1;
	}
}

void device_fini(struct device *d)
{
	struct device_counters counters;

	stop_rings(d);
	for (uint32_t i = 0; i < n_rings(d); i++) {
		end_ring(d, &d->rings[i]);
		close_kept(d, &d->rings[i].call_fd);
	}
	device_clear_memory(d);
	counters = d->stopped;
	device_init(d, d->config);
	d->stopped = counters;
}
