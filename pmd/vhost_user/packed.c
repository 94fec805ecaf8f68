/* SPDX-License-Identifier: BSD-3-Clause */
// Packed virtqueues (virtio 1.2 section 2.8). As in split.c the usual frame lies in one descriptor,
// and those are taken in steps over a burst; all else goes one by one through `segments`.
//
// Buffers go back in the order they came and before a call returns, so there is one place in the
// ring, not two. What was used becomes visible all at once: the first descriptor of a call is
// written last, and the guest does not look behind it before.
#include <errno.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "resume.h"
#include "ring_state.h"

#define FLAG_AVAIL (1u << 7)
#define FLAG_USED (1u << 15)
#define DESC_FLAGS 14u // offset in a descriptor
// Event suppression (section 2.8.10): offset and wrap counter, then flags.
#define EVENT_FLAGS 2u
#define EVENT_ENABLE 0u
#define EVENT_DISABLE 1u
#define EVENT_DESC 2u
#define EVENT_WRAP (1u << 15)

static uint8_t *slot_at(const struct vring *vring, uint32_t i)
{
	return vring->desc + sizeof(struct desc) * i;
}

static bool is_avail(uint16_t flags, bool wrap)
{
	return (flags & (FLAG_AVAIL | FLAG_USED)) == (wrap ? FLAG_AVAIL : FLAG_USED);
}

// What one call gives back. The word that makes it visible is kept for the end.
struct batch {
	uint8_t *first;
	uint64_t first_word;
};

// Gives back the chain at the ring's place: `n_descs` of them.
static void put_used(
        struct vring *vring, struct batch *batch, uint16_t n_descs, uint16_t id, uint32_t len)
{
	uint8_t *slot = slot_at(vring, vring->next_avail);
	uint16_t flags = (vring->avail_wrap ? FLAG_AVAIL | FLAG_USED : 0) |
	                 (vring->receive ? DESC_WRITE : 0);
	uint64_t word = len | (uint64_t)id << 32 | (uint64_t)flags << 48;

	if (unlikely(vring->inflight != NULL))
		journal_add(vring, 0 /* offset */, n_descs);
	if (batch->first == NULL)
		*batch = (struct batch){slot, word};
	else
		store_u64(slot + 8, word);
	vring->uncalled += n_descs;
	vring->next_avail += n_descs;
	if (unlikely(vring->next_avail >= vring->size)) {
		vring->next_avail -= vring->size;
		vring->avail_wrap = !vring->avail_wrap;
	}
}

// The same for a run of descriptors that load_run found, each by itself: give one back after the
// other while the next frame is copied, then end the run. Its first slot's word is kept if it is
// the call's first.
struct run {
	uint8_t *slot;
	uint64_t flags; // in their place in a word
	uint64_t first_word;
	bool keep;
};

static struct run run_begin(const struct vring *vring, const struct batch *batch)
{
	uint64_t flags = (vring->avail_wrap ? FLAG_AVAIL | FLAG_USED : 0) |
	                 (vring->receive ? DESC_WRITE : 0);

	return (struct run){.slot = slot_at(vring, vring->next_avail),
	        .flags = flags << 48,
	        .keep = batch->first == NULL};
}

static void journal_run(struct vring *vring, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		journal_add(vring, i, 1);
}

static inline void run_put(struct run *run, uint32_t i, uint16_t id, uint32_t len)
{
	uint64_t word = len | (uint64_t)id << 32 | run->flags;

	if (i == 0 && run->keep)
		run->first_word = word;
	else
		store_u64(run->slot + sizeof(struct desc) * i + 8, word);
}

static void run_end(struct vring *vring, struct batch *batch, const struct run *run, uint16_t n)
{
	if (run->keep && n > 0)
		*batch = (struct batch){run->slot, run->first_word};
	vring->uncalled += n;
	vring->next_avail += n;
	if (vring->next_avail == vring->size) {
		vring->next_avail = 0;
		vring->avail_wrap = !vring->avail_wrap;
	}
}

static void publish(struct vring *vring, const struct batch *batch)
{
	if (batch->first == NULL)
		return;
	if (unlikely(vring->inflight != NULL))
		journal_commit(vring);
	store_release_u64(batch->first + 8, batch->first_word);
	if (unlikely(vring->inflight != NULL))
		journal_end(vring);
}

// Descriptors that are available from the ring's place on, up to `want` and to the ring's end.
static uint16_t load_run(const struct vring *vring, struct desc *descs, uint16_t want)
{
	uint16_t left = vring->size - vring->next_avail, n;

	if (want > left)
		want = left;
	for (n = 0; n < want; n++) {
		descs[n] = load_desc(slot_at(vring, vring->next_avail + n));
		if (!is_avail(descs[n].packed.flags, vring->avail_wrap))
			break;
	}
	return n;
}

#define FRAME_DESCS_MAX \
	(VRING_CHAIN_MAX + 1u) // a full indirect table, and the one that tells of it

// A chain that begins at a place of the ring.
struct chain {
	uint16_t n_descs; // in the ring
	uint16_t id;
};

static enum vring_fault add_table(struct vring *vring, const struct desc *table, uint64_t enough,
        struct segments *segments, uint32_t *budget)
{
	uint32_t n = table->len / sizeof(struct desc);
	uint16_t direction = vring->receive ? DESC_WRITE : 0;

	if (!vring->indirect || (table->packed.flags & DESC_NEXT) != 0 || n == 0 ||
	        table->len % sizeof(struct desc) != 0)
		return VRING_FAULT_INDIRECT;
	if (n > VRING_CHAIN_MAX)
		return VRING_FAULT_CHAIN;
	for (uint32_t i = 0; i < n && segments->bytes < enough; i++) {
		const uint8_t *entry = window_find(
		        vring, table->addr + sizeof(struct desc) * i, sizeof(struct desc));
		enum vring_fault fault;
		struct desc desc;

		if (*budget == 0)
			return VRING_FAULT_CHAIN;
		(*budget)--;
		if (entry == NULL)
			return VRING_FAULT_ADDRESS;
		desc = load_desc_unaligned(entry);
		if ((desc.packed.flags & DESC_INDIRECT) != 0)
			return VRING_FAULT_INDIRECT;
		if ((desc.packed.flags & DESC_WRITE) != direction)
			return VRING_FAULT_DIRECTION;
		fault = segments_add(segments, vring, desc.addr, desc.len);
		if (fault != VRING_FAULT_NONE)
			return fault;
	}
	return VRING_FAULT_NONE;
}

// Adds the chain at place `i` to `segments` until there are `enough` bytes, and walks on to its
// end: there is its id. `budget`: descriptors that may still be looked at for the frame.
static enum vring_fault add_chain(struct vring *vring, uint32_t i, uint64_t enough,
        struct segments *segments, uint32_t *budget, struct chain *ret_chain)
{
	uint32_t n = 0;
	uint16_t direction = vring->receive ? DESC_WRITE : 0;
	enum vring_fault fault = VRING_FAULT_NONE;
	struct desc desc;

	do {
		if (n == vring->size || n == VRING_CHAIN_MAX || *budget == 0)
			return VRING_FAULT_CHAIN;
		(*budget)--;
		desc = load_desc(slot_at(vring, i));
		if ((desc.packed.flags & DESC_INDIRECT) != 0) {
			fault = n > 0 ? VRING_FAULT_INDIRECT
			              : add_table(vring, &desc, enough, segments, budget);
		} else if ((desc.packed.flags & DESC_WRITE) != direction) {
			fault = VRING_FAULT_DIRECTION;
		} else if (segments->bytes < enough) {
			fault = segments_add(segments, vring, desc.addr, desc.len);
		}
		if (fault != VRING_FAULT_NONE)
			return fault;
		n++;
		i = i + 1 == vring->size ? 0 : i + 1;
	} while ((desc.packed.flags & DESC_NEXT) != 0);
	if (desc.packed.id >= vring->size)
		return VRING_FAULT_ID;
	*ret_chain = (struct chain){(uint16_t)n, desc.packed.id};
	return VRING_FAULT_NONE;
}

// The frame at the ring's place, however it lies. True: `m` holds it. False: dropped, or the ring
// is at fault. `left`: see BURST_DESCS_MAX.
static bool dequeue_chain(
        struct vring *vring, struct batch *batch, struct rte_mbuf *m, uint32_t *left)
{
	struct segments segments;
	uint32_t budget = FRAME_DESCS_MAX;
	enum vring_fault fault;
	struct chain chain;
	bool good;

	segments_clear(&segments);
	fault = add_chain(vring, vring->next_avail, vring->header + vring->max_frame + 1u,
	        &segments, &budget, &chain);
	spend(left, FRAME_DESCS_MAX - budget);
	if (fault != VRING_FAULT_NONE) {
		fail(vring, fault);
		return false;
	}
	good = segments_read(&segments, vring, m);
	if (!good)
		count(&vring->counters.bad_pkts, 1);
	put_used(vring, batch, chain.n_descs, chain.id, 0);
	return good;
}

// Where a frame in one descriptor and one region lies, with a length that we take. NULL: not such a
// frame.
static const uint8_t *find_piece(
        struct vring *vring, struct window *window, const struct desc *desc)
{
	const uint8_t *host;

	if (unlikely((desc->packed.flags & (DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) != 0 ||
	             desc->packed.id >= vring->size ||
	             desc->len - vring->header - FRAME_MIN > vring->max_frame - FRAME_MIN))
		return NULL;
	host = window_at(window, desc->addr, desc->len);
	if (unlikely(host == NULL)) {
		host = window_move(vring, desc->addr, desc->len);
		*window = vring->window;
	}
	return host;
}

// How many of the run's frames lie in one descriptor, from the first on, and where.
static uint16_t find_pieces(
        struct vring *vring, const struct desc *descs, const uint8_t **pieces, uint16_t n)
{
	struct window window = vring->window;

	for (uint16_t i = 0; i < n; i++) {
		pieces[i] = find_piece(vring, &window, &descs[i]);
		if (pieces[i] == NULL)
			return i;
		rte_prefetch0(pieces[i]);
		rte_prefetch0(pieces[i] + HEADER_MAX + 63);
	}
	return n;
}

// Returns how many frames were taken; `n` buffers are given back.
static uint16_t take_pieces(struct vring *vring, struct batch *batch, const struct desc *descs,
        const uint8_t *const *pieces, struct rte_mbuf **pkts, uint16_t n)
{
	struct run run = run_begin(vring, batch);
	uint16_t n_taken = 0;

	if (unlikely(vring->inflight != NULL))
		journal_run(vring, n);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[n_taken];
		uint32_t len = descs[i].len - vring->header;

		if (likely(!header_asks(load_u16_unaligned(pieces[i])))) {
			mbuf_set(vring, m, len);
			copy_frame(rte_pktmbuf_mtod(m, uint8_t *), pieces[i] + vring->header, len);
			n_taken++;
		} else {
			count(&vring->counters.bad_pkts, 1);
		}
		run_put(&run, i, descs[i].packed.id, 0);
	}
	run_end(vring, batch, &run, n);
	return n_taken;
}

// How far one call got.
struct progress {
	uint16_t n_seen; // chains
	uint16_t n_taken; // frames
	uint32_t left; // of BURST_DESCS_MAX
	bool dry; // no more chains, no more mbufs, nothing left, or a fault
};

// Frames in one descriptor each, then one of another form if that is what stopped it.
static void dequeue_run(struct vring *vring, struct batch *batch, struct rte_mempool *pool,
        struct rte_mbuf **pkts, uint16_t want, struct progress *progress)
{
	struct desc descs[BURST_MAX];
	const uint8_t *pieces[BURST_MAX];
	bool to_end = vring->size - vring->next_avail <= want;
	uint16_t n_run = load_run(vring, descs, want), n, n_bufs, n_taken;

	progress->dry = n_run == 0 || (n_run < want && !to_end);
	if (n_run == 0)
		return;
	n = find_pieces(vring, descs, pieces, n_run);
	n_bufs = mbufs_get(vring, pool, pkts, n < n_run ? n + 1 : n);
	if (unlikely(n_bufs < n || n_bufs == 0)) {
		progress->dry = true;
		n = n_bufs;
	}
	n_taken = take_pieces(vring, batch, descs, pieces, pkts, n);
	progress->n_seen += n;
	if (n < n_run && n_bufs > n) {
		n_taken += dequeue_chain(vring, batch, pkts[n_taken], &progress->left);
		progress->n_seen++;
		progress->dry = progress->left == 0 || vring_get_fault(vring) != VRING_FAULT_NONE;
	}
	progress->n_taken += n_taken;
	if (unlikely(n_taken < n_bufs))
		rte_mempool_put_bulk(pool, (void *const *)(pkts + n_taken), n_bufs - n_taken);
}

uint16_t packed_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	struct progress progress = {
	        .left = BURST_DESCS_MAX, .dry = vring_get_fault(vring) != VRING_FAULT_NONE};
	struct batch batch = {.first = NULL};
	uint16_t ahead = BURST_MAX;

	if (n > BURST_MAX)
		n = BURST_MAX;
	while (progress.n_seen < n && !progress.dry) {
		uint16_t before = progress.n_seen, want = RTE_MIN(ahead, n - before);

		dequeue_run(vring, &batch, pool, pkts + progress.n_taken, want, &progress);
		// do not look far ahead among frames that take their time
		ahead = progress.n_seen - before == want ? BURST_MAX : 4;
	}
	publish(vring, &batch);
	return progress.n_taken;
}

// Where the frame goes if one descriptor in one region has room for it; else NULL.
static uint8_t *find_place(struct vring *vring, struct window *window, const struct desc *desc,
        const struct rte_mbuf *m)
{
	uint32_t len = vring->header + m->pkt_len;
	uint8_t *host;

	if (unlikely(
	            (desc->packed.flags & (DESC_NEXT | DESC_WRITE | DESC_INDIRECT)) != DESC_WRITE ||
	            desc->packed.id >= vring->size || desc->len < len || m->nb_segs != 1 ||
	            m->pkt_len - FRAME_MIN > vring->max_frame - FRAME_MIN))
		return NULL;
	host = window_at(window, desc->addr, len);
	if (unlikely(host == NULL)) {
		host = window_move(vring, desc->addr, len);
		*window = vring->window;
	}
	return host;
}

static uint16_t find_places(struct vring *vring, const struct desc *descs, uint8_t **places,
        struct rte_mbuf *const *pkts, uint16_t n)
{
	struct window window = vring->window;

	for (uint16_t i = 0; i < n; i++) {
		places[i] = find_place(vring, &window, &descs[i], pkts[i]);
		if (places[i] == NULL)
			return i;
		prefetch_write(places[i]);
		prefetch_write(places[i] + HEADER_MAX + 63);
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], uint8_t *));
	}
	return n;
}

// Frames from the first on, as long as each fits into one descriptor, up to the ring's end.
static uint16_t enqueue_simple(
        struct vring *vring, struct batch *batch, struct rte_mbuf *const *pkts, uint16_t n)
{
	struct run run = run_begin(vring, batch);
	struct desc descs[BURST_MAX];
	uint8_t *places[BURST_MAX];

	n = load_run(vring, descs, n);
	n = find_places(vring, descs, places, pkts, n);
	if (unlikely(vring->inflight != NULL))
		journal_run(vring, n);
	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = pkts[i]->pkt_len;

		header_write(places[i], vring->header);
		copy_frame(places[i] + vring->header, rte_pktmbuf_mtod(pkts[i], uint8_t *), len);
		run_put(&run, i, descs[i].packed.id, vring->header + len);
	}
	run_end(vring, batch, &run, n);
	return n;
}

// The chains of one frame.
struct chains {
	uint16_t n;
	struct chain chains[VRING_CHAIN_MAX];
	uint32_t lens[VRING_CHAIN_MAX];
};

// Collects chains until they have room for `len` bytes; only one if they may not be merged.
static enum take collect_chains(struct vring *vring, uint32_t len, struct chains *chains,
        struct segments *segments, uint32_t *budget)
{
	uint32_t i = vring->next_avail;
	bool wrap = vring->avail_wrap;
	enum vring_fault fault;

	while (segments->bytes < len) {
		uint64_t before = segments->bytes;
		struct chain *chain = &chains->chains[chains->n];

		if (chains->n == VRING_CHAIN_MAX || (chains->n > 0 && !vring->mergeable))
			return TAKE_NEVER;
		if ((i == vring->next_avail && chains->n > 0) ||
		        !is_avail(load_acquire_u16(slot_at(vring, i) + DESC_FLAGS), wrap))
			return TAKE_NO_ROOM;
		fault = add_chain(vring, i, len, segments, budget, chain);
		// too many buffers for one frame are not wrong, only useless
		if (fault == VRING_FAULT_CHAIN && chains->n > 0)
			return TAKE_NEVER;
		if (fault == VRING_FAULT_NONE && segments->bytes < vring->header)
			fault = VRING_FAULT_ROOM;
		if (fault != VRING_FAULT_NONE) {
			fail(vring, fault);
			return TAKE_FAULT;
		}
		chains->lens[chains->n++] = (uint32_t)(RTE_MIN(segments->bytes, len) - before);
		i += chain->n_descs;
		if (i >= vring->size) {
			i -= vring->size;
			wrap = !wrap;
		}
	}
	return TAKE_DONE;
}

// A frame of any form into chains of any form. False: no room, or the ring is at fault.
static bool enqueue_one(
        struct vring *vring, struct batch *batch, const struct rte_mbuf *m, uint32_t *left)
{
	struct segments segments;
	uint32_t budget = FRAME_DESCS_MAX;
	struct chains chains;
	enum take take;

	if (!frame_fits(vring, m))
		return true;
	segments_clear(&segments);
	chains.n = 0;
	take = collect_chains(vring, vring->header + m->pkt_len, &chains, &segments, &budget);
	spend(left, FRAME_DESCS_MAX - budget);
	if (take == TAKE_NEVER) {
		count(&vring->counters.bad_pkts, 1);
		return true;
	}
	if (take != TAKE_DONE)
		return false;
	segments_write(&segments, vring, m, chains.n);
	for (uint16_t i = 0; i < chains.n; i++)
		put_used(vring, batch, chains.chains[i].n_descs, chains.chains[i].id,
		        chains.lens[i]);
	return true;
}

uint16_t packed_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n)
{
	struct batch batch = {.first = NULL};
	uint16_t ahead = BURST_MAX, n_done = 0;
	uint32_t left = BURST_DESCS_MAX;

	while (n_done < n && left > 0 && vring_get_fault(vring) == VRING_FAULT_NONE) {
		uint16_t want = RTE_MIN(ahead, (uint16_t)(n - n_done));
		uint16_t n_simple = enqueue_simple(vring, &batch, pkts + n_done, want);

		n_done += n_simple;
		// all of them, or the ring's end
		if (n_simple == want || (n_simple > 0 && vring->next_avail == 0))
			continue;
		if (!enqueue_one(vring, &batch, pkts[n_done], &left))
			break;
		n_done++;
		ahead = 4; // do not look far ahead among frames that take their time
	}
	publish(vring, &batch);
	if (unlikely(n_done < n))
		count(&vring->counters.full, n - n_done);
	return n_done;
}

struct port_watch packed_watch(const struct vring *vring)
{
	return (struct port_watch){
	        .word = (const uint16_t *)(const void *)(slot_at(vring, vring->next_avail) +
	                                                 DESC_FLAGS),
	        .mask = FLAG_AVAIL | FLAG_USED,
	        .value = vring->avail_wrap ? FLAG_AVAIL : FLAG_USED,
	        .until_equal = true,
	};
}

bool packed_pending(const struct vring *vring)
{
	return is_avail(
	        load_u16(slot_at(vring, vring->next_avail) + DESC_FLAGS), vring->avail_wrap);
}

static bool packed_arm(struct vring *vring)
{
	uint16_t flags = EVENT_ENABLE;

	if (vring->event_idx) {
		store_u16(vring->device, vring->next_avail | (vring->avail_wrap ? EVENT_WRAP : 0));
		flags = EVENT_DESC;
	}
	store_release_u16(vring->device + EVENT_FLAGS, flags);
	// either the guest sees this and kicks, or we see what it has made available
	atomic_thread_fence(memory_order_seq_cst);
	return packed_pending(vring);
}

static void packed_disarm(struct vring *vring)
{
	store_u16(vring->device + EVENT_FLAGS, EVENT_DISABLE);
}

// Whether the guest asked for a call at one of the last `n_used` descriptors.
static bool passed_event(const struct vring *vring, uint32_t n_used)
{
	uint16_t event = load_u16(vring->driver);
	int32_t now = vring->next_avail, at = event & (EVENT_WRAP - 1);

	if (((event & EVENT_WRAP) != 0) != vring->avail_wrap)
		at -= vring->size; // in the lap before
	return at < now && at >= now - (int32_t)RTE_MIN(n_used, vring->size);
}

static bool packed_wants_call(struct vring *vring)
{
	uint32_t n_used = vring->uncalled;
	bool due = vring->call_due;
	uint16_t flags;

	if (n_used == 0 && !due)
		return false;
	vring->uncalled = 0;
	vring->call_due = false;
	// either we see what the guest asks for, or it sees what was used
	atomic_thread_fence(memory_order_seq_cst);
	if (due)
		return true;
	flags = load_acquire_u16(vring->driver + EVENT_FLAGS) & 3;
	if (flags == EVENT_DESC && vring->event_idx)
		return passed_event(vring, n_used);
	return flags != EVENT_DISABLE;
}

static int packed_start(struct vring *vring, const struct vring_config *config)
{
	if (config->first_used >= config->size || config->first_avail >= config->size)
		return -EINVAL;
	vring->desc = ring_part(
	        config, config->desc_addr, sizeof(struct desc) * (uint64_t)config->size, 16);
	vring->driver = ring_part(config, config->avail_addr, 4, 4);
	vring->device = ring_part(config, config->used_addr, 4, 4);
	if (vring->desc == NULL || vring->driver == NULL || vring->device == NULL)
		return -EFAULT;
	// what was taken and not given back is still in the ring: take it again
	vring->next_avail = config->first_used;
	vring->avail_wrap = config->used_wrap;
	return vring->inflight != NULL ? resume_packed(vring) : 0;
}

static struct vring_base packed_stop(struct vring *vring)
{
	return (struct vring_base){
	        .avail = vring->next_avail,
	        .used = vring->next_avail,
	        .avail_wrap = vring->avail_wrap,
	        .used_wrap = vring->avail_wrap,
	};
}

const struct layout packed_layout = {
        .start = packed_start,
        .stop = packed_stop,
        .arm = packed_arm,
        .disarm = packed_disarm,
        .wants_call = packed_wants_call,
};
