/* SPDX-License-Identifier: BSD-3-Clause */
// Straight pieces through a curve: from its start a piece keeps the range of slopes that hit all
// points so far; when the range is empty, the next piece begins.
#include "line.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BULGE_SAFETY 1.25
#define SPAN_MIN_NS 2000
#define BLOCK_STEPS_MAX 16

struct span {
	uint64_t from_ns, to_ns;
	double from_delay_ns, to_delay_ns;
};

struct slopes {
	double low, high;
};

void pieces_fini(struct pieces *pieces)
{
	free(pieces->items);
	*pieces = (struct pieces){0};
}

static int pieces_add(struct pieces *pieces, const struct piece *piece)
{
	if (pieces->n == pieces->capacity) {
		size_t capacity = pieces->capacity != 0 ? pieces->capacity * 2 : 64;
		struct piece *items = reallocarray(pieces->items, capacity, sizeof(*items));

		if (items == NULL)
			return -ENOMEM;
		pieces->items = items;
		pieces->capacity = capacity;
	}
	pieces->items[pieces->n++] = *piece;
	return 0;
}

static double at(const struct curve *curve, uint64_t t_ns)
{
	return curve->delay_ns(curve->arg, t_ns);
}

static double seconds(uint64_t ns)
{
	return (double)ns * 1e-9;
}

// How far the curve may be from its chord within a span.
static double bulge_ns(const struct curve *curve, const struct span *span)
{
	uint64_t length = span->to_ns - span->from_ns;
	double worst = 0;

	for (unsigned i = 1; i < 4; i++) {
		uint64_t t_ns = span->from_ns + length / 4 * i;
		double share = (double)(t_ns - span->from_ns) / (double)length;
		double chord =
		        span->from_delay_ns + (span->to_delay_ns - span->from_delay_ns) * share;

		worst = fmax(worst, fabs(at(curve, t_ns) - chord));
	}
	return worst * BULGE_SAFETY;
}

// Leaves the slopes that pass within `room_ns` of a point. A point at the piece's start leaves all
// or none.
static void aim(struct slopes *slopes, const struct piece *piece, uint64_t t_ns, double delay_ns,
        double room_ns)
{
	double after_s = seconds(t_ns - piece->t_ns);
	double rise = delay_ns - piece->delay_ns;

	if (after_s > 0) {
		slopes->low = fmax(slopes->low, (rise - room_ns) / after_s);
		slopes->high = fmin(slopes->high, (rise + room_ns) / after_s);
	} else if (fabs(rise) > room_ns) {
		slopes->low = INFINITY;
	}
}

static bool has_whole(const struct slopes *slopes)
{
	return ceil(slopes->low) <= floor(slopes->high);
}

// Whether the open piece reaches the span's end; takes the slopes that do.
static bool reach(struct line *line, const struct span *span, double room_ns)
{
	struct slopes slopes = {line->low, line->high};

	aim(&slopes, &line->piece, span->from_ns, span->from_delay_ns, room_ns);
	aim(&slopes, &line->piece, span->to_ns, span->to_delay_ns, room_ns);
	if (!has_whole(&slopes))
		return false;
	line->low = slopes.low;
	line->high = slopes.high;
	return true;
}

static int32_t choose_slope(const struct line *line)
{
	double low = ceil(line->low), high = floor(line->high);

	if (isinf(low) || isinf(high)) // it covers one moment
		return 0;
	return (int32_t)fmax(INT32_MIN, fmin(INT32_MAX, floor((low + high) / 2)));
}

int line_settle(struct line *line, struct pieces *pieces)
{
	if (!line->open || line->settled)
		return 0;
	line->piece.slope_ns_s = choose_slope(line);
	line->low = line->high = line->piece.slope_ns_s;
	line->settled = true;
	return pieces_add(pieces, &line->piece);
}

int line_close(struct line *line, struct pieces *pieces)
{
	int err = line_settle(line, pieces);

	*line = (struct line){0};
	return err;
}

static void begin(struct line *line, const struct span *span)
{
	*line = (struct line){.open = true,
	        .piece = {.t_ns = span->from_ns,
	                .delay_ns = (uint32_t)fmax(0, round(span->from_delay_ns))},
	        .low = -INFINITY,
	        .high = INFINITY};
}

// In regular steps where it can be.
static uint64_t middle_of(const struct curve *curve, const struct span *span)
{
	uint64_t length = span->to_ns - span->from_ns;

	if (length > curve->step_ns && length % curve->step_ns == 0)
		return span->from_ns + length / curve->step_ns / 2 * curve->step_ns;
	return span->from_ns + length / 2;
}

static int cover(struct line *line, const struct curve *curve, const struct span *span,
        struct pieces *pieces)
{
	double bulge = bulge_ns(curve, span);
	double room_ns = curve->tolerance_ns - bulge;
	uint64_t length = span->to_ns - span->from_ns;
	// a new piece must find a whole slope
	bool too_long = bulge > curve->tolerance_ns / 2 || 2 * room_ns - 1 < seconds(length);
	bool fits = !too_long && line->open && reach(line, span, room_ns);
	int err;

	if (fits)
		return 0;
	// the open piece may reach a part of the way
	if (length > SPAN_MIN_NS && (too_long || (line->open && length > curve->step_ns))) {
		uint64_t middle = middle_of(curve, span);
		double delay = at(curve, middle);
		struct span first = {span->from_ns, middle, span->from_delay_ns, delay};
		struct span second = {middle, span->to_ns, delay, span->to_delay_ns};

		err = cover(line, curve, &first, pieces);
		return err == 0 ? cover(line, curve, &second, pieces) : err;
	}
	if (line->open && line->piece.t_ns == span->from_ns) // nothing better begins here
		return 0;
	err = line_close(line, pieces);
	begin(line, span);
	reach(line, span, room_ns);
	return err;
}

// From a time off the grid to the next step; on it, as many steps as keep to multiples of their
// number.
static uint64_t next_time(const struct curve *curve, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t step_ns = curve->step_ns, k = from_ns / step_ns, n = BLOCK_STEPS_MAX;

	if (from_ns % step_ns != 0)
		return (k + 1) * step_ns < to_ns ? (k + 1) * step_ns : to_ns;
	while (n > 1 && (k % n != 0 || (k + n) * step_ns > to_ns))
		n /= 2;
	return (k + n) * step_ns < to_ns ? (k + n) * step_ns : to_ns;
}

int line_cover(struct line *line, const struct curve *curve, uint64_t from_ns, uint64_t to_ns,
        struct pieces *pieces)
{
	struct span span = {from_ns, from_ns, at(curve, from_ns), 0};
	int err = 0;

	if (!line->open)
		begin(line, &span);
	while (span.from_ns < to_ns && err == 0) {
		span.to_ns = next_time(curve, span.from_ns, to_ns);
		span.to_delay_ns = at(curve, span.to_ns);
		err = cover(line, curve, &span, pieces);
		span.from_ns = span.to_ns;
		span.from_delay_ns = span.to_delay_ns;
	}
	return err;
}
