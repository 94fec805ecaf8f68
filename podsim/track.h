/* SPDX-License-Identifier: BSD-3-Clause */
// What arrived of one sender's sequence: loss, order and duplicates, exact within a window of
// TRACK_WINDOW numbers behind the highest one seen. Pure; one owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

#define TRACK_WINDOW 1024u
#define TRACK_WORDS (TRACK_WINDOW / 64)

struct track {
	uint32_t next; // one more than the highest number seen
	bool started;
	uint64_t n_lost; // gaps not filled so far
	uint64_t n_reordered; // arrived after a higher number
	uint64_t n_duplicates;
	uint64_t n_late; // too far behind to tell a duplicate from a late one
	uint64_t seen[TRACK_WORDS];
};

// All but the next number in order.
void track_unusual(struct track *track, uint32_t seq);

static always_inline void track_see(struct track *track, uint32_t seq)
{
	uint64_t *word = &track->seen[seq / 64 % TRACK_WORDS];

	if (unlikely(seq != track->next || !track->started)) {
		track_unusual(track, seq);
		return;
	}
	// numbers of the round before are forgotten a word at a time
	*word = seq % 64 == 0 ? 1 : *word | 1ull << seq % 64;
	track->next = seq + 1;
}
