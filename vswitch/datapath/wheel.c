/* SPDX-License-Identifier: BSD-3-Clause */
// The timing wheel's hand: finding the next slot in use, and handing out what is due.
#include "wheel.h"

#include <errno.h>
#include <rte_common.h>
#include <rte_prefetch.h>
#include <string.h>

#include "region.h"

#define SLOTS_MIN 64ull
#define FETCH_SLOTS_AHEAD 4 // a slot's chunk is fetched while these are worked on
#define SORT_FEW 24 // frames that are moved to their place one by one

static uint64_t bitmap_words(uint64_t bits)
{
	return (bits + 63) / 64;
}

static uint64_t bitmap_memory(struct wheel *wheel, uint64_t n_slots)
{
	uint64_t size = 0;

	for (uint64_t n_bits = n_slots; n_bits > 1; n_bits = bitmap_words(n_bits)) {
		size += bitmap_words(n_bits) * sizeof(uint64_t);
		wheel->n_levels++;
	}
	return size;
}

static void lay_out(struct wheel *wheel, uint64_t n_slots)
{
	uint64_t *words, n_words = n_slots;

	wheel->fresh_chunks = wheel->memory;
	wheel->slots = (uintptr_t *)(wheel->fresh_chunks + wheel->max_frames);
	wheel->current = (uint64_t *)(wheel->slots + n_slots);
	words = wheel->current + 2ull * wheel->max_frames;
	for (unsigned level = 0; level < wheel->n_levels; level++) {
		wheel->levels[level] = words;
		n_words = bitmap_words(n_words);
		words += n_words;
	}
}

int wheel_init(struct wheel *wheel, uint64_t horizon_tsc, uint64_t slot_tsc, uint64_t now_tsc,
        uint32_t max_frames)
{
	uint64_t n_slots;

	memset(wheel, 0, sizeof(*wheel));
	wheel->slot_shift = (uint8_t)__builtin_ctzll(rte_align64pow2(RTE_MAX(slot_tsc, 1ull)));
	wheel->slot_mask = (1ull << wheel->slot_shift) - 1;
	if (wheel->slot_shift > WHEEL_PLACE_BITS)
		wheel->place_shift = (uint8_t)(wheel->slot_shift - WHEEL_PLACE_BITS);
	// Two more: the slot that has begun, and the one the horizon ends in.
	n_slots = rte_align64pow2(RTE_MAX((horizon_tsc >> wheel->slot_shift) + 2, SLOTS_MIN));
	wheel->memory_size = n_slots * sizeof(*wheel->slots) + bitmap_memory(wheel, n_slots);
	if (wheel->n_levels > WHEEL_LEVELS)
		return -EINVAL;
	wheel->max_frames = max_frames;
	wheel->memory_size += max_frames * sizeof(struct wheel_chunk);
	wheel->memory_size += 2ull * max_frames * sizeof(*wheel->current);
	wheel->memory = region_map(wheel->memory_size);
	if (wheel->memory == NULL)
		return -ENOMEM;
	lay_out(wheel, n_slots);
	wheel->mask = n_slots - 1;
	wheel->slot = now_tsc >> wheel->slot_shift;
	wheel->current_begin = max_frames;
	wheel->current_end = max_frames;
	wheel->current_due = WHEEL_NEVER;
	wheel->sorted = true;
	return 0;
}

void wheel_fini(struct wheel *wheel)
{
	region_unmap(wheel->memory, wheel->memory_size);
	memset(wheel, 0, sizeof(*wheel));
}

static void mark_slot(struct wheel *wheel, uint64_t idx)
{
	for (unsigned level = 0; level < wheel->n_levels; level++, idx >>= 6) {
		uint64_t *word = &wheel->levels[level][idx >> 6];
		uint64_t before = *word;

		*word = before | 1ull << (idx & 63);
		if (before != 0)
			return;
	}
}

static void clear_slot(struct wheel *wheel, uint64_t idx)
{
	for (unsigned level = 0; level < wheel->n_levels; level++, idx >>= 6) {
		uint64_t *word = &wheel->levels[level][idx >> 6];

		*word &= ~(1ull << (idx & 63));
		if (*word != 0)
			return;
	}
}

// First slot in use with an index of `idx` or more: up the tree until a word has a bit, and down
// again.
static bool find_slot(const struct wheel *wheel, uint64_t idx, uint64_t *ret_idx)
{
	unsigned level = 0;

	for (;; level++, idx = (idx >> 6) + 1) {
		uint64_t word;

		if (level == wheel->n_levels || idx > (wheel->mask >> (6 * level)))
			return false;
		word = wheel->levels[level][idx >> 6] & (~0ull << (idx & 63));
		if (word != 0) {
			idx = (idx & ~63ull) | (uint64_t)__builtin_ctzll(word);
			break;
		}
	}
	while (level-- > 0)
		idx = idx << 6 | (uint64_t)__builtin_ctzll(wheel->levels[level][idx]);
	*ret_idx = idx;
	return true;
}

// Absolute number of the next slot in use after the one that has begun.
static bool next_slot(const struct wheel *wheel, uint64_t *ret_slot)
{
	uint64_t from = (wheel->slot + 1) & wheel->mask, idx;

	if (!find_slot(wheel, from, &idx) && !find_slot(wheel, 0, &idx))
		return false;
	*ret_slot = wheel->slot + 1 + ((idx - from) & wheel->mask);
	return true;
}

void wheel_insert_chunk(struct wheel *wheel, uint64_t idx, uint64_t word)
{
	uintptr_t *chain = &wheel->slots[idx];
	struct wheel_chunk *chunk = wheel->free_chunks;

	if (likely(chunk != NULL))
		wheel->free_chunks = chunk->next;
	else
		chunk = wheel->fresh_chunks++; // every chunk in use holds a frame: there are enough
	if (*chain == 0) {
		mark_slot(wheel, idx);
		chunk->next = NULL;
	} else {
		chunk->next = (struct wheel_chunk *)(*chain - WHEEL_CHUNK_FRAMES);
	}
	chunk->words[0] = word;
	*chain = (uintptr_t)chunk + 1;
}

static inline struct rte_mbuf *frame_at(uint64_t word)
{
	return (struct rte_mbuf *)(uintptr_t)(word & ((1ull << WHEEL_ADDRESS_BITS) - 1));
}

static inline uint64_t time_at(uint64_t word)
{
	return frame_of(frame_at(word))->time_tsc;
}

// Whether `a` comes out after `b` that was inserted after it. Touches the frames.
static bool is_later(uint64_t a, uint64_t b)
{
	uint64_t a_tsc = time_at(a), b_tsc = time_at(b);

	if (a_tsc != b_tsc)
		return a_tsc > b_tsc;
	if ((a & b & WHEEL_ORDERED) == 0)
		return (a & WHEEL_ORDERED) != 0 && (b & WHEEL_ORDERED) == 0;
	return frame_of(frame_at(a))->link_id > frame_of(frame_at(b))->link_id;
}

// The same of two frames of one slot.
static inline bool is_later_in_slot(const struct wheel *wheel, uint64_t a, uint64_t b)
{
	uint64_t a_place = a >> WHEEL_PLACE_SHIFT, b_place = b >> WHEEL_PLACE_SHIFT;

	if (likely(a_place != b_place))
		return a_place > b_place;
	if (wheel->place_shift == 0 && (b & WHEEL_ORDERED) == 0)
		return (a & WHEEL_ORDERED) != 0;
	return is_later(a, b);
}

// To the front: there is room for max_frames insertions then, so a frame is moved once at most.
static void compact(struct wheel *wheel)
{
	uint32_t n = wheel->current_end - wheel->current_begin;

	memmove(wheel->current, wheel->current + wheel->current_begin, n * sizeof(*wheel->current));
	wheel->current_begin = 0;
	wheel->current_end = n;
}

void wheel_insert_current(struct wheel *wheel, uint64_t word)
{
	uint64_t *words = wheel->current;
	uint32_t low, high;

	if (unlikely(wheel->current_end == 2 * wheel->max_frames))
		compact(wheel);
	low = wheel->current_begin;
	high = wheel->current_end++;
	// Mostly the last one; else behind all that do not come out after it.
	if (likely(!wheel->sorted || low == high || !is_later(words[high - 1], word))) {
		words[high] = word;
		return;
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_later(words[middle], word))
			high = middle;
		else
			low = middle + 1;
	}
	memmove(&words[low + 1], &words[low], (wheel->current_end - 1 - low) * sizeof(*words));
	words[low] = word;
}

// Two runs that lie one behind the other, `n` words together, the first `n_first` of them.
static void merge(
        const struct wheel *wheel, const uint64_t *from, uint64_t *to, uint32_t n_first, uint32_t n)
{
	uint32_t first = 0, second = n_first;

	for (uint32_t i = 0; i < n; i++) {
		bool take_second =
		        first == n_first ||
		        (second < n && is_later_in_slot(wheel, from[first], from[second]));

		to[i] = take_second ? from[second++] : from[first++];
	}
}

// `scratch` has room for `n` words.
static void sort_many(const struct wheel *wheel, uint64_t *words, uint64_t *scratch, uint32_t n)
{
	uint64_t *from = words, *to = scratch;

	for (uint32_t run = 1; run < n; run *= 2) {
		uint64_t *swap = from;

		for (uint32_t i = 0; i < n; i += 2 * run)
			merge(wheel, from + i, to + i, RTE_MIN(run, n - i),
			        RTE_MIN(2 * run, n - i));
		from = to;
		to = swap;
	}
	if (from != words)
		memcpy(words, from, n * sizeof(*words));
}

// Words [0, n_sorted) are in order.
static void sort_few(const struct wheel *wheel, uint64_t *words, uint32_t n_sorted, uint32_t n)
{
	for (; n_sorted < n; n_sorted++) {
		uint64_t word = words[n_sorted];
		uint32_t i = n_sorted;

		for (; i > 0 && is_later_in_slot(wheel, words[i - 1], word); i--)
			words[i] = words[i - 1];
		words[i] = word;
	}
}

// Puts the slot that has just begun in order. Mostly it is: few frames, or of one burst.
static void sort_slot(struct wheel *wheel)
{
	uint64_t *words = wheel->current + wheel->current_begin;
	uint32_t n_sorted = 1, n = wheel->current_end - wheel->current_begin;

	while (n_sorted < n && !is_later_in_slot(wheel, words[n_sorted - 1], words[n_sorted]))
		n_sorted++;
	if (n_sorted >= n)
		return;
	if (n <= SORT_FEW)
		sort_few(wheel, words, n_sorted, n);
	else // behind the slot `current` is free
		sort_many(wheel, words, wheel->current + wheel->max_frames, n);
}

static inline void fetch_chunk(const struct wheel *wheel, uint64_t slot)
{
	uintptr_t chain = wheel->slots[slot & wheel->mask];

	if (chain != 0)
		rte_prefetch0((const void *)(chain & ~(uintptr_t)(sizeof(struct wheel_chunk) - 1)));
}

// Begins a slot: its chunks, newest first, become `current`, oldest frame first. That is why
// `current` begins in the middle of its array and is filled backwards. `over`: all of it is due.
static void open_slot(struct wheel *wheel, uint64_t slot, bool over)
{
	uintptr_t *chain = &wheel->slots[slot & wheel->mask];
	unsigned n = *chain % sizeof(struct wheel_chunk);
	struct wheel_chunk *chunk = (struct wheel_chunk *)(*chain - n);
	uint64_t *begin = wheel->current + wheel->max_frames, bits = 0;

	*chain = 0;
	clear_slot(wheel, slot & wheel->mask);
	wheel->slot = slot;
	wheel->current_end = wheel->max_frames;
	fetch_chunk(wheel, slot + FETCH_SLOTS_AHEAD);
	while (chunk != NULL) {
		struct wheel_chunk *older = chunk->next;

		begin -= n;
		for (unsigned i = 0; i < n; i++)
			bits |= begin[i] = chunk->words[i];
		chunk->next = wheel->free_chunks;
		wheel->free_chunks = chunk;
		chunk = older;
		n = WHEEL_CHUNK_FRAMES;
	}
	wheel->current_begin = (uint32_t)(begin - wheel->current);
	wheel->current_due = 0; // not looked at yet
	wheel->sorted = !over || (bits & WHEEL_ORDERED) != 0;
	if (wheel->sorted)
		sort_slot(wheel);
}

static inline void fetch_frame(struct rte_mbuf *m)
{
	rte_prefetch0(frame_of(m));
	rte_prefetch0(m);
}

static void note_empty(struct wheel *wheel)
{
	wheel->current_begin = wheel->max_frames;
	wheel->current_end = wheel->max_frames;
	wheel->current_due = WHEEL_NEVER;
	wheel->sorted = true;
}

// The slot is over: all of it is due.
static unsigned take_all(struct wheel *wheel, struct rte_mbuf **pkts, unsigned n)
{
	const uint64_t *from = wheel->current + wheel->current_begin;

	n = RTE_MIN(n, wheel->current_end - wheel->current_begin);
	for (unsigned i = 0; i < n; i++) {
		pkts[i] = frame_at(from[i]);
		fetch_frame(pkts[i]);
	}
	wheel->current_begin += n;
	if (wheel->current_begin == wheel->current_end)
		note_empty(wheel);
	else
		wheel->current_due = 0;
	return n;
}

// The slot is under way: its first frames may be due.
static unsigned take_due(struct wheel *wheel, uint64_t now_tsc, struct rte_mbuf **pkts, unsigned n)
{
	const uint64_t *from = wheel->current + wheel->current_begin;
	unsigned n_held = wheel->current_end - wheel->current_begin, n_taken = 0;

	while (n_taken < n && n_taken < n_held && time_at(from[n_taken]) <= now_tsc) {
		pkts[n_taken] = frame_at(from[n_taken]);
		n_taken++;
	}
	wheel->current_begin += n_taken;
	if (n_taken == n_held)
		note_empty(wheel);
	else
		wheel->current_due = time_at(from[n_taken]);
	return n_taken;
}

static inline bool is_current_empty(const struct wheel *wheel)
{
	return wheel->current_begin == wheel->current_end;
}

unsigned wheel_expire(struct wheel *wheel, uint64_t now_tsc, struct rte_mbuf **pkts, unsigned n)
{
	uint64_t now_slot = now_tsc >> wheel->slot_shift, slot;
	unsigned n_taken = 0;

	for (;;) {
		if (wheel->slot < now_slot)
			n_taken += take_all(wheel, pkts + n_taken, n - n_taken);
		else if (wheel->current_due <= now_tsc)
			n_taken += take_due(wheel, now_tsc, pkts + n_taken, n - n_taken);
		// What is left in `current` is not due: no later slot can be.
		if (n_taken == n || !is_current_empty(wheel) || wheel->slot >= now_slot)
			break;
		if (!next_slot(wheel, &slot) || slot > now_slot) {
			wheel->slot = now_slot;
			break;
		}
		open_slot(wheel, slot, slot < now_slot);
	}
	wheel->n_frames -= n_taken;
	return n_taken;
}

unsigned wheel_drain(struct wheel *wheel, struct rte_mbuf **pkts, unsigned n)
{
	uint64_t slot;

	if (is_current_empty(wheel) && next_slot(wheel, &slot))
		open_slot(wheel, slot, true);
	n = take_all(wheel, pkts, n);
	wheel->n_frames -= n;
	return n;
}

uint64_t wheel_next(const struct wheel *wheel)
{
	uint64_t slot;

	if (!is_current_empty(wheel))
		return wheel->current_due;
	return next_slot(wheel, &slot) ? slot << wheel->slot_shift : WHEEL_NEVER;
}
