/* SPDX-License-Identifier: BSD-3-Clause */
// Inside of the player, for its files: player.c plays, player_ask.c does what people ask.
#pragma once

#include "core.h"
#include "player.h"
#include "player_ahead.h"
#include "player_links.h"
#include "player_load.h"

struct event;

struct player {
	struct control *control;
	struct player_clock clock;
	int timer_fd; // -1: none
	struct event *timer;
	bool urgent; // the thread's priority is raised

	enum player_state state;
	struct ephemeris *file;
	char name[256];
	struct player_objects objects;
	struct player_links links;
	struct player_ahead ahead;

	double speed;
	bool loop;
	uint64_t anchor_ns, anchor_t_ns; // clock and file at the same instant, while playing
	uint64_t t_ns; // of the file: what the links were last staged for
	uint32_t epoch; // last that is in links
	uint32_t next; // first that is not, no key; n_epochs: none
	uint64_t work_ns; // from waking to being ready, lately
	uint64_t ready_ns; // when the last commit was ready

	uint64_t loops, applied, merged, commits, late, late_ns, late_max_ns;
	char error[400];
};

// First epoch from `epoch` on that is no key; n_epochs: none.
uint32_t player_skip_keys(const struct player *player, uint32_t epoch);
uint64_t player_now_ns(const struct player *player);
// When the file's `t_ns`, not before the anchor, is on the clock.
uint64_t player_due_of(const struct player *player, uint64_t t_ns);
// Where the file is at `now_ns`; never behind what the links were told.
uint64_t player_file_time(const struct player *player, uint64_t now_ns);
// What was touched, or every link, takes effect at moment->at_ns, or at once when that is over.
__attribute__((warn_unused_result)) int player_commit_touched(
        struct player *player, const struct player_moment *moment, struct fault *fault);
__attribute__((warn_unused_result)) int player_commit_all(
        struct player *player, const struct player_moment *moment, struct fault *fault);
// Delays stay as they are at `moment`.
__attribute__((warn_unused_result)) int player_freeze(
        struct player *player, const struct player_moment *moment, struct fault *fault);
// Pauses and says why.
void player_stop_with(struct player *player, const struct fault *why);
