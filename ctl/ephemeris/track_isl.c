/* SPDX-License-Identifier: BSD-3-Clause */
// A link between two satellites: plugged always, up while the rules of its shell say so.
#include "failure.h"
#include "sky.h"
#include "track.h"

struct pair {
	const struct constellation *con;
	uint32_t isl;
	const struct orbit *a, *b;
};

static double pair_delay_ns(const void *arg, uint64_t t_ns)
{
	const struct pair *pair = arg;
	double t_s = window_seconds(t_ns);

	return delay_ns(orbit_position(pair->a, t_s), orbit_position(pair->b, t_s));
}

static bool pair_is_up(const struct pair *pair, uint64_t t_ns)
{
	double t_s = window_seconds(t_ns);
	struct vec3 a = orbit_position(pair->a, t_s), b = orbit_position(pair->b, t_s);

	return sky_isl_works(pair->con, pair->isl, t_s, &a, &b);
}

// The moment between two, at which the link is not what it was at the first.
static uint64_t find_event(const struct pair *pair, uint64_t from_ns, uint64_t to_ns, bool was_up)
{
	while (to_ns - from_ns > TRACK_EVENT_NS) {
		uint64_t middle = from_ns + (to_ns - from_ns) / 2;

		if (pair_is_up(pair, middle) == was_up)
			from_ns = middle;
		else
			to_ns = middle;
	}
	return to_ns;
}

// The link as it is over a stretch.
static int add_state(struct isl_track *track, const struct pair *pair, struct stretch *stretch,
        const struct curve *curve, struct track_scratch *scratch)
{
	struct change down = {.t_ns = stretch->from_ns, .what = CHANGE_DOWN};
	int err = 0;

	if (stretch->from_ns == stretch->to_ns) // the next window begins with it
		return 0;
	stretch->begins = !track->begun;
	stretch->what = track->plugged ? CHANGE_UP : CHANGE_PLUG | CHANGE_UP;
	if (track->up) {
		err = track_stretch(&track->line, curve, stretch, scratch);
	} else if (stretch->begins) {
		if (!track->plugged) { // with the delay that it would have
			down.what |= CHANGE_PLUG | CHANGE_LINE;
			down.piece.delay_ns = (uint32_t)pair_delay_ns(pair, stretch->from_ns);
		}
		err = changes_add_both(
		        &scratch->changes, &down, stretch->a_iface, stretch->b_iface);
	}
	track->plugged = track->begun = true;
	return err;
}

struct course {
	struct isl_track *track;
	const struct pair *pair;
	const struct curve *curve;
	struct stretch stretch; // since the last event
	struct track_scratch *scratch;
};

// From a moment to another, at which the link is `up`.
static int advance(struct course *course, uint64_t from_ns, uint64_t to_ns, bool up)
{
	struct isl_track *track = course->track;
	struct stretch *stretch = &course->stretch;
	int err;

	if (up == track->up)
		return 0;
	stretch->to_ns = find_event(course->pair, from_ns, to_ns, track->up);
	stretch->ends = true;
	err = add_state(track, course->pair, stretch, course->curve, course->scratch);
	track->up = up;
	track->begun = false;
	stretch->from_ns = stretch->to_ns;
	return err;
}

static uint64_t next_look_ns(const struct constellation *con, uint64_t from_ns, uint64_t to_ns)
{
	return (uint64_t)failure_next_ns(con, (int64_t)from_ns, (int64_t)to_ns);
}

// One step further, with a look at each scheduled time in it.
static int take_step(struct course *course, const struct window *window, uint32_t k, bool up)
{
	uint64_t from_ns = window_time_ns(window, k), to_ns = window_time_ns(window, k + 1);
	uint64_t look_ns = next_look_ns(window->con, from_ns, to_ns);
	int err = 0;

	while (look_ns < to_ns && err == 0) {
		err = advance(course, from_ns, look_ns, pair_is_up(course->pair, look_ns));
		from_ns = look_ns;
		look_ns = next_look_ns(window->con, from_ns, to_ns);
	}
	return err == 0 ? advance(course, from_ns, to_ns, up) : err;
}

int track_isl(struct isl_track *track, uint32_t isl, const struct window *window,
        double tolerance_ns, struct track_scratch *scratch)
{
	const struct constellation *con = window->con;
	const struct con_isl *ends = &con->isls[isl];
	uint32_t a = con->ifaces[ends->a_iface].node, b = con->ifaces[ends->b_iface].node;
	const struct vec3 *a_at = window_positions(window, a), *b_at = window_positions(window, b);
	const struct pair pair = {con, isl, &con->satellites[a].orbit, &con->satellites[b].orbit};
	const struct curve curve = {pair_delay_ns, &pair, tolerance_ns, window->step_ns};
	struct course course = {.track = track,
	        .pair = &pair,
	        .curve = &curve,
	        .stretch = {.from_ns = window_time_ns(window, 0),
	                .a_iface = ends->a_iface,
	                .b_iface = ends->b_iface},
	        .scratch = scratch};
	int err = 0;

	if (!track->known)
		track->up = pair_is_up(&pair, window_time_ns(window, 0));
	track->known = true;
	for (uint32_t k = 0; k < window->n && err == 0; k++) {
		double t_s = window_seconds(window_time_ns(window, k + 1));

		err = take_step(&course, window, k,
		        sky_isl_works(con, isl, t_s, &a_at[k + 1], &b_at[k + 1]));
	}
	course.stretch.to_ns = window_time_ns(window, window->n);
	course.stretch.ends = false;
	return err == 0 ? add_state(track, &pair, &course.stretch, &curve, scratch) : err;
}
