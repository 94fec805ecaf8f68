/* SPDX-License-Identifier: BSD-3-Clause */
// The links of a loaded ephemeris, from the file's interface numbers to the switch's matrix: what
// the file says they are by now, which of it the switch was not told yet, and whose slope must be
// said again before the switch ends it. Stages; the caller commits. Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ephemeris.h"
#include "fault.h"

struct control;

// A slope is said again at this age. The switch ends it at DP_SLOPE_MAX_S.
#define PLAYER_SLOPE_AGE_NS 8000000000ull
// A commit takes along those that will soon be due.
#define PLAYER_SLOPE_AGE_EARLY_NS 7000000000ull

// One instant: in the file and on the clock.
struct player_moment {
	uint64_t t_ns; // of the file
	uint64_t at_ns; // of the clock
	double speed; // file time a second from then on; 0: it stands still
	uint64_t epoch; // number of the file's epoch that comes next and now, plus one; 0: another
};

struct player_slope {
	uint64_t said_ns; // clock
	uint32_t next, prev; // in the order of said_ns; UINT32_MAX: end
	bool listed;
};

struct player_links {
	struct control *control;
	const struct ephemeris *file; // NULL: none
	uint32_t *ids; // [n_ifaces] the switch's, DP_NONE: not there any more
	uint32_t *numbers; // [max_ifaces] number of the switch's interface in the file, plus one
	struct ephemeris_links now;
	uint32_t *touched; // [n_ifaces] whose change is not staged yet
	uint32_t n_touched;
	uint32_t *said; // [n_ifaces] enum orrery_record_set of the changes; 0: not touched
	struct player_slope *slopes; // [n_ifaces]
	uint32_t oldest, newest; // slope; UINT32_MAX: none
	uint64_t n_pinned; // changes left out since the link is pinned
	uint64_t n_gone; // changes left out since an interface is not there any more
};

__attribute__((warn_unused_result)) int player_links_init(
        struct player_links *links, struct control *control);
void player_links_fini(struct player_links *links);
// Takes `ids`, borrows `file`. 0 or -ENOMEM: then `ids` is the caller's still.
__attribute__((warn_unused_result)) int player_links_attach(
        struct player_links *links, const struct ephemeris *file, uint32_t *ids);
void player_links_detach(struct player_links *links);
// An interface of the switch that goes.
void player_links_gone(struct player_links *links, uint32_t id);

// Applies one epoch, not a key.
void player_links_advance(struct player_links *links, const struct ephemeris_epoch *epoch);
// To the state at `t_ns`; stage_all must follow. Returns the first epoch behind.
uint32_t player_links_seek(struct player_links *links, uint64_t t_ns);
// Marks slopes that were said before `before_ns` of the clock.
void player_links_touch_slopes(struct player_links *links, uint64_t before_ns);
// When the oldest slope was said; UINT64_MAX: none is.
uint64_t player_links_oldest_ns(const struct player_links *links);

// Starts a staging and stages what was touched, or every link of the file, as it is at `moment`.
__attribute__((warn_unused_result)) int player_links_stage(
        struct player_links *links, const struct player_moment *moment, struct fault *fault);
__attribute__((warn_unused_result)) int player_links_stage_all(
        struct player_links *links, const struct player_moment *moment, struct fault *fault);
// Starts a staging of all links of the file that move: they stay where the switch has them at
// `tsc`.
__attribute__((warn_unused_result)) int player_links_stage_still(
        struct player_links *links, uint64_t tsc, struct fault *fault);
// Adds the link that leaves from the switch's interface `id` to the staging, if the file has it.
__attribute__((warn_unused_result)) int player_links_stage_one(struct player_links *links,
        uint32_t id, const struct player_moment *moment, struct fault *fault);
