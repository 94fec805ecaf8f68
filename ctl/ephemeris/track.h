/* SPDX-License-Identifier: BSD-3-Clause */
// The course of one two-way link over a window: when it is plugged, comes up, goes down, and its
// delay in straight pieces. A track of an ISL is a pair of satellites; that of a station is its
// link to the sky, whichever satellite serves. Tracks know nothing of each other. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"
#include "service.h"
#include "window.h"

#define TRACK_EVENT_NS 1000 // events are found to this

enum change_what {
	CHANGE_PLUG = 1 << 0, // everything; `to` is the far end
	CHANGE_UP = 1 << 1,
	CHANGE_DOWN = 1 << 2,
	CHANGE_LINE = 1 << 3,
	CHANGE_UNPLUG = 1 << 4,
	CHANGE_RATE = 1 << 5, // as the beam has it then (compile.c)
};

// Of one direction, at one time.
struct change {
	uint64_t t_ns;
	uint32_t iface; // of the constellation: the link leaves from it
	uint32_t to;
	unsigned what; // enum change_what
	struct piece piece; // with LINE
};

struct changes { // a list; zeroed is empty
	struct change *items;
	size_t n, capacity;
};

void changes_fini(struct changes *changes);
// By time, then by interface.
void changes_sort(struct changes *changes);

// What a thread needs to work on tracks: reused from one to the next.
struct track_scratch {
	struct changes changes; // result, added to
	struct pieces pieces;
	struct turn *turns; // track_station.c
	size_t n_turns, turns_capacity;
};

void track_scratch_fini(struct track_scratch *scratch);

// Zeroed: before the first window.
struct isl_track {
	bool known; // `up` is
	bool plugged; // was said
	bool begun; // its state was said
	bool up;
	struct line line;
};

// Who serves an antenna since a time.
struct turn {
	uint64_t t_ns;
	uint64_t up_ns; // the link is up from then on
	uint32_t antenna;
	uint32_t satellite; // or CON_NONE
	bool moves; // the satellite of before goes on with another antenna of the station
};

struct antenna_track {
	bool plugged; // as of an ISL
	bool begun;
	struct turn turn; // the last one
	struct line line;
};

struct station_track {
	bool known; // what follows is
	struct service service;
	struct antenna_track antennas[SCENARIO_ANTENNAS_MAX];
};

void station_track_fini(struct station_track *track);

// One window further. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int track_isl(struct isl_track *track, uint32_t isl,
        const struct window *window, double tolerance_ns, struct track_scratch *scratch);
__attribute__((warn_unused_result)) int track_station(struct station_track *track, uint32_t station,
        const struct window *window, double tolerance_ns, struct track_scratch *scratch);

// For both: adds the same change for both directions of a link between `a` and `b`.
__attribute__((warn_unused_result)) int changes_add_both(
        struct changes *changes, const struct change *change, uint32_t a_iface, uint32_t b_iface);
__attribute__((warn_unused_result)) int changes_add(
        struct changes *changes, const struct change *change);
// A stretch of a link that is up: the line covers it, and pieces that begin in it become changes;
// the first one says `what` too, if the link `begins` with it. `ends`: the link ends with the
// stretch, or else the window does.
struct stretch {
	uint64_t from_ns, to_ns;
	bool begins, ends;
	unsigned what;
	uint32_t a_iface, b_iface;
};
__attribute__((warn_unused_result)) int track_stretch(struct line *line, const struct curve *curve,
        const struct stretch *stretch, struct track_scratch *scratch);
