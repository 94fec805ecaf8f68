/* SPDX-License-Identifier: BSD-3-Clause */
// A station's link to the sky: which satellite serves it, from when to when.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "ground.h"
#include "sky.h"
#include "track.h"

// Steps in which a satellite may be above the station's least elevation: of the window, both ends
// included.
struct pass {
	uint32_t satellite;
	uint32_t first, last;
};

#define SLOTS_KEPT 4

struct slot {
	double start_s;
	uint32_t serving;
};

struct view {
	const struct window *window;
	uint32_t station;
	const struct scenario_station *rules;
	double sine; // of the least elevation
	double margin_s; // the rules look that far back and ahead
	struct track_scratch *scratch;
	uint32_t n_near; // satellites that may matter now
	struct slot slots[SLOTS_KEPT]; // chosen last
	unsigned n_slots; // of all time
};

struct state {
	uint32_t serving; // satellite, or CON_NONE
	bool up;
};

struct ray {
	const struct constellation *con;
	uint32_t station;
	const struct orbit *orbit;
};

static double ray_delay_ns(const void *arg, uint64_t t_ns)
{
	const struct ray *ray = arg;
	double t_s = window_seconds(t_ns);

	return delay_ns(
	        orbit_position(ray->orbit, t_s), sky_station_position(ray->con, ray->station, t_s));
}

// How far a satellite is inside the cone of the least elevation, in km: rise minus sine times
// distance. Both change no faster than the satellite moves against the turning Earth.
static double clearance_km(const struct view *view, struct vec3 ground, struct vec3 satellite)
{
	struct vec3 d = vec3_sub(satellite, ground);

	return vec3_dot(d, sky_up(view->window->con, ground)) - view->sine * vec3_norm(d);
}

static double speed_max_km_s(const struct orbit *orbit)
{
	return orbit->speed_max_km_s + orbit->radius_km * EARTH_RATE_RAD_S;
}

static int add_pass(struct track_scratch *scratch, const struct pass *pass)
{
	if (scratch->n_passes == scratch->passes_capacity) {
		size_t n = scratch->passes_capacity != 0 ? scratch->passes_capacity * 2 : 256;
		struct pass *passes = reallocarray(scratch->passes, n, sizeof(*passes));

		if (passes == NULL)
			return -ENOMEM;
		scratch->passes = passes;
		scratch->passes_capacity = n;
	}
	scratch->passes[scratch->n_passes++] = *pass;
	return 0;
}

// The satellite's passes over the station: steps in which it cannot have come near are jumped over.
static int find_passes(const struct view *view, const struct vec3 *grounds, uint32_t satellite)
{
	const struct window *window = view->window;
	const struct vec3 *positions = window_positions(window, satellite);
	double speed = 2 * speed_max_km_s(&window->con->satellites[satellite].orbit);
	double step_km = speed * window_seconds(window->step_ns);
	double near_km = step_km + speed * view->margin_s;
	struct pass pass = {satellite, 0, 0};
	bool open = false;
	int err = 0;

	for (uint32_t k = 0; k <= window->n && err == 0;) {
		double away_km = -clearance_km(view, grounds[k], positions[k]);

		if (away_km < near_km) { // may matter before the next step
			if (!open)
				pass.first = k;
			open = true;
			pass.last = k++;
			continue;
		}
		if (open)
			err = add_pass(view->scratch, &pass);
		open = false;
		k += 1 + (uint32_t)fmin(window->n, floor((away_km - near_km) / step_km));
	}
	return open && err == 0 ? add_pass(view->scratch, &pass) : err;
}

static int find_all_passes(const struct view *view, const struct vec3 *grounds)
{
	int err = 0;

	view->scratch->n_passes = 0;
	for (uint32_t i = 0; i < view->window->con->n_satellites && err == 0; i++)
		err = find_passes(view, grounds, i);
	return err;
}

// Room for all that can be near at once.
static int make_room(struct track_scratch *scratch)
{
	uint32_t *near = reallocarray(scratch->near, scratch->n_passes + 1, sizeof(*near));
	struct vec3 *positions;

	if (near == NULL)
		return -ENOMEM;
	scratch->near = near;
	// twice: at both ends of a slot
	positions = reallocarray(
	        scratch->near_positions, 2 * scratch->n_passes + 1, sizeof(*positions));
	if (positions == NULL)
		return -ENOMEM;
	scratch->near_positions = positions;
	return 0;
}

// Who may matter between a step and the next.
static void gather_near(struct view *view, uint32_t k)
{
	struct track_scratch *scratch = view->scratch;

	view->n_near = 0;
	for (size_t i = 0; i < scratch->n_passes; i++) {
		const struct pass *pass = &scratch->passes[i];

		// two passes of one satellite are never both near: they are steps apart
		if (k + 1 >= pass->first && k <= pass->last)
			scratch->near[view->n_near++] = pass->satellite;
	}
}

static struct vec3 *place_near(const struct view *view, double t_s, struct vec3 *positions)
{
	const struct constellation *con = view->window->con;
	const uint32_t *near = view->scratch->near;

	for (uint32_t i = 0; i < view->n_near; i++)
		positions[i] = orbit_position(&con->satellites[near[i]].orbit, t_s);
	ground_hide_failed(con, t_s, near, positions, view->n_near);
	return positions;
}

static uint32_t near_number(const struct view *view, uint32_t index)
{
	return index != CON_NONE ? view->scratch->near[index] : CON_NONE;
}

// Who was chosen for a slot; by whichever satellites are near, since all that matter are.
static uint32_t slot_serving(struct view *view, double start_s)
{
	const struct constellation *con = view->window->con;
	double end_s = start_s + (double)GROUND_SLOT_NS * 1e-9;
	struct slot *slot;
	struct ground_places begin, end;

	for (unsigned i = 0; i < SLOTS_KEPT && i < view->n_slots; i++) {
		if (view->slots[i].start_s == start_s)
			return view->slots[i].serving;
	}
	slot = &view->slots[view->n_slots++ % SLOTS_KEPT];
	begin = (struct ground_places){sky_station_position(con, view->station, start_s),
	        place_near(view, start_s, view->scratch->near_positions)};
	end = (struct ground_places){sky_station_position(con, view->station, end_s),
	        place_near(view, end_s, view->scratch->near_positions + view->n_near)};
	slot->start_s = start_s;
	slot->serving = near_number(
	        view, ground_choose_for_slot(con, view->station, &begin, &end, view->n_near));
	return slot->serving;
}

// As the sky has it (ground.c).
static uint32_t serving_at(struct view *view, double t_s)
{
	const struct constellation *con = view->window->con;
	struct vec3 ground = sky_station_position(con, view->station, t_s), satellite;
	uint32_t serving;

	if (!ground_works(con, view->station, ground, t_s))
		return CON_NONE;
	if (view->rules->policy == SCENARIO_NEAREST)
		return near_number(
		        view, sky_choose(con, view->station, ground,
		                      place_near(view, t_s, view->scratch->near_positions),
		                      view->n_near));
	serving = slot_serving(view, ground_slot_start_s(con, t_s));
	if (serving == CON_NONE)
		return CON_NONE;
	satellite = orbit_position(&con->satellites[serving].orbit, t_s);
	ground_hide_failed(con, t_s, &serving, &satellite, 1);
	return ground_sees(con, view->station, ground, satellite) ? serving : CON_NONE;
}

static bool outage_is_over(struct view *view, double t_s, uint32_t serving)
{
	double then_s = t_s - (double)view->rules->outage_ns * 1e-9;

	return view->rules->outage_ns == 0 || serving == CON_NONE ||
	       serving_at(view, then_s) == serving;
}

static struct state state_at(struct view *view, uint64_t t_ns)
{
	double t_s = window_seconds(t_ns);
	uint32_t serving = serving_at(view, t_s);

	return (struct state){serving, outage_is_over(view, t_s, serving)};
}

// The same at a step, where places are known: what most looks are.
static struct state state_at_step(struct view *view, struct vec3 ground, uint32_t k)
{
	const struct constellation *con = view->window->con;
	struct track_scratch *scratch = view->scratch;
	uint64_t t_ns = window_time_ns(view->window, k);
	uint32_t serving;

	if (view->rules->policy != SCENARIO_NEAREST || con->scenario->n_failures > 0)
		return state_at(view, t_ns);
	for (uint32_t i = 0; i < view->n_near; i++)
		scratch->near_positions[i] = window_positions(view->window, scratch->near[i])[k];
	serving = near_number(view,
	        sky_choose(con, view->station, ground, scratch->near_positions, view->n_near));
	return (struct state){serving, outage_is_over(view, window_seconds(t_ns), serving)};
}

static bool same_state(const struct state *a, const struct state *b)
{
	return a->serving == b->serving && a->up == b->up;
}

// The moment between two, at which `was` is over, and what is then.
static uint64_t find_event(struct view *view, uint64_t from_ns, uint64_t to_ns,
        const struct state *was, struct state *then)
{
	while (to_ns - from_ns > TRACK_EVENT_NS) {
		uint64_t middle = from_ns + (to_ns - from_ns) / 2;
		struct state state = state_at(view, middle);

		if (same_state(&state, was)) {
			from_ns = middle;
		} else {
			to_ns = middle;
			*then = state;
		}
	}
	return to_ns;
}

// The station's time in one state, up to the stretch's end.
static int add_state(struct station_track *track, const struct view *view, struct stretch *stretch,
        double tolerance_ns)
{
	const struct constellation *con = view->window->con;
	const struct ray ray = {con, view->station,
	        track->serving != CON_NONE ? &con->satellites[track->serving].orbit : NULL};
	const struct curve curve = {ray_delay_ns, &ray, tolerance_ns, view->window->step_ns};
	struct change down = {.t_ns = stretch->from_ns, .what = CHANGE_DOWN};
	int err = 0;

	if (track->serving == CON_NONE || stretch->from_ns == stretch->to_ns)
		return 0;
	stretch->begins = !track->begun;
	stretch->what = track->plugged ? CHANGE_UP : CHANGE_PLUG | CHANGE_UP;
	stretch->a_iface = con_gsl_iface(con, view->station);
	stretch->b_iface = con_gs_iface(con, track->serving, view->station);
	if (track->up) {
		err = track_stretch(&track->line, &curve, stretch, view->scratch);
	} else if (stretch->begins) {
		if (!track->plugged) { // with the delay that it would have
			down.what |= CHANGE_PLUG | CHANGE_LINE;
			down.piece.delay_ns = (uint32_t)ray_delay_ns(&ray, stretch->from_ns);
		}
		err = changes_add_both(
		        &view->scratch->changes, &down, stretch->a_iface, stretch->b_iface);
	}
	track->plugged = track->begun = true;
	return err;
}

// The satellite's end of the old link goes; the station's end too, if no satellite follows.
static int add_handover(
        struct station_track *track, const struct view *view, uint64_t t_ns, uint32_t to)
{
	const struct constellation *con = view->window->con;
	struct changes *changes = &view->scratch->changes;
	struct change change = {.t_ns = t_ns, .to = CON_NONE, .what = CHANGE_UNPLUG};
	int err;

	if (!track->plugged || track->serving == to)
		return 0;
	track->plugged = false;
	change.iface = con_gs_iface(con, track->serving, view->station);
	err = changes_add(changes, &change);
	change.iface = con_gsl_iface(con, view->station);
	return err == 0 && to == CON_NONE ? changes_add(changes, &change) : err;
}

struct course {
	struct station_track *track;
	struct view *view;
	struct stretch stretch; // since the last event
	double tolerance_ns;
};

// From a moment to another, whose state is `end`.
static int advance(struct course *course, uint64_t from_ns, uint64_t to_ns, const struct state *end)
{
	struct station_track *track = course->track;
	struct stretch *stretch = &course->stretch;
	struct state state = {track->serving, track->up};
	int err = 0;

	while (!same_state(&state, end) && err == 0) {
		struct state next = *end;

		from_ns = find_event(course->view, from_ns, to_ns, &state, &next);
		stretch->to_ns = from_ns;
		stretch->ends = true;
		err = add_state(track, course->view, stretch, course->tolerance_ns);
		if (err == 0)
			err = add_handover(track, course->view, from_ns, next.serving);
		track->serving = next.serving;
		track->up = next.up;
		track->begun = false;
		stretch->from_ns = from_ns;
		state = next;
	}
	return err;
}

// One step further, with a look at each scheduled time in it.
static int take_step(struct course *course, uint32_t k, struct vec3 ground_then)
{
	const struct window *window = course->view->window;
	uint64_t from_ns = window_time_ns(window, k), to_ns = window_time_ns(window, k + 1);
	uint64_t look_ns = window_next_look_ns(window, from_ns, to_ns);
	struct state state;
	int err = 0;

	gather_near(course->view, k);
	while (look_ns < to_ns && err == 0) {
		state = state_at(course->view, look_ns);
		err = advance(course, from_ns, look_ns, &state);
		from_ns = look_ns;
		look_ns = window_next_look_ns(window, from_ns, to_ns);
	}
	if (err != 0)
		return err;
	state = state_at_step(course->view, ground_then, k + 1);
	return advance(course, from_ns, to_ns, &state);
}

static int follow(struct station_track *track, struct view *view, const struct vec3 *grounds,
        double tolerance_ns)
{
	const struct window *window = view->window;
	struct course course = {.track = track,
	        .view = view,
	        .stretch = {.from_ns = window_time_ns(window, 0)},
	        .tolerance_ns = tolerance_ns};
	int err = 0;

	if (!track->known) {
		struct state state;

		gather_near(view, 0);
		state = state_at(view, window_time_ns(window, 0));
		track->serving = state.serving;
		track->up = state.up;
	}
	track->known = true;
	for (uint32_t k = 0; k < window->n && err == 0; k++)
		err = take_step(&course, k, grounds[k + 1]);
	course.stretch.to_ns = window_time_ns(window, window->n);
	course.stretch.ends = false;
	return err == 0 ? add_state(track, view, &course.stretch, tolerance_ns) : err;
}

int track_station(struct station_track *track, uint32_t station, const struct window *window,
        double tolerance_ns, struct track_scratch *scratch)
{
	const struct scenario_station *rules = &window->con->scenario->stations[station];
	double slot_s = rules->policy == SCENARIO_SLOTS ? (double)GROUND_SLOT_NS * 1e-9 : 0;
	struct view view = {.window = window,
	        .station = station,
	        .rules = rules,
	        .sine = sin(deg_to_rad(rules->min_elevation_deg)),
	        .margin_s = slot_s + (double)rules->outage_ns * 1e-9,
	        .scratch = scratch};
	struct vec3 *grounds = calloc((size_t)window->n + 1, sizeof(*grounds));
	int err;

	if (grounds == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k <= window->n; k++)
		grounds[k] = sky_station_position(
		        window->con, station, window_seconds(window_time_ns(window, k)));
	err = find_all_passes(&view, grounds);
	if (err == 0)
		err = make_room(scratch);
	if (err == 0)
		err = follow(track, &view, grounds, tolerance_ns);
	free(grounds);
	return err;
}
