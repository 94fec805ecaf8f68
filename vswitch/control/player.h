/* SPDX-License-Identifier: BSD-3-Clause */
// The player: an ephemeris file (api/ephemeris.h) played into the link matrix, each epoch at its
// time.
//
// The file is read into memory and checked whole when it is loaded; nodes, interfaces and routes
// that it names are made or found, and its interface numbers mapped to ids, once. Then a timer
// wakes the control thread a little before an epoch is due; the epoch is staged and written, and
// published at its time. Epochs that are overdue are published together, the last state wins; how
// late they were is counted. A slope that the file leaves standing longer than the switch lets it
// act is said again.
//
// Thread: control. Times of the file in ns from its start, of the clock in ns.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ephemeris.h"
#include "fault.h"
#include "player_clock.h"

struct control;
struct player;

#define PLAYER_SPEED_MIN 0.001
#define PLAYER_SPEED_MAX 10000.0
#define PLAYER_LATE_NS 1000000 // an epoch later than this counts as late
#define PLAYER_LOOP_MIN_NS 10000000 // of the clock: a shorter file cannot be looped

enum player_state {
	PLAYER_EMPTY, // nothing loaded
	PLAYER_LOADED, // not started
	PLAYER_PLAYING,
	PLAYER_PAUSED, // delays stand still
	PLAYER_ENDED, // at the file's end
};

struct player_made {
	uint32_t nodes, ifaces, routes; // that were not there before
};

struct player_status {
	enum player_state state;
	const struct ephemeris *file; // borrowed; NULL: none
	const char *name; // of the file; borrowed
	struct player_made made;
	uint64_t t_ns; // of the file, now
	uint64_t epoch_t_ns; // of the last epoch in force
	uint32_t epoch; // its number, from 0
	double speed;
	bool loop;
	uint64_t loops; // times it started over
	// since it was started:
	uint64_t applied; // epochs
	uint64_t merged; // of them, in one publication with a later one
	uint64_t commits; // publications, those for slopes included
	uint64_t late; // epochs later than PLAYER_LATE_NS
	uint64_t late_ns, late_max_ns; // of the last epoch, the largest
	uint64_t skipped_pinned; // changes of links that are pinned
	uint64_t skipped_gone; // changes of links whose interfaces are not there any more
	const char *error; // why it stopped by itself; "": it did not
};

struct player_start {
	double speed; // file time a second
	uint64_t from_ns;
	bool loop;
};

__attribute__((warn_unused_result)) int player_create(
        struct control *control, struct player **ret_player, struct fault *fault);
void player_destroy(struct player *player); // NULL allowed
void player_set_clock(struct player *player, const struct player_clock *clock);

// Takes `file`, whatever happens. -EBUSY while another is loaded; else as node.add and route.add
// say. After an error what it had made is gone again.
__attribute__((warn_unused_result)) int player_load(
        struct player *player, struct ephemeris *file, const char *name, struct fault *fault);
// From a time of the file; from any state but PLAYER_EMPTY.
__attribute__((warn_unused_result)) int player_begin(
        struct player *player, const struct player_start *start, struct fault *fault);
__attribute__((warn_unused_result)) int player_pause(struct player *player, struct fault *fault);
// Goes on; `speed` 0: as before. While playing it only changes the speed.
__attribute__((warn_unused_result)) int player_resume(
        struct player *player, double speed, struct fault *fault);
__attribute__((warn_unused_result)) int player_seek(
        struct player *player, uint64_t t_ns, struct fault *fault);
// Pauses, and goes `n` epochs on. -ENOENT: at the end already.
__attribute__((warn_unused_result)) int player_step(
        struct player *player, uint32_t n, struct fault *fault);
// Forgets the file; links stay as they are, with slope 0. `clean`: the nodes that loading made are
// deleted, with ports and links. Returns how many were.
uint32_t player_stop(struct player *player, bool clean);
void player_get_status(const struct player *player, struct player_status *ret_status);

// Links by hand: gives a link that is not pinned any more the state of the file.
__attribute__((warn_unused_result)) int player_take_back(
        struct player *player, uint32_t link_id, uint32_t *ret_changed, struct fault *fault);
// An interface is removed: the file's changes for it are left out from now on. NULL allowed.
void player_iface_gone(struct player *player, uint32_t id);

// Does what is due and about to be. The timer calls it; tests do.
void player_run(struct player *player);
// When there is something to do next, on the clock; UINT64_MAX: never.
uint64_t player_due_ns(const struct player *player);
// Whether an epoch is due within `ns`: then other work can wait. NULL allowed.
bool player_busy_within(const struct player *player, uint64_t ns);

const char *player_state_name(enum player_state state);
