/* SPDX-License-Identifier: BSD-3-Clause */
// Sequence tracking off the fast path: gaps, late frames, duplicates.
#include "track.h"

#include <string.h>

// Marks numbers from `next` up to `seq` as not seen, but for `seq`.
static void skip_to(struct track *track, uint32_t seq)
{
	uint32_t gap = seq - track->next;

	if (gap >= TRACK_WINDOW) {
		memset(track->seen, 0, sizeof(track->seen));
	} else {
		for (uint32_t s = track->next; s != seq + 1; s++) {
			uint64_t *word = &track->seen[s / 64 % TRACK_WORDS];

			*word = s % 64 == 0 ? 0 : *word & ~(1ull << s % 64);
		}
	}
	track->seen[seq / 64 % TRACK_WORDS] |= 1ull << seq % 64;
	track->n_lost += gap;
	track->next = seq + 1;
}

void track_unusual(struct track *track, uint32_t seq)
{
	uint32_t behind = track->next - 1 - seq;
	uint64_t bit = 1ull << seq % 64;
	uint64_t *word = &track->seen[seq / 64 % TRACK_WORDS];

	if (!track->started) {
		// the sender's first frame has number 0
		track->started = true;
		track->next = 0;
		skip_to(track, seq);
		return;
	}
	if ((int32_t)(seq - track->next) >= 0) {
		skip_to(track, seq);
		return;
	}
	// the oldest word may be half of the next round already
	if (behind >= TRACK_WINDOW - 64) {
		track->n_late++;
	} else if ((*word & bit) != 0) {
		track->n_duplicates++;
	} else {
		*word |= bit;
		track->n_reordered++;
		track->n_lost--;
	}
}
