/* SPDX-License-Identifier: BSD-3-Clause */
// What both layouts need: start, stop and calls, and frames that do not lie in one piece.
#include "vring.h"

#include <errno.h>
#include <rte_mempool.h>
#include <string.h>

#include "caller.h"
#include "resume.h"
#include "ring_state.h"

size_t vring_size(void)
{
	return sizeof(struct vring);
}

static const struct layout *layout_of(const struct vring *vring)
{
	return vring->packed ? &packed_layout : &split_layout;
}

// What an mbuf's first eight bytes after its address are when it holds a received frame.
static uint64_t rearm_word(uint16_t port)
{
	struct rte_mbuf m = {
	        .data_off = RTE_PKTMBUF_HEADROOM,
	        .nb_segs = 1,
	        .port = port,
	};
	uint64_t word;

	rte_mbuf_refcnt_set(&m, 1);
	memcpy(&word, m.rearm_data, sizeof(word));
	return word;
}

int vring_start(struct vring *vring, const struct vring_config *config)
{
	int ret;

	if (config->size == 0 || config->size > VRING_SIZE_MAX || config->memory->n_regions == 0 ||
	        (!config->packed && (config->size & (config->size - 1)) != 0))
		return -EINVAL;
	*vring = (struct vring){
	        .packed = config->packed,
	        .event_idx = config->event_idx,
	        .indirect = config->indirect,
	        .mergeable = config->mergeable,
	        .receive = config->receive,
	        .size = config->size,
	        .mask = config->size - 1,
	        .call_fd = config->call_fd,
	        .caller = config->caller,
	        .call_due = true,
	        .inflight = config->inflight,
	        .max_frame = config->max_frame,
	        .header = config->version_1 || config->mergeable ? HEADER_MAX : HEADER_MAX - 2,
	        .memory = config->memory,
	        .window = {config->memory->regions[0].guest_addr, config->memory->regions[0].size,
	                config->memory->regions[0].host},
	        .rearm = rearm_word(config->port),
	};
	ret = layout_of(vring)->start(vring, config);
	if (ret == 0)
		layout_of(vring)->disarm(vring);
	return ret;
}

struct vring_base vring_stop(struct vring *vring)
{
	vring_call(vring);
	if (vring->inflight != NULL)
		resume_forget(vring);
	return layout_of(vring)->stop(vring);
}

void vring_set_call(struct vring *vring, int call_fd)
{
	vring->call_fd = call_fd;
	vring->call_due = true; // a call to the old one may have got lost
	vring_call(vring);
}

uint16_t vring_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	if (vring->packed)
		return packed_dequeue(vring, pool, pkts, n);
	return split_dequeue(vring, pool, pkts, n);
}

uint16_t vring_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n)
{
	if (vring->packed)
		return packed_enqueue(vring, pkts, n);
	return split_enqueue(vring, pkts, n);
}

bool vring_pending(const struct vring *vring)
{
	return vring->packed ? packed_pending(vring) : split_pending(vring);
}

struct port_watch vring_watch(const struct vring *vring)
{
	return vring->packed ? packed_watch(vring) : split_watch(vring);
}

bool vring_call(struct vring *vring)
{
	if (vring->call_fd < 0 || vring_get_fault(vring) != VRING_FAULT_NONE ||
	        !layout_of(vring)->wants_call(vring))
		return true;
	if (!caller_call(vring->caller, vring->call_fd)) {
		vring->call_due = true;
		return false;
	}
	count(&vring->counters.calls, 1);
	return true;
}

bool vring_arm(struct vring *vring)
{
	return vring_get_fault(vring) == VRING_FAULT_NONE && layout_of(vring)->arm(vring);
}

void vring_disarm(struct vring *vring)
{
	if (vring_get_fault(vring) == VRING_FAULT_NONE)
		layout_of(vring)->disarm(vring);
}

enum vring_fault vring_get_fault(const struct vring *vring)
{
	return __atomic_load_n(&vring->fault, __ATOMIC_RELAXED);
}

const struct vring_counters *vring_get_counters(const struct vring *vring)
{
	return &vring->counters;
}

const char *vring_fault_text(enum vring_fault fault)
{
	static const char *const texts[VRING_N_FAULTS] = {
	        [VRING_FAULT_NONE] = "none",
	        [VRING_FAULT_INDEX] = "an available index more than a ring ahead",
	        [VRING_FAULT_HEAD] = "a descriptor number beyond the ring",
	        [VRING_FAULT_ADDRESS] = "a buffer outside the shared memory",
	        [VRING_FAULT_CHAIN] = "a chain of descriptors with a loop, or too long",
	        [VRING_FAULT_INDIRECT] = "an indirect table that is nested, empty, cut off or not "
	                                 "negotiated",
	        [VRING_FAULT_DIRECTION] = "a buffer to read where one to write belongs, or the "
	                                  "reverse",
	        [VRING_FAULT_ID] = "a buffer id beyond the ring",
	        [VRING_FAULT_ROOM] = "a receive buffer too small for a header",
	};

	return (unsigned)fault < VRING_N_FAULTS ? texts[fault] : "unknown";
}

uint8_t *window_move(struct vring *vring, uint64_t addr, uint32_t len)
{
	for (uint32_t i = 0; i < vring->memory->n_regions; i++) {
		const struct guest_region *region = &vring->memory->regions[i];
		struct window window = {region->guest_addr, region->size, region->host};
		uint8_t *host = window_at(&window, addr, len);

		if (host != NULL) {
			vring->window = window;
			return host;
		}
	}
	return NULL;
}

enum vring_fault segments_add(
        struct segments *segments, struct vring *vring, uint64_t addr, uint32_t len)
{
	while (len > 0) {
		uint64_t here = len;
		uint8_t *host = guest_memory_at(vring->memory, addr, &here);

		if (host == NULL)
			return VRING_FAULT_ADDRESS;
		if (segments->n == SEGMENTS_MAX)
			return VRING_FAULT_CHAIN;
		segments->segments[segments->n++] = (struct segment){host, (uint32_t)here};
		segments->bytes += here;
		addr += here;
		len -= (uint32_t)here;
	}
	return VRING_FAULT_NONE;
}

// A place in segments.
struct cursor {
	const struct segment *segment;
	uint32_t offset;
};

// The next piece, at most `len` bytes long.
static uint8_t *cursor_next(struct cursor *cursor, uint32_t *len)
{
	uint8_t *host;

	while (cursor->offset == cursor->segment->len) {
		cursor->segment++;
		cursor->offset = 0;
	}
	host = cursor->segment->host + cursor->offset;
	if (*len > cursor->segment->len - cursor->offset)
		*len = cursor->segment->len - cursor->offset;
	cursor->offset += *len;
	return host;
}

static void cursor_read(struct cursor *cursor, uint8_t *dst, uint32_t len)
{
	while (len > 0) {
		uint32_t here = len;
		const uint8_t *src = cursor_next(cursor, &here);

		memcpy(dst, src, here);
		dst += here;
		len -= here;
	}
}

static void cursor_write(struct cursor *cursor, const uint8_t *src, uint32_t len)
{
	while (len > 0) {
		uint32_t here = len;
		uint8_t *dst = cursor_next(cursor, &here);

		memcpy(dst, src, here);
		src += here;
		len -= here;
	}
}

bool segments_read(const struct segments *segments, const struct vring *vring, struct rte_mbuf *m)
{
	struct cursor cursor = {.segment = segments->segments};
	uint8_t header[HEADER_MAX];
	uint16_t flags_and_gso;

	if (segments->bytes < vring->header + FRAME_MIN ||
	        segments->bytes > (uint64_t)vring->header + vring->max_frame)
		return false;
	cursor_read(&cursor, header, vring->header);
	memcpy(&flags_and_gso, header, sizeof(flags_and_gso));
	if (header_asks(flags_and_gso))
		return false;
	mbuf_set(vring, m, (uint32_t)segments->bytes - vring->header);
	cursor_read(&cursor, rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len);
	return true;
}

void segments_write(const struct segments *segments, const struct vring *vring,
        const struct rte_mbuf *m, uint16_t n_buffers)
{
	struct cursor cursor = {.segment = segments->segments};
	uint8_t header[HEADER_MAX] = {0};

	memcpy(header + HEADER_MAX - sizeof(n_buffers), &n_buffers, sizeof(n_buffers));
	cursor_write(&cursor, header, vring->header);
	for (; m != NULL; m = m->next)
		cursor_write(&cursor, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
}

bool frame_fits(struct vring *vring, const struct rte_mbuf *m)
{
	if (m->pkt_len >= FRAME_MIN && m->pkt_len <= vring->max_frame)
		return true;
	count(&vring->counters.bad_pkts, 1);
	return false;
}

uint16_t mbufs_get(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	if (rte_mempool_get_bulk(pool, (void **)pkts, n) == 0)
		return n;
	count(&vring->counters.no_mbuf, 1);
	for (n /= 2; n > 0; n /= 2) {
		if (rte_mempool_get_bulk(pool, (void **)pkts, n) == 0)
			break;
	}
	return n;
}

// Less than 64 bytes.
void copy_short(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	if (len >= 32) {
		copy_32(dst, src);
		copy_32(dst + len - 32, src + len - 32);
	} else if (len >= 16) {
		store_16(dst, load_16(src));
		store_16(dst + len - 16, load_16(src + len - 16));
	} else {
		memcpy(dst, src, len);
	}
}
