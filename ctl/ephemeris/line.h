/* SPDX-License-Identifier: BSD-3-Clause */
// A delay as straight pieces: few of them, none off by more than a tolerance. A piece begins at the
// curve, in whole nanoseconds, and has a slope of whole ns/s, as in a link record; it goes on as
// long as some slope keeps within the tolerance. Pure.
//
// Between two looks at the curve it is taken to stay within 5/4 of the largest of three deviations
// from its chord, which holds for delays between orbits with wide margin: they bend over minutes,
// and an interval is halved until its deviation is below half the tolerance. That deviation is
// taken off the tolerance at both ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_TOLERANCE_MIN_NS 10.0 // rounding takes up to 1 ns of it

struct curve {
	double (*delay_ns)(const void *arg, uint64_t t_ns); // smooth
	const void *arg;
	double tolerance_ns;
	uint64_t step_ns; // pieces begin at multiples of it where the curve allows
};

struct piece {
	uint64_t t_ns; // begins
	uint32_t delay_ns; // then
	int32_t slope_ns_s;
};

struct pieces { // a list; zeroed is empty
	struct piece *items;
	size_t n, capacity;
};

// The piece that goes on. Zeroed: there is none.
struct line {
	bool open;
	bool settled; // its slope is decided, it is in the list
	struct piece piece;
	double low, high; // slopes that would do so far
};

void pieces_fini(struct pieces *pieces);

// Covers the curve from `from_ns`, where the line came to (or any time if it is not open), to
// `to_ns`. Pieces that end on the way go to `pieces`. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int line_cover(struct line *line, const struct curve *curve,
        uint64_t from_ns, uint64_t to_ns, struct pieces *pieces);
// Decides the slope of the open piece, which goes on with it as long as it fits. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int line_settle(struct line *line, struct pieces *pieces);
// The link ends here. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int line_close(struct line *line, struct pieces *pieces);
