/* SPDX-License-Identifier: BSD-3-Clause */
// The player's look ahead: the links of epochs to come, for those who compute their paths before
// they are due (paths_worker.h). Thread: control.
#pragma once

#include <stdint.h>

#include "ephemeris.h"

struct player;

struct player_ahead {
	struct ephemeris_links links; // as of the epoch `at`
	uint32_t *said; // [n_ifaces] enum orrery_record_set of what changed since the last rewind
	uint64_t *said_ids; // [max_ifaces / 64 + 1] of them, a bit for each interface of the switch
	uint32_t at, next; // epochs of the file; next is no key
};

// The file of player->links is attached. 0 or -ENOMEM: then paths come after their epochs.
__attribute__((warn_unused_result)) int player_ahead_attach(struct player *player);
void player_ahead_detach(struct player *player);
// Tells the routes thread whom to ask.
void player_ahead_offer(struct player *player);
