/* SPDX-License-Identifier: BSD-3-Clause */
// The timing wheel: every frame in flight towards one worker, keyed by its arrival time.
//
// A flat array of slots, each a list through struct frame.next, under a tree of bitmaps that finds
// the next slot in use. Insertion and expiry cost O(1) a frame whatever the number of frames and
// links; the wheel allocates nothing once made. Slot n holds the arrivals of 2^slot_shift cycles;
// frames of the slot that has begun lie in a list of their own, `current`, where they wait for
// their cycle.
//
// Order. No frame comes out before its arrival time. Of two frames whose arrival times lie in
// different slots the earlier comes out first. Frames of one slot come out in the order of
// insertion as far as they are due: so frames of one link, whose arrival times do not decrease,
// never overtake each other.
//
// Cost of `current`: it is walked again when its earliest frame falls due, so at most once a loop
// and only until its slot is over; a worker that has much to do makes long loops and few walks.
//
// Thread: the owning worker; init and fini on control.
#pragma once

#include <rte_branch_prediction.h>
#include <stdbool.h>
#include <stdint.h>

#include "stage.h"

#define WHEEL_LEVELS 5 // of bitmaps: room for 64^5 slots
#define WHEEL_NEVER UINT64_MAX

struct wheel {
	uint64_t slot; // absolute number of the slot that has begun
	uint64_t mask; // number of slots - 1
	struct rte_mbuf **slots; // newest insertion first: an insertion touches no other frame
	unsigned slot_shift; // log2 of a slot's cycles
	unsigned n_levels;
	uint64_t n_frames;
	struct rte_mbuf *current; // oldest insertion first
	struct rte_mbuf *current_tail;
	uint64_t current_due; // nothing in `current` is due before; WHEEL_NEVER if it is empty
	uint64_t *levels[WHEEL_LEVELS]; // [0]: a bit a slot; [n]: a bit a word of [n - 1]
	void *memory;
	uint64_t memory_size;
};

// Reserves address space; pages are populated as the hand passes. `slot_tsc` is rounded up to a
// power of two. Returns 0, -EINVAL (more slots than the bitmaps hold) or -ENOMEM.
__attribute__((warn_unused_result)) int wheel_init(
        struct wheel *wheel, uint64_t horizon_tsc, uint64_t slot_tsc, uint64_t now_tsc);
// Frames still held are the caller's: take them out first (wheel_drain).
void wheel_fini(struct wheel *wheel);

// Hands out at most `n` frames that are due; fewer than `n` means that no other is. `now_tsc` never
// goes back.
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
static inline bool wheel_holds(const struct wheel *wheel, uint64_t arrival_tsc)
{
	return (int64_t)((arrival_tsc >> wheel->slot_shift) - wheel->slot) <= (int64_t)wheel->mask;
}

static inline void wheel_mark_slot(struct wheel *wheel, uint64_t idx)
{
	for (unsigned level = 0; level < wheel->n_levels; level++, idx >>= 6) {
		uint64_t *word = &wheel->levels[level][idx >> 6];
		uint64_t before = *word;

		*word = before | 1ull << (idx & 63);
		if (before != 0)
			return;
	}
}

// Takes `m` until frame_of(m)->time_tsc, which wheel_holds() has agreed to; a time that has passed
// means "at once".
static inline void wheel_insert(struct wheel *wheel, struct rte_mbuf *m)
{
	struct frame *f = frame_of(m);
	uint64_t slot = f->time_tsc >> wheel->slot_shift;

	wheel->n_frames++;
	if (likely((int64_t)(slot - wheel->slot) > 0)) {
		struct rte_mbuf **head = &wheel->slots[slot & wheel->mask];

		f->next = *head;
		*head = m;
		if (f->next == NULL)
			wheel_mark_slot(wheel, slot & wheel->mask);
		return;
	}
	f->next = NULL;
	if (wheel->current == NULL)
		wheel->current = m;
	else
		frame_of(wheel->current_tail)->next = m;
	wheel->current_tail = m;
	if (f->time_tsc < wheel->current_due)
		wheel->current_due = f->time_tsc;
}
