/* SPDX-License-Identifier: BSD-3-Clause */
// The timing wheel's hand: finding the next slot in use, and handing out what is due.
#include "wheel.h"

#include <errno.h>
#include <rte_common.h>
#include <rte_prefetch.h>
#include <string.h>

#include "region.h"

#define SLOTS_MIN 64ull

static uint64_t bitmap_words(uint64_t bits)
{
	return (bits + 63) / 64;
}

int wheel_init(struct wheel *wheel, uint64_t horizon_tsc, uint64_t slot_tsc, uint64_t now_tsc)
{
	uint64_t n_slots, n_bits;
	uint64_t *words;

	memset(wheel, 0, sizeof(*wheel));
	wheel->slot_shift = (unsigned)__builtin_ctzll(rte_align64pow2(RTE_MAX(slot_tsc, 1ull)));
	// Two more: the slot that has begun, and the one the horizon ends in.
	n_slots = rte_align64pow2(RTE_MAX((horizon_tsc >> wheel->slot_shift) + 2, SLOTS_MIN));
	wheel->memory_size = n_slots * sizeof(*wheel->slots);
	for (n_bits = n_slots; n_bits > 1; n_bits = bitmap_words(n_bits)) {
		if (wheel->n_levels++ == WHEEL_LEVELS)
			return -EINVAL;
		wheel->memory_size += bitmap_words(n_bits) * sizeof(uint64_t);
	}
	wheel->memory = region_map(wheel->memory_size);
	if (wheel->memory == NULL)
		return -ENOMEM;
	wheel->slots = wheel->memory;
	words = (uint64_t *)(wheel->slots + n_slots);
	n_bits = n_slots;
	for (unsigned level = 0; level < wheel->n_levels; level++) {
		wheel->levels[level] = words;
		n_bits = bitmap_words(n_bits);
		words += n_bits;
	}
	wheel->mask = n_slots - 1;
	wheel->slot = now_tsc >> wheel->slot_shift;
	wheel->current_due = WHEEL_NEVER;
	return 0;
}

void wheel_fini(struct wheel *wheel)
{
	region_unmap(wheel->memory, wheel->memory_size);
	memset(wheel, 0, sizeof(*wheel));
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

// Begins a slot: its list, newest first, becomes `current`, oldest first.
static void open_slot(struct wheel *wheel, uint64_t slot)
{
	struct rte_mbuf **head = &wheel->slots[slot & wheel->mask];
	struct rte_mbuf *m = *head, *older = NULL;
	uint64_t due = WHEEL_NEVER;

	*head = NULL;
	clear_slot(wheel, slot & wheel->mask);
	wheel->slot = slot;
	wheel->current_tail = m;
	while (m != NULL) {
		struct frame *f = frame_of(m);
		struct rte_mbuf *next = f->next;

		rte_prefetch0(m); // its first line: the stages that follow read the length
		due = RTE_MIN(due, f->time_tsc);
		f->next = older;
		older = m;
		m = next;
	}
	wheel->current = older;
	wheel->current_due = due;
}

static unsigned take_due(struct wheel *wheel, uint64_t now_tsc, struct rte_mbuf **pkts, unsigned n)
{
	struct rte_mbuf *m = wheel->current, *kept = NULL, *kept_tail = NULL;
	uint64_t due = WHEEL_NEVER;
	unsigned n_taken = 0;

	while (m != NULL && n_taken < n) {
		struct frame *f = frame_of(m);

		if (f->time_tsc <= now_tsc) {
			pkts[n_taken++] = m;
		} else {
			due = RTE_MIN(due, f->time_tsc);
			if (kept == NULL)
				kept = m;
			else
				frame_of(kept_tail)->next = m;
			kept_tail = m;
		}
		m = f->next;
	}
	if (m != NULL)
		due = 0; // not looked at to the end
	if (kept == NULL)
		kept = m;
	else
		frame_of(kept_tail)->next = m;
	if (m == NULL)
		wheel->current_tail = kept_tail;
	wheel->current = kept;
	wheel->current_due = due;
	return n_taken;
}

unsigned wheel_expire(struct wheel *wheel, uint64_t now_tsc, struct rte_mbuf **pkts, unsigned n)
{
	uint64_t now_slot = now_tsc >> wheel->slot_shift, slot;
	unsigned n_taken = 0;

	for (;;) {
		if (wheel->current_due <= now_tsc)
			n_taken += take_due(wheel, now_tsc, pkts + n_taken, n - n_taken);
		// What is left in `current` is not due: no later slot can be.
		if (n_taken == n || wheel->current != NULL || wheel->slot >= now_slot)
			break;
		if (!next_slot(wheel, &slot) || slot > now_slot) {
			wheel->slot = now_slot;
			break;
		}
		open_slot(wheel, slot);
	}
	wheel->n_frames -= n_taken;
	return n_taken;
}

unsigned wheel_drain(struct wheel *wheel, struct rte_mbuf **pkts, unsigned n)
{
	unsigned n_taken;
	uint64_t slot;

	if (wheel->current == NULL && next_slot(wheel, &slot))
		open_slot(wheel, slot);
	n_taken = wheel->current != NULL ? take_due(wheel, WHEEL_NEVER, pkts, n) : 0;
	wheel->n_frames -= n_taken;
	return n_taken;
}

uint64_t wheel_next(const struct wheel *wheel)
{
	uint64_t slot;

	if (wheel->current != NULL)
		return wheel->current_due;
	return next_slot(wheel, &slot) ? slot << wheel->slot_shift : WHEEL_NEVER;
}
