/* SPDX-License-Identifier: BSD-3-Clause */
// The timing wheel: every frame in flight towards one worker, keyed by its arrival time.
//
// A flat array of slots under a tree of bitmaps that finds the next slot in use. A slot is a chain
// of chunks, a cache line of frame pointers each: what is handed out is known seven frames at a
// time and can be fetched before it is looked at, though frames lay out of the cache for as long as
// their delay. Insertion and expiry cost O(1) a frame whatever the number of frames and links;
// nothing is allocated once the wheel is made. Slot n holds the arrivals of 2^slot_shift cycles;
// frames of the slot that has begun lie in an array of their own, `current`, where they wait for
// their cycle.
//
// Order. No frame comes out before its arrival time. Of two frames whose arrival times lie in
// different slots the earlier comes out first. Frames of one link whose arrival times do not
// decrease never overtake each other. Frames that are inserted as `ordered` (those to a router, and
// those of a link that may reorder) come out in the order of arrival, link id and insertion,
// whenever the wheel is asked: what a router forwards next does not depend on how its links' frames
// came here, so a run is the same with any number of workers. What is inserted after its arrival
// time comes out before all that is due later, unless the worker is slots behind.
//
// Cost of the order: a slot is sorted when it begins, but not if it is over by then and has no
// ordered frame. Where in the slot a frame arrives stands in the top bits of the word that holds
// its address, so that frames need not be touched for it: only two that are ordered and arrive at
// the same cycle.
//
// Memory: 8 bytes a slot, and a chunk of 64 bytes for each frame at worst (one frame a slot), a
// seventh of that when slots are well filled. Address space is reserved, pages are populated on
// touch.
//
// Thread: the owning worker; init and fini on control.
#pragma once

#include <assert.h>
#include <rte_branch_prediction.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "stage.h"

#define WHEEL_LEVELS 5 // of bitmaps: room for 64^5 slots
#define WHEEL_NEVER UINT64_MAX
#define WHEEL_CHUNK_FRAMES 7

// A frame in the wheel is a word: its address, whether it is ordered, and its arrival's place in
// the slot, as far as there are bits.
#define WHEEL_ADDRESS_BITS 48
#define WHEEL_ORDERED (1ull << WHEEL_ADDRESS_BITS)
#define WHEEL_PLACE_SHIFT (WHEEL_ADDRESS_BITS + 1)
#define WHEEL_PLACE_BITS (64 - WHEEL_PLACE_SHIFT)

struct wheel_chunk {
	alignas(64) uint64_t words[WHEEL_CHUNK_FRAMES];
	struct wheel_chunk *next; // older frames of the slot, or the next free chunk
};

static_assert(sizeof(void *) == 8, "user addresses of x86-64 and arm64 have 48 bits at most");
static_assert(
        sizeof(struct wheel_chunk) == 64, "a chunk is a line, and leaves six bits of its address");

struct wheel {
	uint64_t slot; // absolute number of the slot that has begun
	uint64_t mask; // number of slots - 1
	uintptr_t *slots; // newest chunk's address + number of its frames; 0: empty
	struct wheel_chunk *free_chunks;
	uint64_t n_frames;
	uint64_t slot_mask; // a slot's cycles - 1
	uint8_t slot_shift; // log2 of a slot's cycles
	uint8_t place_shift; // bits of an arrival's place in its slot that its word has no room for
	uint8_t n_levels;
	bool sorted; // `current` is
	uint64_t *current; // [2 * max_frames] words
	uint32_t current_begin;
	uint32_t current_end;
	uint64_t current_due; // nothing in `current` is due before; WHEEL_NEVER if it is empty
	uint64_t *levels[WHEEL_LEVELS]; // [0]: a bit a slot; [n]: a bit a word of [n - 1]
	struct wheel_chunk *fresh_chunks; // never used yet, in a row
	uint32_t max_frames;
	void *memory;
	uint64_t memory_size;
};

// `slot_tsc` is rounded up to a power of two; at most `max_frames` are held at a time. Returns 0,
// -EINVAL (more slots than the bitmaps hold) or -ENOMEM.
__attribute__((warn_unused_result)) int wheel_init(struct wheel *wheel, uint64_t horizon_tsc,
        uint64_t slot_tsc, uint64_t now_tsc, uint32_t max_frames);
// Frames still held are the caller's: take them out first (wheel_drain).
void wheel_fini(struct wheel *wheel);

// Hands out at most `n` frames that are due; fewer than `n` means that no other is. `now_tsc` never
// goes back. What it hands out is being fetched into the cache.
unsigned wheel_expire(struct wheel *wheel, uint64_t now_tsc, struct rte_mbuf **pkts, unsigned n);
// Hands out frames whatever their time, until it returns 0.
unsigned wheel_drain(struct wheel *wheel, struct rte_mbuf **pkts, unsigned n);
// Nothing is due before: the next arrival, or the start of its slot. WHEEL_NEVER when empty.
uint64_t wheel_next(const struct wheel *wheel);

// Tells an empty wheel the time, so that its horizon is counted from there. Once a loop.
static inline void wheel_set_now(struct wheel *wheel, uint64_t now_tsc)
{
	if (wheel->n_frames == 0)
		wheel->slot = now_tsc >> wheel->slot_shift;
}

// Whether the arrival time is within the horizon.
static inline bool wheel_reaches(const struct wheel *wheel, uint64_t arrival_tsc)
{
	return (int64_t)((arrival_tsc >> wheel->slot_shift) - wheel->slot) <= (int64_t)wheel->mask;
}

static inline bool wheel_has_room(const struct wheel *wheel, unsigned n)
{
	return wheel->n_frames + n <= wheel->max_frames;
}

// The slot that has begun, or one before.
void wheel_insert_current(struct wheel *wheel, uint64_t word);
// A slot that is empty, or whose newest chunk is full.
void wheel_insert_chunk(struct wheel *wheel, uint64_t idx, uint64_t word);

// The word that stands for `m` until frame_of(m)->time_tsc.
static inline uint64_t wheel_word(const struct wheel *wheel, struct rte_mbuf *m, bool ordered)
{
	uint64_t place = (frame_of(m)->time_tsc & wheel->slot_mask) >> wheel->place_shift;

	return (uintptr_t)m | (uint64_t)ordered << WHEEL_ADDRESS_BITS | place << WHEEL_PLACE_SHIFT;
}

// Takes `m` until frame_of(m)->time_tsc; a time that has passed means "at once". `ordered`: see
// above. The caller has asked wheel_reaches() and wheel_has_room().
static inline void wheel_insert(struct wheel *wheel, struct rte_mbuf *m, bool ordered)
{
	uint64_t time_tsc = frame_of(m)->time_tsc, slot = time_tsc >> wheel->slot_shift;
	uint64_t word = wheel_word(wheel, m, ordered);

	wheel->n_frames++;
	if (likely((int64_t)(slot - wheel->slot) > 0)) {
		uintptr_t *chain = &wheel->slots[slot & wheel->mask];
		unsigned n = *chain % sizeof(struct wheel_chunk);

		if (n % WHEEL_CHUNK_FRAMES == 0) {
			wheel_insert_chunk(wheel, slot & wheel->mask, word);
		} else {
			((struct wheel_chunk *)(*chain - n))->words[n] = word;
			++*chain;
		}
		return;
	}
	wheel_insert_current(wheel, word);
	if (time_tsc < wheel->current_due)
		wheel->current_due = time_tsc;
}

// Several insertions in a row, mostly into one slot: where its next frame goes stays in registers.
// The wheel hears of it at the end; nothing else may be done with it meanwhile.
struct wheel_row {
	uint64_t slot; // absolute; UINT64_MAX: none yet
	uint64_t *next; // behind the last word of its newest chunk, which has one
	uint64_t n_frames; // that the wheel has not heard of
};

#define WHEEL_ROW_INIT             \
	{                          \
		.slot = UINT64_MAX \
	}

static inline void wheel_row_end(struct wheel *wheel, const struct wheel_row *row)
{
	uintptr_t next = (uintptr_t)row->next, in_chunk = next % sizeof(struct wheel_chunk);

	wheel->n_frames += row->n_frames;
	if (row->slot != UINT64_MAX)
		wheel->slots[row->slot & wheel->mask] =
		        next - in_chunk + in_chunk / sizeof(uint64_t);
}

static inline void wheel_row_insert(
        struct wheel *wheel, struct wheel_row *row, struct rte_mbuf *m, bool ordered)
{
	uint64_t slot = frame_of(m)->time_tsc >> wheel->slot_shift;
	uintptr_t chain;
	unsigned n;

	if (likely(slot == row->slot && (uintptr_t)row->next % sizeof(struct wheel_chunk) !=
	                                        offsetof(struct wheel_chunk, next))) {
		*row->next++ = wheel_word(wheel, m, ordered); // NOLINT(*NullDereference): begun
		row->n_frames++;
		return;
	}
	wheel_row_end(wheel, row);
	wheel_insert(wheel, m, ordered);
	*row = (struct wheel_row)WHEEL_ROW_INIT;
	if (likely((int64_t)(slot - wheel->slot) > 0)) {
		chain = wheel->slots[slot & wheel->mask];
		n = chain % sizeof(struct wheel_chunk);
		row->slot = slot;
		row->next = &((struct wheel_chunk *)(chain - n))->words[n];
	}
}
