/* SPDX-License-Identifier: BSD-3-Clause */
// A station's link to the sky: which satellite serves it, from when to when.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "sky.h"
#include "track.h"

// Steps in which a satellite may be above the station's least elevation: of the window, both ends
// included.
struct pass {
	uint32_t satellite;
	uint32_t first, last;
};

struct view {
	const struct window *window;
	uint32_t station;
	double sine; // of the least elevation
	struct track_scratch *scratch;
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
	const struct orbit *orbit = &window->con->satellites[satellite].orbit;
	double a_step_km = 2 * speed_max_km_s(orbit) * window_seconds(window->step_ns);
	struct pass pass = {satellite, 0, 0};
	bool open = false;
	int err = 0;

	for (uint32_t k = 0; k <= window->n && err == 0;) {
		double clearance = clearance_km(view, grounds[k], positions[k]);
		double jump = fmin(window->n, floor(-clearance / a_step_km));

		if (clearance > -a_step_km) { // may be seen before the next step
			if (!open)
				pass.first = k;
			open = true;
			pass.last = k++;
			continue;
		}
		if (open)
			err = add_pass(view->scratch, &pass);
		open = false;
		k += jump > 1 ? (uint32_t)jump : 1;
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
	positions =
	        reallocarray(scratch->near_positions, scratch->n_passes + 1, sizeof(*positions));
	if (positions == NULL)
		return -ENOMEM;
	scratch->near_positions = positions;
	return 0;
}

static uint32_t choose(const struct view *view, struct vec3 ground, uint32_t n)
{
	const struct track_scratch *scratch = view->scratch;
	uint32_t chosen =
	        sky_choose(view->window->con, view->station, ground, scratch->near_positions, n);

	return chosen != CON_NONE ? scratch->near[chosen] : CON_NONE;
}

// Who serves at a step.
static uint32_t serving_at_step(const struct view *view, struct vec3 ground, uint32_t k)
{
	struct track_scratch *scratch = view->scratch;
	uint32_t n = 0;

	for (size_t i = 0; i < scratch->n_passes; i++) {
		const struct pass *pass = &scratch->passes[i];

		if (k < pass->first || k > pass->last)
			continue;
		scratch->near[n] = pass->satellite;
		scratch->near_positions[n++] = window_positions(view->window, pass->satellite)[k];
	}
	return choose(view, ground, n);
}

// Who may serve between a step and the next.
static uint32_t gather_near(const struct view *view, uint32_t k)
{
	struct track_scratch *scratch = view->scratch;
	uint32_t n = 0;

	for (size_t i = 0; i < scratch->n_passes; i++) {
		const struct pass *pass = &scratch->passes[i];

		// two passes of one satellite are never both near: they are steps apart
		if (k + 1 >= pass->first && k <= pass->last)
			scratch->near[n++] = pass->satellite;
	}
	return n;
}

static uint32_t serving_at(const struct view *view, uint64_t t_ns, uint32_t n_near)
{
	const struct constellation *con = view->window->con;
	struct track_scratch *scratch = view->scratch;
	double t_s = window_seconds(t_ns);

	for (uint32_t i = 0; i < n_near; i++)
		scratch->near_positions[i] =
		        orbit_position(&con->satellites[scratch->near[i]].orbit, t_s);
	return choose(view, sky_station_position(con, view->station, t_s), n_near);
}

// The moment between two, at which `was` serves no longer, and who does then.
static uint64_t find_event(const struct view *view, uint64_t from_ns, uint64_t to_ns,
        uint32_t n_near, uint32_t was, uint32_t *serving)
{
	while (to_ns - from_ns > TRACK_EVENT_NS) {
		uint64_t middle = from_ns + (to_ns - from_ns) / 2;
		uint32_t then = serving_at(view, middle, n_near);

		if (then == was) {
			from_ns = middle;
		} else {
			to_ns = middle;
			*serving = then;
		}
	}
	return to_ns;
}

// The station's time with one satellite, or with none, up to `to_ns`.
static int add_state(struct station_track *track, const struct view *view, struct stretch *stretch,
        double tolerance_ns)
{
	const struct constellation *con = view->window->con;
	const struct ray ray = {con, view->station,
	        track->serving != CON_NONE ? &con->satellites[track->serving].orbit : NULL};
	const struct curve curve = {ray_delay_ns, &ray, tolerance_ns, view->window->step_ns};

	if (track->serving == CON_NONE || stretch->from_ns == stretch->to_ns)
		return 0;
	stretch->begins = !track->begun;
	track->begun = true;
	stretch->what = CHANGE_PLUG | CHANGE_UP;
	stretch->a_iface = con_gsl_iface(con, view->station);
	stretch->b_iface = con_gs_iface(con, track->serving, view->station);
	return track_stretch(&track->line, &curve, stretch, view->scratch);
}

// The satellite's end of the old link goes; the station's end too, if no satellite follows.
static int add_handover(
        const struct station_track *track, const struct view *view, uint64_t t_ns, uint32_t to)
{
	const struct constellation *con = view->window->con;
	struct changes *changes = &view->scratch->changes;
	struct change change = {.t_ns = t_ns, .to = CON_NONE, .what = CHANGE_UNPLUG};
	int err;

	if (track->serving == CON_NONE)
		return 0;
	change.iface = con_gs_iface(con, track->serving, view->station);
	err = changes_add(changes, &change);
	change.iface = con_gsl_iface(con, view->station);
	return err == 0 && to == CON_NONE ? changes_add(changes, &change) : err;
}

// From one step to the next, at whose end `at_end` serves.
static int advance(struct station_track *track, const struct view *view, uint32_t k,
        uint32_t at_end, struct stretch *stretch, double tolerance_ns)
{
	uint64_t from_ns = window_time_ns(view->window, k);
	uint64_t to_ns = window_time_ns(view->window, k + 1);
	uint32_t n_near = track->serving != at_end ? gather_near(view, k) : 0;
	int err = 0;

	while (track->serving != at_end && err == 0) {
		uint32_t next = at_end;

		from_ns = find_event(view, from_ns, to_ns, n_near, track->serving, &next);
		stretch->to_ns = from_ns;
		stretch->ends = true;
		err = add_state(track, view, stretch, tolerance_ns);
		if (err == 0)
			err = add_handover(track, view, from_ns, next);
		track->serving = next;
		track->begun = false;
		stretch->from_ns = from_ns;
	}
	return err;
}

static int follow(struct station_track *track, const struct view *view, const struct vec3 *grounds,
        double tolerance_ns)
{
	const struct window *window = view->window;
	struct stretch stretch = {.from_ns = window_time_ns(window, 0)};
	int err = 0;

	if (!track->known)
		track->serving = serving_at_step(view, grounds[0], 0);
	track->known = true;
	for (uint32_t k = 0; k < window->n && err == 0; k++)
		err = advance(track, view, k, serving_at_step(view, grounds[k + 1], k + 1),
		        &stretch, tolerance_ns);
	stretch.to_ns = window_time_ns(window, window->n);
	stretch.ends = false;
	return err == 0 ? add_state(track, view, &stretch, tolerance_ns) : err;
}

int track_station(struct station_track *track, uint32_t station, const struct window *window,
        double tolerance_ns, struct track_scratch *scratch)
{
	const struct scenario_station *at = &window->con->scenario->stations[station];
	const struct view view = {window, station, sin(deg_to_rad(at->min_elevation_deg)), scratch};
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
