/* SPDX-License-Identifier: BSD-3-Clause */
// What split.c and packed.c share: the state of a ring and the window through which a guest's
// addresses are seen. Not for users of vring.h.
#pragma once

#include <assert.h>
#include <rte_mbuf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vring.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are used without swapping bytes");

#define BURST_MAX 64u // frames that are looked at ahead
// Descriptors that are walked along in one call: a burst of frames in 32 each gets through.
#define BURST_DESCS_MAX (8u * VRING_CHAIN_MAX)
#define HEADER_MAX 12u // struct virtio_net_hdr with num_buffers
#define FRAME_MIN 14u // an Ethernet header

// virtio 1.2 sections 2.7.5 and 2.8
#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

// A descriptor as it was when it was read. Both layouts begin with address and length.
struct desc {
	uint64_t addr;
	uint32_t len;
	union {
		struct {
			uint16_t flags, next;
		} split;
		struct {
			uint16_t id, flags;
		} packed;
	};
};

static_assert(sizeof(struct desc) == 16, "as in the ring");

// The largest region, or the one that was hit last, copied so that the usual address costs two
// compares.
struct window {
	uint64_t guest_addr;
	uint64_t size;
	uint8_t *host;
};

struct vring {
	// read at the start of each burst and by vring_pending
	alignas(64) uint8_t *desc; // split: descriptor table; packed: the ring
	uint8_t *driver; // split: available ring; packed: driver event suppression
	uint8_t *device; // split: used ring; packed: device event suppression
	void *inflight;
	uint16_t next_avail; // split: free-running; packed: place in the ring
	uint16_t known_avail; // split: the guest's index when it was read last
	uint16_t next_used; // split
	uint16_t size;
	uint16_t mask; // split
	int call_fd;
	uint8_t fault; // atomic: control reads it
	bool packed, event_idx;
	bool avail_wrap; // packed
	uint32_t uncalled; // packed: descriptors, split: chains used since the guest was asked
	bool call_due; // call without looking: nobody knows what the guest was told before

	// constant while the ring runs, but for the window
	alignas(64) struct window window;
	uint64_t rearm; // of mbufs: data_off, refcnt, nb_segs, port
	const struct guest_memory *memory;
	uint16_t max_frame;
	uint16_t header; // bytes before a frame
	bool indirect, mergeable, receive;
	uint16_t n_journal; // packed, with `inflight`: descriptors noted in this call
	uint64_t journal_counter;

	// worker writes, control reads
	alignas(64) struct vring_counters counters;
	struct caller *caller; // constant; here because a call is counted too
};

static_assert(offsetof(struct vring, window) == 64, "one line before it");
static_assert(offsetof(struct vring, counters) == 128, "one line before it");

static inline void count(_Atomic uint64_t *counter, uint64_t n)
{
	// a single writer: no locked instruction
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	        memory_order_relaxed);
}

// Takes what one frame cost from what is left of BURST_DESCS_MAX.
static inline void spend(uint32_t *left, uint32_t n_descs)
{
	*left -= RTE_MIN(*left, n_descs);
}

static inline void fail(struct vring *vring, enum vring_fault fault)
{
	__atomic_store_n(&vring->fault, (uint8_t)fault, __ATOMIC_RELAXED);
}

// Loads and stores of what the guest shares. Each is one access of the machine: what was loaded is
// never loaded again by the compiler.
static inline uint16_t load_u16(const void *p)
{
	return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
}

static inline uint16_t load_acquire_u16(const void *p)
{
	return __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
}

static inline void store_u16(void *p, uint16_t value)
{
	__atomic_store_n((uint16_t *)p, value, __ATOMIC_RELAXED);
}

static inline void store_release_u16(void *p, uint16_t value)
{
	__atomic_store_n((uint16_t *)p, value, __ATOMIC_RELEASE);
}

// A header lies where the guest likes.
static inline uint16_t load_u16_unaligned(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	__asm__ volatile("" : "+r"(value));
	return value;
}

static inline uint32_t load_u32(const void *p)
{
	return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
}

static inline uint64_t load_u64(const void *p)
{
	return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
}

static inline void store_u32(void *p, uint32_t value)
{
	__atomic_store_n((uint32_t *)p, value, __ATOMIC_RELAXED);
}

static inline void store_release_u64(void *p, uint64_t value)
{
	__atomic_store_n((uint64_t *)p, value, __ATOMIC_RELEASE);
}

static inline void store_u64(void *p, uint64_t value)
{
	__atomic_store_n((uint64_t *)p, value, __ATOMIC_RELAXED);
}

// Descriptor tables in the ring are aligned to 16.
static inline struct desc load_desc(const uint8_t *p)
{
	union {
		uint64_t words[2];
		struct desc desc;
	} copy;

	// the second word first: in a packed ring it says whether the first one is ready
	copy.words[1] = __atomic_load_n((const uint64_t *)(p + 8), __ATOMIC_ACQUIRE);
	copy.words[0] = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
	return copy.desc;
}

// Indirect tables lie where the guest likes.
static inline struct desc load_desc_unaligned(const uint8_t *p)
{
	union {
		uint64_t words[2];
		struct desc desc;
	} copy;

	memcpy(&copy, p, sizeof(copy));
	// the compiler may not load it again instead of keeping it
	__asm__ volatile("" : "+r"(copy.words[0]), "+r"(copy.words[1]));
	return copy.desc;
}

// `len` bytes at guest-physical `addr`, if they lie in the window.
static inline uint8_t *window_at(const struct window *window, uint64_t addr, uint32_t len)
{
	uint64_t offset = addr - window->guest_addr; // wraps when below, then too large

	return offset < window->size && len <= window->size - offset ? window->host + offset : NULL;
}

// Moves the window to the region of `addr`. NULL: `len` bytes do not lie in one region.
uint8_t *window_move(struct vring *vring, uint64_t addr, uint32_t len);

static inline uint8_t *window_find(struct vring *vring, uint64_t addr, uint32_t len)
{
	uint8_t *host = window_at(&vring->window, addr, len);

	return host != NULL ? host : window_move(vring, addr, len);
}

// A part of the ring itself, at the front end's `addr`; NULL if it is outside or misaligned.
static inline uint8_t *ring_part(
        const struct vring_config *config, uint64_t addr, uint64_t size, uint64_t align)
{
	uint8_t *host = guest_memory_at_user(config->memory, addr, size);

	return host != NULL && ((uintptr_t)host & (align - 1)) == 0 ? host : NULL;
}

// A frame that does not lie in one piece: the bytes of its chains, in order.
#define SEGMENTS_MAX 512u // pieces of one frame
struct segments {
	uint32_t n;
	uint64_t bytes;
	struct segment {
		uint8_t *host;
		uint32_t len;
	} segments[SEGMENTS_MAX];
};

// Not the array: it is large.
static inline void segments_clear(struct segments *segments)
{
	segments->n = 0;
	segments->bytes = 0;
}

// A piece of guest memory, possibly over adjacent regions. VRING_FAULT_ADDRESS, or _CHAIN when
// there are more pieces than anyone needs.
enum vring_fault segments_add(
        struct segments *segments, struct vring *vring, uint64_t addr, uint32_t len);
// Header and frame to one mbuf with its fields set. False: no frame that we take.
bool segments_read(const struct segments *segments, const struct vring *vring, struct rte_mbuf *m);
// Header and frame to the guest; there is room.
void segments_write(const struct segments *segments, const struct vring *vring,
        const struct rte_mbuf *m, uint16_t n_buffers);
// Whether a frame may be given to the guest at all; else it is counted.
bool frame_fits(struct vring *vring, const struct rte_mbuf *m);

// The fields of an mbuf fresh from its pool. A pool keeps what the rest of it says: one reference,
// no next segment.
static inline void mbuf_set(const struct vring *vring, struct rte_mbuf *m, uint32_t len)
{
	memcpy((uint8_t *)m + offsetof(struct rte_mbuf, rearm_data), &vring->rearm,
	        sizeof(vring->rearm));
	m->ol_flags = 0;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
	m->vlan_tci = 0;
	m->hash.rss = 0;
}

// Whether a header asks for what was not offered: a checksum to be completed or segmentation.
static inline bool header_asks(uint16_t flags_and_gso)
{
	return (flags_and_gso & 0xff01) != 0;
}

// The header of a frame in one buffer: nothing asked for, num_buffers 1.
static inline void header_write(uint8_t *dst, uint16_t size)
{
	static const uint8_t header[HEADER_MAX] = {[HEADER_MAX - 2] = 1};

	if (size == HEADER_MAX)
		memcpy(dst, header, HEADER_MAX);
	else
		memcpy(dst, header, HEADER_MAX - 2);
}

// As many buffers as there are, up to `n`.
uint16_t mbufs_get(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);

static inline void prefetch_write(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

// Copies of frames. The usual ones are short: straight lines of fixed size beat a call.
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load_16(const uint8_t *p)
{
	bytes16 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline void store_16(uint8_t *p, bytes16 value)
{
	memcpy(p, &value, sizeof(value));
}

// All loads come first: the compiler cannot know that the places do not overlap.
static inline void copy_32(uint8_t *dst, const uint8_t *src)
{
	bytes16 a = load_16(src), b = load_16(src + 16);

	store_16(dst, a);
	store_16(dst + 16, b);
}

static inline void copy_64(uint8_t *dst, const uint8_t *src)
{
	bytes16 a = load_16(src), b = load_16(src + 16);
	bytes16 c = load_16(src + 32), d = load_16(src + 48);

	store_16(dst, a);
	store_16(dst + 16, b);
	store_16(dst + 32, c);
	store_16(dst + 48, d);
}

void copy_short(uint8_t *dst, const uint8_t *src, uint32_t len);

// Exactly `len` bytes: what lies behind a frame is not for the guest to see.
static inline void copy_frame(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t done = 0;

	if (len < 64) {
		copy_short(dst, src, len);
		return;
	}
	do {
		copy_64(dst + done, src + done);
		done += 64;
	} while (done + 64 <= len);
	if (done < len)
		copy_64(dst + len - 64, src + len - 64);
}

// Whether chains could be found for a frame.
enum take {
	TAKE_DONE,
	TAKE_NO_ROOM, // for now
	TAKE_NEVER, // the frame does not fit into what the guest offers
	TAKE_FAULT,
};

// The layouts. The caller has seen to it that the ring is without fault.
struct layout {
	int (*start)(struct vring *vring, const struct vring_config *config);
	struct vring_base (*stop)(struct vring *vring);
	bool (*arm)(struct vring *vring);
	void (*disarm)(struct vring *vring);
	bool (*wants_call)(struct vring *vring);
};

extern const struct layout split_layout;
extern const struct layout packed_layout;

uint16_t split_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);
uint16_t split_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n);
bool split_pending(const struct vring *vring);
struct port_watch split_watch(const struct vring *vring);
uint16_t packed_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);
uint16_t packed_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n);
bool packed_pending(const struct vring *vring);
struct port_watch packed_watch(const struct vring *vring);
