/* SPDX-License-Identifier: BSD-3-Clause */
// Split virtqueues (virtio 1.2 section 2.7). The usual frame lies in one descriptor: a burst of
// those is taken in steps, each step over the whole burst, so that the next step finds its lines
// near. Everything else (chains, indirect tables, frames over several buffers or regions) goes one
// by one through `segments`.
//
// Buffers go back in the order they came and before a call returns, so the used index is all there
// is to know about a ring: what lies before it is done, what lies behind it was not touched.
#include <errno.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "resume.h"
#include "ring_state.h"

// Offsets: flags, index and entries begin both the available and the used ring.
#define RING_FLAGS 0u
#define RING_IDX 2u
#define RING_ENTRIES 4u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

struct used_entry {
	uint32_t id;
	uint32_t len;
};

static const uint8_t *avail_entry(const struct vring *vring, uint16_t idx)
{
	return vring->driver + RING_ENTRIES + sizeof(uint16_t) * (idx & vring->mask);
}

static const uint8_t *desc_at(const struct vring *vring, uint16_t i)
{
	return vring->desc + sizeof(struct desc) * i;
}

static uint8_t *used_event(const struct vring *vring)
{
	return vring->driver + RING_ENTRIES + sizeof(uint16_t) * vring->size;
}

static uint8_t *avail_event(const struct vring *vring)
{
	return vring->device + RING_ENTRIES + sizeof(struct used_entry) * vring->size;
}

// How many chains are available, up to `want`. The guest's index is read only when those that were
// seen before do not do.
static uint16_t count_avail(struct vring *vring, uint16_t want)
{
	uint16_t n = vring->known_avail - vring->next_avail;

	if (n < want) {
		vring->known_avail = load_acquire_u16(vring->driver + RING_IDX);
		n = vring->known_avail - vring->next_avail;
	}
	if (unlikely(n > vring->size)) {
		vring->known_avail = vring->next_avail;
		fail(vring, VRING_FAULT_INDEX);
		return 0;
	}
	return n < want ? n : want;
}

// The numbers of the next `n` chains; fewer if one is wrong.
static uint16_t load_heads(struct vring *vring, uint16_t *heads, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		heads[i] = load_u16(avail_entry(vring, vring->next_avail + i));
		if (unlikely(heads[i] >= vring->size)) {
			if (i == 0)
				fail(vring, VRING_FAULT_HEAD);
			return i;
		}
		rte_prefetch0(desc_at(vring, heads[i]));
	}
	return n;
}

static void put_used(struct vring *vring, uint16_t id, uint32_t len)
{
	struct used_entry used = {id, len};
	uint8_t *entry = vring->device + RING_ENTRIES +
	                 sizeof(struct used_entry) * (vring->next_used & vring->mask);

	memcpy(entry, &used, sizeof(used));
	vring->next_used++;
	vring->uncalled++;
	vring->next_avail++;
}

// What the guest may see of a burst, all at once.
static void publish(struct vring *vring)
{
	store_release_u16(vring->device + RING_IDX, vring->next_used);
}

// Where a walk along a chain is: in the descriptor table, or in an indirect one.
struct walk {
	uint64_t indirect_addr;
	uint32_t n_entries;
	bool in_indirect;
};

static enum vring_fault load_entry(
        struct vring *vring, const struct walk *walk, uint32_t i, struct desc *ret_desc)
{
	const uint8_t *entry;

	if (i >= walk->n_entries)
		return walk->in_indirect ? VRING_FAULT_INDIRECT : VRING_FAULT_HEAD;
	if (!walk->in_indirect) {
		*ret_desc = load_desc(desc_at(vring, (uint16_t)i));
		return VRING_FAULT_NONE;
	}
	entry = window_find(
	        vring, walk->indirect_addr + sizeof(struct desc) * i, sizeof(struct desc));
	if (entry == NULL)
		return VRING_FAULT_ADDRESS;
	*ret_desc = load_desc_unaligned(entry);
	return VRING_FAULT_NONE;
}

static enum vring_fault enter_indirect(
        const struct vring *vring, struct walk *walk, const struct desc *desc)
{
	if (!vring->indirect || walk->in_indirect || (desc->split.flags & DESC_NEXT) != 0 ||
	        desc->len == 0 || desc->len % sizeof(struct desc) != 0)
		return VRING_FAULT_INDIRECT;
	walk->indirect_addr = desc->addr;
	walk->n_entries = desc->len / sizeof(struct desc);
	walk->in_indirect = true;
	return VRING_FAULT_NONE;
}

// Adds the chain at `head` to `segments`, until there are `enough` bytes. `budget`: descriptors
// that may still be looked at.
static enum vring_fault add_chain(struct vring *vring, uint16_t head, uint64_t enough,
        struct segments *segments, uint32_t *budget)
{
	struct walk walk = {.n_entries = vring->size};
	uint16_t direction = vring->receive ? DESC_WRITE : 0;
	enum vring_fault fault;
	struct desc desc;
	uint32_t i = head;

	do {
		if ((*budget)-- == 0) {
			*budget = 0;
			return VRING_FAULT_CHAIN;
		}
		fault = load_entry(vring, &walk, i, &desc);
		if (fault != VRING_FAULT_NONE)
			return fault;
		if ((desc.split.flags & DESC_INDIRECT) != 0) {
			fault = enter_indirect(vring, &walk, &desc);
			if (fault != VRING_FAULT_NONE)
				return fault;
			i = 0;
			desc.split.flags = DESC_NEXT;
			continue;
		}
		if ((desc.split.flags & DESC_WRITE) != direction)
			return VRING_FAULT_DIRECTION;
		fault = segments_add(segments, vring, desc.addr, desc.len);
		if (fault != VRING_FAULT_NONE)
			return fault;
		i = desc.split.next;
	} while ((desc.split.flags & DESC_NEXT) != 0 && segments->bytes < enough);
	return VRING_FAULT_NONE;
}

static uint32_t chain_budget(const struct vring *vring)
{
	return vring->indirect || vring->size > VRING_CHAIN_MAX ? VRING_CHAIN_MAX : vring->size;
}

// A frame that lies anyhow. True: `m` holds it. False: dropped, or the ring is at fault. `left`:
// see BURST_DESCS_MAX.
static bool dequeue_chain(struct vring *vring, uint16_t head, struct rte_mbuf *m, uint32_t *left)
{
	struct segments segments;
	uint32_t budget = chain_budget(vring);
	enum vring_fault fault;

	segments_clear(&segments);
	fault = add_chain(vring, head, vring->header + vring->max_frame + 1u, &segments, &budget);
	spend(left, chain_budget(vring) - budget);
	if (fault != VRING_FAULT_NONE) {
		fail(vring, fault);
		return false;
	}
	if (segments_read(&segments, vring, m))
		return true;
	count(&vring->counters.bad_pkts, 1);
	return false;
}

// A frame in one descriptor and one region, with a length that we take: where it lies. NULL: not
// such a frame.
static const uint8_t *find_simple(struct vring *vring, struct window *window, struct desc desc)
{
	const uint8_t *host;

	if (unlikely((desc.split.flags & (DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) != 0 ||
	             desc.len - vring->header - FRAME_MIN > vring->max_frame - FRAME_MIN))
		return NULL;
	host = window_at(window, desc.addr, desc.len);
	if (unlikely(host == NULL)) {
		host = window_move(vring, desc.addr, desc.len);
		*window = vring->window;
	}
	return host;
}

struct piece {
	const uint8_t *host; // NULL: to be looked at again, one by one
	uint32_t len;
};

static void find_pieces(struct vring *vring, const uint16_t *heads, struct piece *pieces,
        struct rte_mbuf *const *pkts, uint16_t n)
{
	struct window window = vring->window;

	for (uint16_t i = 0; i < n; i++) {
		struct desc desc = load_desc(desc_at(vring, heads[i]));
		const uint8_t *host = find_simple(vring, &window, desc);

		pieces[i] = (struct piece){host, desc.len - vring->header};
		rte_prefetch0(pkts[i]);
		if (unlikely(host == NULL))
			continue;
		rte_prefetch0(host);
		rte_prefetch0(host + HEADER_MAX + 63);
	}
}

static bool take_piece(const struct vring *vring, const struct piece *piece, struct rte_mbuf *m)
{
	if (unlikely(header_asks(load_u16_unaligned(piece->host))))
		return false;
	mbuf_set(vring, m, piece->len);
	copy_frame(rte_pktmbuf_mtod(m, uint8_t *), piece->host + vring->header, piece->len);
	return true;
}

uint16_t split_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	struct piece pieces[BURST_MAX];
	uint16_t heads[BURST_MAX];
	uint16_t n_seen, n_taken = 0, n_bufs;
	uint32_t left = BURST_DESCS_MAX;

	if (unlikely(vring_get_fault(vring) != VRING_FAULT_NONE))
		return 0;
	n = count_avail(vring, n < BURST_MAX ? n : BURST_MAX);
	n = load_heads(vring, heads, n);
	if (n == 0)
		return 0;
	n = n_bufs = mbufs_get(vring, pool, pkts, n);
	if (n == 0)
		return 0;
	find_pieces(vring, heads, pieces, pkts, n);
	for (n_seen = 0; n_seen < n && left > 0; n_seen++) {
		struct rte_mbuf *m = pkts[n_taken];

		if (likely(pieces[n_seen].host != NULL)) {
			if (likely(take_piece(vring, &pieces[n_seen], m)))
				n_taken++;
			else
				count(&vring->counters.bad_pkts, 1);
		} else if (dequeue_chain(vring, heads[n_seen], m, &left)) {
			n_taken++;
		} else if (vring_get_fault(vring) != VRING_FAULT_NONE) {
			break;
		}
		put_used(vring, heads[n_seen], 0);
	}
	publish(vring);
	if (unlikely(n_taken < n_bufs))
		rte_mempool_put_bulk(pool, (void *const *)(pkts + n_taken), n_bufs - n_taken);
	return n_taken;
}

struct place {
	uint8_t *host;
	uint32_t len; // header and frame
};

// Where the frame goes if one descriptor in one region has room for it; else NULL.
static uint8_t *find_place(struct vring *vring, struct window *window, struct desc desc,
        const struct rte_mbuf *m, uint32_t len)
{
	uint8_t *host;

	if (unlikely((desc.split.flags & (DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) != DESC_WRITE ||
	             desc.len < len || m->nb_segs != 1 ||
	             m->pkt_len - FRAME_MIN > vring->max_frame - FRAME_MIN))
		return NULL;
	host = window_at(window, desc.addr, len);
	if (unlikely(host == NULL)) {
		host = window_move(vring, desc.addr, len);
		*window = vring->window;
	}
	return host;
}

// How many of the frames go into one descriptor each, and where.
static uint16_t find_places(struct vring *vring, const uint16_t *heads, struct place *places,
        struct rte_mbuf *const *pkts, uint16_t n)
{
	struct window window = vring->window;

	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = vring->header + pkts[i]->pkt_len;
		struct desc desc = load_desc(desc_at(vring, heads[i]));
		uint8_t *host = find_place(vring, &window, desc, pkts[i], len);

		if (host == NULL)
			return i;
		places[i] = (struct place){host, len};
		prefetch_write(host);
		prefetch_write(host + HEADER_MAX + 63);
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], uint8_t *));
	}
	return n;
}

// Frames from the first on, as long as each fits into one descriptor.
static uint16_t enqueue_simple(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n)
{
	struct place places[BURST_MAX];
	uint16_t heads[BURST_MAX];

	n = load_heads(vring, heads, count_avail(vring, n));
	n = find_places(vring, heads, places, pkts, n);
	for (uint16_t i = 0; i < n; i++) {
		header_write(places[i].host, vring->header);
		copy_frame(places[i].host + vring->header, rte_pktmbuf_mtod(pkts[i], uint8_t *),
		        places[i].len - vring->header);
		put_used(vring, heads[i], places[i].len); // NOLINT(*CallAndMessage): n are set
	}
	return n;
}

// The chains of one frame.
struct chains {
	uint16_t n;
	uint16_t heads[VRING_CHAIN_MAX];
	uint32_t lens[VRING_CHAIN_MAX];
};

// Collects chains until they have room for `len` bytes; only one if they may not be merged.
static enum take collect_chains(struct vring *vring, uint32_t len, struct chains *chains,
        struct segments *segments, uint32_t *budget)
{
	enum vring_fault fault;

	while (segments->bytes < len) {
		uint64_t before = segments->bytes;
		uint16_t head;

		if (chains->n > 0 && !vring->mergeable)
			return TAKE_NEVER;
		if (count_avail(vring, chains->n + 1) <= chains->n)
			return TAKE_NO_ROOM;
		head = load_u16(avail_entry(vring, vring->next_avail + chains->n));
		fault = head < vring->size ? add_chain(vring, head, len, segments, budget)
		                           : VRING_FAULT_HEAD;
		// too many buffers for one frame are not wrong, only useless
		if (fault == VRING_FAULT_CHAIN && chains->n > 0)
			return TAKE_NEVER;
		if (fault == VRING_FAULT_NONE && segments->bytes < vring->header)
			fault = VRING_FAULT_ROOM;
		if (fault != VRING_FAULT_NONE) {
			fail(vring, fault);
			return TAKE_FAULT;
		}
		chains->heads[chains->n] = head;
		chains->lens[chains->n++] = (uint32_t)(RTE_MIN(segments->bytes, len) - before);
	}
	return TAKE_DONE;
}

// A frame of any form into chains of any form. False: no room, or the ring is at fault.
static bool enqueue_one(struct vring *vring, const struct rte_mbuf *m, uint32_t *left)
{
	struct segments segments;
	uint32_t budget = chain_budget(vring);
	struct chains chains;
	enum take take;

	if (!frame_fits(vring, m))
		return true;
	segments_clear(&segments);
	chains.n = 0;
	take = collect_chains(vring, vring->header + m->pkt_len, &chains, &segments, &budget);
	spend(left, chain_budget(vring) - budget);
	if (take == TAKE_NEVER) {
		count(&vring->counters.bad_pkts, 1);
		return true;
	}
	if (take != TAKE_DONE)
		return false;
	segments_write(&segments, vring, m, chains.n);
	for (uint16_t i = 0; i < chains.n; i++)
		put_used(vring, chains.heads[i], chains.lens[i]);
	return true;
}

uint16_t split_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n)
{
	uint16_t ahead = BURST_MAX, n_done = 0, before = vring->next_used;
	uint32_t left = BURST_DESCS_MAX;

	while (n_done < n && left > 0 && vring_get_fault(vring) == VRING_FAULT_NONE) {
		uint16_t want = RTE_MIN(ahead, (uint16_t)(n - n_done));
		uint16_t n_simple = enqueue_simple(vring, pkts + n_done, want);

		n_done += n_simple;
		if (n_simple == want)
			continue;
		if (vring_get_fault(vring) != VRING_FAULT_NONE ||
		        !enqueue_one(vring, pkts[n_done], &left))
			break;
		n_done++;
		ahead = 4; // do not look far ahead among frames that take their time
	}
	if (vring->next_used != before)
		publish(vring);
	if (unlikely(n_done < n))
		count(&vring->counters.full, n - n_done);
	return n_done;
}

struct port_watch split_watch(const struct vring *vring)
{
	return (struct port_watch){
	        .word = (const uint16_t *)(const void *)(vring->driver + RING_IDX),
	        .mask = UINT16_MAX,
	        .value = vring->next_avail,
	};
}

bool split_pending(const struct vring *vring)
{
	return load_u16(vring->driver + RING_IDX) != vring->next_avail;
}

static bool split_arm(struct vring *vring)
{
	if (vring->event_idx)
		store_u16(avail_event(vring), vring->next_avail);
	else
		store_u16(vring->device + RING_FLAGS, 0);
	// either the guest sees this and kicks, or we see what it has made available
	atomic_thread_fence(memory_order_seq_cst);
	return split_pending(vring);
}

static void split_disarm(struct vring *vring)
{
	if (vring->event_idx) // as far away as an index can be
		store_u16(avail_event(vring), vring->next_avail - 1);
	else
		store_u16(vring->device + RING_FLAGS, USED_NO_NOTIFY);
}

static bool split_wants_call(struct vring *vring)
{
	uint16_t now = vring->next_used;
	uint32_t n_used = vring->uncalled;
	bool due = vring->call_due;

	if (n_used == 0 && !due)
		return false;
	vring->uncalled = 0;
	vring->call_due = false;
	// either we see what the guest asks for, or it sees what was used
	atomic_thread_fence(memory_order_seq_cst);
	if (due)
		return true;
	if (!vring->event_idx)
		return (load_u16(vring->driver + RING_FLAGS) & AVAIL_NO_INTERRUPT) == 0;
	// asked for a call at one of these
	return (uint16_t)(now - load_u16(used_event(vring)) - 1) < n_used;
}

static int split_start(struct vring *vring, const struct vring_config *config)
{
	uint64_t size = config->size;

	vring->desc = ring_part(config, config->desc_addr, sizeof(struct desc) * size, 16);
	vring->driver = ring_part(
	        config, config->avail_addr, RING_ENTRIES + sizeof(uint16_t) * (size + 1), 2);
	vring->device = ring_part(config, config->used_addr,
	        RING_ENTRIES + sizeof(struct used_entry) * size + sizeof(uint16_t), 4);
	if (vring->desc == NULL || vring->driver == NULL || vring->device == NULL)
		return -EFAULT;
	// the base is wrong after a crash (front ends answer with what they heard last); the used
	// index is right always, see above
	vring->next_used = load_u16(vring->device + RING_IDX);
	vring->next_avail = vring->known_avail = vring->next_used;
	return vring->inflight != NULL ? resume_split(vring, vring->driver + RING_ENTRIES) : 0;
}

static struct vring_base split_stop(struct vring *vring)
{
	return (struct vring_base){.avail = vring->next_avail, .used = vring->next_used};
}

const struct layout split_layout = {
        .start = split_start,
        .stop = split_stop,
        .arm = split_arm,
        .disarm = split_disarm,
        .wants_call = split_wants_call,
};
