/* SPDX-License-Identifier: BSD-3-Clause */
// A station's links to the sky: which satellite serves each antenna, from when to when.
#include <errno.h>
#include <stdlib.h>

#include "sky.h"
#include "track.h"

struct course {
	struct antenna_track *track;
	const struct window *window;
	uint32_t station, antenna;
	double tolerance_ns;
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

// The antenna's time in one state.
static int add_state(const struct course *course, struct stretch *stretch)
{
	const struct constellation *con = course->window->con;
	struct antenna_track *track = course->track;
	const struct ray ray = {
	        con, course->station, &con->satellites[track->turn.satellite].orbit};
	const struct curve curve = {
	        ray_delay_ns, &ray, course->tolerance_ns, course->window->step_ns};
	struct change down = {.t_ns = stretch->from_ns, .what = CHANGE_DOWN};
	int err = 0;

	stretch->begins = !track->begun;
	stretch->what = track->plugged ? CHANGE_UP : CHANGE_PLUG | CHANGE_UP;
	stretch->a_iface = con_gsl_iface(con, course->station, course->antenna);
	stretch->b_iface = con_gs_iface(con, track->turn.satellite, course->station);
	if (track->turn.up_ns <= stretch->from_ns) {
		err = track_stretch(&track->line, &curve, stretch, course->scratch);
	} else if (stretch->begins) {
		if (!track->plugged) { // with the delay that it would have
			down.what |= CHANGE_PLUG | CHANGE_LINE;
			down.piece.delay_ns = (uint32_t)ray_delay_ns(&ray, stretch->from_ns);
		}
		err = changes_add_both(
		        &course->scratch->changes, &down, stretch->a_iface, stretch->b_iface);
	}
	track->plugged = track->begun = true;
	return err;
}

// One satellite's time, or what the window has of it. `ends`: at `to_ns`, else the window ends.
static int add_time(const struct course *course, uint64_t from_ns, uint64_t to_ns, bool ends)
{
	struct antenna_track *track = course->track;
	uint64_t up_ns = track->turn.up_ns;
	struct stretch stretch = {.from_ns = from_ns, .to_ns = to_ns, .ends = ends};
	int err = 0;

	if (track->turn.satellite == CON_NONE || from_ns == to_ns)
		return 0;
	if (up_ns > from_ns && up_ns < to_ns) { // the outage ends in it
		stretch.to_ns = up_ns;
		stretch.ends = true;
		err = add_state(course, &stretch);
		stretch = (struct stretch){.from_ns = up_ns, .to_ns = to_ns, .ends = ends};
	}
	if (up_ns == stretch.from_ns)
		track->begun = false;
	return err == 0 ? add_state(course, &stretch) : err;
}

// The satellite's end of the old link goes; the station's end too, if no satellite follows.
static int add_handover(const struct course *course, const struct turn *turn)
{
	const struct constellation *con = course->window->con;
	struct antenna_track *track = course->track;
	struct changes *changes = &course->scratch->changes;
	struct change change = {.t_ns = turn->t_ns, .to = CON_NONE, .what = CHANGE_UNPLUG};
	int err = 0;

	if (track->plugged) {
		change.iface = con_gs_iface(con, track->turn.satellite, course->station);
		if (!turn->moves)
			err = changes_add(changes, &change);
		change.iface = con_gsl_iface(con, course->station, course->antenna);
		if (err == 0 && turn->satellite == CON_NONE)
			err = changes_add(changes, &change);
	}
	track->turn = *turn;
	track->plugged = track->begun = false;
	return err;
}

static int add_turn(struct track_scratch *scratch, const struct turn *turn)
{
	if (scratch->n_turns == scratch->turns_capacity) {
		size_t n = scratch->turns_capacity != 0 ? scratch->turns_capacity * 2 : 256;
		struct turn *turns = reallocarray(scratch->turns, n, sizeof(*turns));

		if (turns == NULL)
			return -ENOMEM;
		scratch->turns = turns;
		scratch->turns_capacity = n;
	}
	scratch->turns[scratch->n_turns++] = *turn;
	return 0;
}

static struct turn turn_of(const struct service *service, uint32_t antenna)
{
	int64_t up_ns = service_up_ns(service, antenna);

	return (struct turn){.t_ns = (uint64_t)service->t_ns,
	        .up_ns = up_ns > 0 ? (uint64_t)up_ns : 0,
	        .antenna = antenna,
	        .satellite = service->antennas[antenna].satellite};
}

static bool has_satellite(const struct service *service, uint32_t satellite)
{
	for (uint32_t i = 0; i < service->n_antennas; i++) {
		if (service->antennas[i].satellite == satellite)
			return true;
	}
	return false;
}

// All changes of antennas to the window's end, in their order.
static int find_turns(struct station_track *track, uint64_t to_ns, struct track_scratch *scratch)
{
	struct service *service = &track->service;
	uint32_t was[SCENARIO_ANTENNAS_MAX] = {0};
	int err = 0;

	scratch->n_turns = 0;
	for (uint32_t i = 0; i < service->n_antennas; i++)
		was[i] = service->antennas[i].satellite;
	while (err == 0 && service_advance(service, (int64_t)to_ns)) {
		for (uint32_t i = 0; i < service->n_antennas && err == 0; i++) {
			struct turn turn = turn_of(service, i);

			if (turn.satellite == was[i])
				continue;
			turn.moves = has_satellite(service, was[i]);
			was[i] = turn.satellite;
			err = add_turn(scratch, &turn);
		}
	}
	return err;
}

static int follow(const struct course *course)
{
	const struct window *window = course->window;
	uint64_t from_ns = window_time_ns(window, 0);
	int err = 0;

	for (size_t i = 0; i < course->scratch->n_turns && err == 0; i++) {
		const struct turn *turn = &course->scratch->turns[i];

		if (turn->antenna != course->antenna)
			continue;
		err = add_time(course, from_ns, turn->t_ns, true);
		if (err == 0)
			err = add_handover(course, turn);
		from_ns = turn->t_ns;
	}
	return err == 0 ? add_time(course, from_ns, window_time_ns(window, window->n), false) : err;
}

static int begin(struct station_track *track, const struct window *window, uint32_t station)
{
	int err = service_init(&track->service, window->con, station);

	if (err != 0)
		return err;
	track->known = true;
	service_seek(&track->service, (int64_t)window_time_ns(window, 0));
	for (uint32_t i = 0; i < track->service.n_antennas; i++)
		track->antennas[i].turn = turn_of(&track->service, i);
	return 0;
}

int track_station(struct station_track *track, uint32_t station, const struct window *window,
        double tolerance_ns, struct track_scratch *scratch)
{
	int err = track->known ? 0 : begin(track, window, station);

	if (err == 0)
		err = find_turns(track, window_time_ns(window, window->n), scratch);
	for (uint32_t i = 0; i < track->service.n_antennas && err == 0; i++) {
		const struct course course = {
		        &track->antennas[i], window, station, i, tolerance_ns, scratch};

		err = follow(&course);
	}
	return err;
}

void station_track_fini(struct station_track *track)
{
	service_fini(&track->service);
}
