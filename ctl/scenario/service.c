/* SPDX-License-Identifier: BSD-3-Clause */
// Policies of ground stations.
#include "service.h"

#include <errno.h>
#include <stdlib.h>

#include "failure.h"
#include "sky.h"

#define STEP_NS 1000000000ll
#define BUCKETS 1024 // steps that a satellite can be put off
#define SETS_AHEAD_NS (86400 * STEP_NS) // who stays longer stays for ever
#define SETS_STEP_NS 100000000ll // at least
#define WALK_NS (60 * STEP_NS) // longer ways are jumped over

// A satellite that may be above the least elevation before the step's end.
struct near {
	uint32_t satellite;
	bool visible; // at the time looked at: above it, and not failed
	double clearance_km; // how far inside the cone of the least elevation
	double distance_km;
	int64_t sets_ns; // 0: not computed
};

struct choice { // best first
	uint32_t n;
	uint32_t satellites[SCENARIO_ANTENNAS_MAX];
	bool works[SCENARIO_ANTENNAS_MAX]; // the antenna
	uint32_t n_work;
};

struct slot {
	int64_t start_ns;
	uint32_t n;
	uint32_t satellites[SCENARIO_ANTENNAS_MAX]; // nearest first
};

struct service_scratch {
	double sine; // of the least elevation
	bool begun;
	int64_t step_end_ns; // `near` holds until then
	int64_t looked_ns; // `near` says how things are then; INT64_MIN: at no time
	uint32_t n_near;
	struct near *near; // [n_satellites]
	// the others, by the step in which they may come near
	uint32_t *next; // [n_satellites]
	uint32_t first[BUCKETS];
	struct slot slots[2]; // chosen last
	unsigned n_slots; // of all time
};

int service_init(struct service *service, const struct constellation *con, uint32_t station)
{
	const struct scenario_station *rules = &con->scenario->stations[station];
	size_t n = (size_t)con->n_satellites + 1;
	struct service_scratch *scratch = calloc(1, sizeof(*scratch));

	*service = (struct service){.con = con,
	        .station = station,
	        .n_antennas = con_n_antennas(con, station),
	        .scratch = scratch};
	if (scratch == NULL)
		return -ENOMEM;
	scratch->sine = sin(deg_to_rad(rules->min_elevation_deg));
	scratch->near = calloc(n, sizeof(*scratch->near));
	scratch->next = calloc(n, sizeof(*scratch->next));
	if (scratch->near != NULL && scratch->next != NULL)
		return 0;
	service_fini(service);
	return -ENOMEM;
}

void service_fini(struct service *service)
{
	if (service->scratch != NULL) {
		free(service->scratch->near);
		free(service->scratch->next);
	}
	free(service->scratch);
	*service = (struct service){0};
}

static double seconds(int64_t t_ns)
{
	return (double)t_ns * 1e-9;
}

static const struct scenario_station *rules_of(const struct service *service)
{
	return &service->con->scenario->stations[service->station];
}

static int64_t floor_to(int64_t t_ns, int64_t unit_ns)
{
	int64_t over_ns = t_ns % unit_ns;

	return t_ns - over_ns - (over_ns < 0 ? unit_ns : 0);
}

int64_t service_slot_start_ns(const struct constellation *con, int64_t t_ns)
{
	int64_t phase_ns = SERVICE_SLOT_PHASE_NS - con->scenario->epoch_ns;

	return floor_to(t_ns - phase_ns, SERVICE_SLOT_NS) + phase_ns;
}

struct place { // of the station, at a moment
	struct vec3 at, up;
	double t_s;
};

static struct place place_at(const struct service *service, int64_t t_ns)
{
	struct place place = {.t_s = seconds(t_ns)};

	place.at = sky_station_position(service->con, service->station, place.t_s);
	place.up = sky_up(service->con, place.at);
	return place;
}

// Clearance is the rise minus sine times distance: it changes no faster than twice the speed of the
// satellite against the turning Earth.
static struct near look_at(
        const struct service *service, const struct place *place, uint32_t satellite)
{
	const struct constellation *con = service->con;
	struct vec3 position = orbit_position(&con->satellites[satellite].orbit, place->t_s);
	struct vec3 d = vec3_sub(position, place->at);
	double distance_km = vec3_norm(d);
	double clearance_km = vec3_dot(d, place->up) - service->scratch->sine * distance_km;
	bool visible = clearance_km >= 0 &&
	               !failure_of_node(con, satellite, &position, place->t_s, place->t_s);

	return (struct near){satellite, visible, clearance_km, distance_km, 0};
}

static double clearance_speed_km_s(const struct service *service, uint32_t satellite)
{
	const struct orbit *orbit = &service->con->satellites[satellite].orbit;

	return 2 * (orbit->speed_max_km_s + orbit->radius_km * EARTH_RATE_RAD_S);
}

// Near, or put off to the step before which it cannot come near.
static void sort_in(
        struct service *service, const struct place *place, int64_t step, uint32_t satellite)
{
	struct service_scratch *scratch = service->scratch;
	struct near near = look_at(service, place, satellite);
	double away_s = -near.clearance_km / clearance_speed_km_s(service, satellite);
	double ahead = floor(place->t_s + away_s) - (double)step; // steps
	int64_t bucket;

	if (place->t_s + away_s <= seconds(scratch->step_end_ns)) {
		scratch->near[scratch->n_near++] = near;
		return;
	}
	ahead = fmax(1, fmin(ahead, BUCKETS - 1));
	bucket = (step + (int64_t)ahead) % BUCKETS;
	bucket += bucket < 0 ? BUCKETS : 0;
	scratch->next[satellite] = scratch->first[bucket];
	scratch->first[bucket] = satellite;
}

// Of the step that begins now.
static void gather_near(struct service *service)
{
	struct service_scratch *scratch = service->scratch;
	const struct place place = place_at(service, service->t_ns);
	int64_t step = floor_to(service->t_ns, STEP_NS) / STEP_NS;
	int64_t bucket = (step % BUCKETS + BUCKETS) % BUCKETS;
	uint32_t n = scratch->n_near, satellite = scratch->first[bucket], next;

	scratch->step_end_ns = (step + 1) * STEP_NS;
	scratch->first[bucket] = CON_NONE;
	scratch->n_near = 0;
	// in place: none is added before it was read
	for (uint32_t i = 0; i < n; i++)
		sort_in(service, &place, step, scratch->near[i].satellite);
	for (; satellite != CON_NONE; satellite = next) {
		next = scratch->next[satellite];
		sort_in(service, &place, step, satellite);
	}
	scratch->looked_ns = service->t_ns;
}

static void look(struct service *service, int64_t t_ns)
{
	struct service_scratch *scratch = service->scratch;
	const struct place place = place_at(service, t_ns);

	if (scratch->looked_ns == t_ns)
		return;
	for (uint32_t i = 0; i < scratch->n_near; i++) {
		int64_t sets_ns = scratch->near[i].sets_ns;

		scratch->near[i] = look_at(service, &place, scratch->near[i].satellite);
		scratch->near[i].sets_ns = sets_ns;
	}
	scratch->looked_ns = t_ns;
}

static bool has(const uint32_t *satellites, uint32_t n, uint32_t satellite)
{
	for (uint32_t i = 0; i < n; i++) {
		if (satellites[i] == satellite)
			return true;
	}
	return false;
}

static bool is_nearer(const struct near *a, const struct near *b)
{
	return a->distance_km != b->distance_km ? a->distance_km < b->distance_km
	                                        : a->satellite < b->satellite;
}

// Adds the best of those that are visible and not in yet, up to `n` in all. `may` NULL: all may.
static uint32_t add_best(const struct service *service, uint32_t *satellites, uint32_t n_in,
        uint32_t n, bool (*is_better)(const struct near *, const struct near *),
        bool (*may)(const struct service *, const struct near *))
{
	const struct service_scratch *scratch = service->scratch;

	while (n_in < n) {
		const struct near *best = NULL;

		for (uint32_t i = 0; i < scratch->n_near; i++) {
			const struct near *near = &scratch->near[i];

			if (near->visible && (best == NULL || is_better(near, best)) &&
			        !has(satellites, n_in, near->satellite) &&
			        (may == NULL || may(service, near)))
				best = near;
		}
		if (best == NULL)
			break;
		satellites[n_in++] = best->satellite;
	}
	return n_in;
}

// True for a satellite that is visible at the end of the slot that begins when `near` was looked
// at.
static bool stays(const struct service *service, const struct near *near)
{
	const struct place place = place_at(service, service->scratch->looked_ns + SERVICE_SLOT_NS);

	return look_at(service, &place, near->satellite).visible;
}

// The nearest of the satellites that are in sight at both ends of the slot; what is lacking, of
// those at its start.
static const struct slot *slot_at(struct service *service, int64_t t_ns)
{
	struct service_scratch *scratch = service->scratch;
	int64_t start_ns = service_slot_start_ns(service->con, t_ns);
	struct slot *slot;

	for (unsigned i = 0; i < 2 && i < scratch->n_slots; i++) {
		if (scratch->slots[i].start_ns == start_ns)
			return &scratch->slots[i];
	}
	slot = &scratch->slots[scratch->n_slots++ % 2];
	slot->start_ns = start_ns;
	look(service, start_ns); // which is now: each slot's start is looked at
	slot->n = add_best(service, slot->satellites, 0, service->n_antennas, is_nearer, stays);
	slot->n =
	        add_best(service, slot->satellites, slot->n, service->n_antennas, is_nearer, NULL);
	return slot;
}

static bool sees(const struct service *service, uint32_t satellite)
{
	const struct service_scratch *scratch = service->scratch;

	for (uint32_t i = 0; i < scratch->n_near; i++) {
		if (scratch->near[i].satellite == satellite)
			return scratch->near[i].visible;
	}
	return false;
}

static void choose_for_slot(struct service *service, int64_t t_ns, struct choice *choice)
{
	const struct slot *slot = slot_at(service, t_ns);

	look(service, t_ns);
	for (uint32_t i = 0; i < slot->n && choice->n < choice->n_work; i++) {
		if (sees(service, slot->satellites[i])) // it has not set, or failed, since
			choice->satellites[choice->n++] = slot->satellites[i];
	}
}

static double clearance_at_km(const struct service *service, uint32_t satellite, int64_t t_ns)
{
	const struct place place = place_at(service, t_ns);

	return look_at(service, &place, satellite).clearance_km;
}

// When a satellite that is above the least elevation at `t_ns` goes below it, failures left out:
// the whole microsecond, which does not depend on `t_ns`.
static int64_t find_set(const struct service *service, uint32_t satellite, int64_t t_ns)
{
	double speed_km_s = clearance_speed_km_s(service, satellite);
	int64_t end_ns = t_ns + SETS_AHEAD_NS, before, after;
	double clearance_km = clearance_at_km(service, satellite, t_ns);

	for (before = t_ns; clearance_km >= 0 && t_ns < end_ns;) {
		int64_t least_ns = (int64_t)(clearance_km / speed_km_s * 1e9); // not before

		before = t_ns;
		t_ns += least_ns > SETS_STEP_NS ? least_ns : SETS_STEP_NS;
		clearance_km = clearance_at_km(service, satellite, t_ns);
	}
	if (clearance_km >= 0)
		return INT64_MAX;
	before = floor_to(before, SERVICE_EVENT_NS) / SERVICE_EVENT_NS;
	after = floor_to(t_ns - 1, SERVICE_EVENT_NS) / SERVICE_EVENT_NS + 1;
	while (after - before > 1) {
		int64_t middle = before + (after - before) / 2;

		if (clearance_at_km(service, satellite, middle * SERVICE_EVENT_NS) >= 0)
			before = middle;
		else
			after = middle;
	}
	return after * SERVICE_EVENT_NS;
}

static bool stays_longer(const struct near *a, const struct near *b)
{
	return a->sets_ns != b->sets_ns ? a->sets_ns > b->sets_ns : is_nearer(a, b);
}

// An antenna keeps its satellite; a free one takes that which will stay longest.
static void choose_longest(struct service *service, int64_t t_ns, struct choice *choice)
{
	struct service_scratch *scratch = service->scratch;

	look(service, t_ns);
	for (uint32_t i = 0; i < service->n_antennas; i++) {
		uint32_t satellite = service->antennas[i].satellite;

		if (satellite != CON_NONE && choice->works[i] && sees(service, satellite))
			choice->satellites[choice->n++] = satellite;
	}
	for (uint32_t i = 0; i < scratch->n_near && choice->n < choice->n_work; i++) {
		struct near *near = &scratch->near[i];

		if (near->visible && near->sets_ns == 0 &&
		        !has(choice->satellites, choice->n, near->satellite))
			near->sets_ns = find_set(service, near->satellite, t_ns);
	}
	choice->n = add_best(
	        service, choice->satellites, choice->n, choice->n_work, stays_longer, NULL);
}

static void find_working(const struct service *service, int64_t t_ns, struct choice *choice)
{
	const struct constellation *con = service->con;
	double t_s = seconds(t_ns);
	struct vec3 at;

	*choice = (struct choice){.n = 0};
	if (con->scenario->n_failures > 0) {
		at = sky_station_position(con, service->station, t_s);
		if (failure_of_node(con, con_station_node(con, service->station), &at, t_s, t_s))
			return;
	}
	for (uint32_t i = 0; i < service->n_antennas; i++) {
		choice->works[i] =
		        con->scenario->n_failures == 0 ||
		        !failure_of_ground_link(con, con->first_antenna[service->station] + i, t_s);
		choice->n_work += choice->works[i];
	}
}

// The satellites that the station should have at `t_ns`, given those that it has.
static void choose(struct service *service, int64_t t_ns, struct choice *choice)
{
	find_working(service, t_ns, choice);
	if (rules_of(service)->policy == SCENARIO_SLOTS) {
		choose_for_slot(service, t_ns, choice);
		return;
	}
	if (rules_of(service)->policy == SCENARIO_LONGEST) {
		choose_longest(service, t_ns, choice);
		return;
	}
	look(service, t_ns);
	choice->n =
	        add_best(service, choice->satellites, choice->n, choice->n_work, is_nearer, NULL);
}

// True if no antenna has to do anything.
static bool is_content(const struct service *service, const struct choice *choice)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < service->n_antennas; i++) {
		uint32_t satellite = service->antennas[i].satellite;

		if (satellite == CON_NONE)
			continue;
		if (!choice->works[i] || !has(choice->satellites, choice->n, satellite))
			return false;
		n++;
	}
	return n == choice->n;
}

static uint32_t free_antenna(const struct service *service, const struct choice *choice)
{
	uint32_t i = 0;

	while (!choice->works[i] || service->antennas[i].satellite != CON_NONE)
		i++; // there is one: no more are chosen than work
	return i;
}

// A satellite that stays among the chosen keeps its antenna.
static void assign(struct service *service, const struct choice *choice, int64_t since_ns)
{
	uint32_t held[SCENARIO_ANTENNAS_MAX], n_held = 0;

	for (uint32_t i = 0; i < service->n_antennas; i++) {
		struct service_antenna *antenna = &service->antennas[i];

		if (antenna->satellite == CON_NONE)
			continue;
		if (choice->works[i] && has(choice->satellites, choice->n, antenna->satellite))
			held[n_held++] = antenna->satellite;
		else
			*antenna = (struct service_antenna){CON_NONE, since_ns};
	}
	for (uint32_t i = 0; i < choice->n; i++) {
		if (!has(held, n_held, choice->satellites[i]))
			service->antennas[free_antenna(service, choice)] =
			        (struct service_antenna){choice->satellites[i], since_ns};
	}
}

static void begin(struct service *service, int64_t t_ns)
{
	struct service_scratch *scratch = service->scratch;
	const struct place place = place_at(service, t_ns);
	int64_t step = floor_to(t_ns, STEP_NS) / STEP_NS;
	struct choice choice;

	service->t_ns = t_ns;
	scratch->begun = true;
	scratch->step_end_ns = (step + 1) * STEP_NS;
	scratch->n_near = 0;
	scratch->n_slots = 0;
	for (unsigned i = 0; i < BUCKETS; i++)
		scratch->first[i] = CON_NONE;
	for (uint32_t i = 0; i < service->con->n_satellites; i++)
		sort_in(service, &place, step, i);
	scratch->looked_ns = t_ns;
	for (uint32_t i = 0; i < service->n_antennas; i++)
		service->antennas[i] = (struct service_antenna){CON_NONE, SERVICE_ALWAYS};
	choose(service, t_ns, &choice);
	assign(service, &choice, SERVICE_ALWAYS);
}

// True if it matters who served before.
static bool remembers(const struct service *service)
{
	return service->n_antennas > 1 || rules_of(service)->policy == SCENARIO_LONGEST;
}

// Where a walk to `t_ns` begins, so that all is known there that matters.
static int64_t begin_before(const struct service *service, int64_t t_ns)
{
	if (!remembers(service))
		t_ns -= rules_of(service)->outage_ns;
	else if (t_ns > 0)
		t_ns = 0;
	if (rules_of(service)->policy == SCENARIO_SLOTS)
		return service_slot_start_ns(service->con, t_ns);
	return t_ns;
}

// The next time to look at: the step's end, or before it a failure's edge, a slot's start or
// `to_ns`.
static int64_t next_look_ns(const struct service *service, int64_t to_ns)
{
	if (to_ns > service->scratch->step_end_ns)
		to_ns = service->scratch->step_end_ns;
	if (rules_of(service)->policy == SCENARIO_SLOTS) {
		int64_t slot_ns =
		        service_slot_start_ns(service->con, service->t_ns) + SERVICE_SLOT_NS;

		to_ns = slot_ns < to_ns ? slot_ns : to_ns;
	}
	return failure_next_ns(service->con, service->t_ns, to_ns);
}

// The first whole microsecond at which the antennas must change, behind now and before `to_ns`, or
// else that; with the choice of that moment. Which one it is does not depend on where the walk
// began.
static int64_t find_change(struct service *service, int64_t to_ns, struct choice *choice)
{
	int64_t before = floor_to(service->t_ns, SERVICE_EVENT_NS) / SERVICE_EVENT_NS;
	int64_t after = floor_to(to_ns - 1, SERVICE_EVENT_NS) / SERVICE_EVENT_NS + 1;

	while (after - before > 1) {
		int64_t middle = before + (after - before) / 2;
		struct choice then;

		choose(service, middle * SERVICE_EVENT_NS, &then);
		if (is_content(service, &then)) {
			before = middle;
		} else {
			after = middle;
			*choice = then;
		}
	}
	return after * SERVICE_EVENT_NS < to_ns ? after * SERVICE_EVENT_NS : to_ns;
}

bool service_advance(struct service *service, int64_t to_ns)
{
	while (service->t_ns < to_ns) {
		struct choice choice;
		int64_t look_ns;

		if (service->t_ns >= service->scratch->step_end_ns)
			gather_near(service);
		look_ns = next_look_ns(service, to_ns);
		choose(service, look_ns, &choice);
		if (is_content(service, &choice)) {
			service->t_ns = look_ns;
			continue;
		}
		service->t_ns = find_change(service, look_ns, &choice);
		assign(service, &choice, service->t_ns);
		return true;
	}
	return false;
}

void service_seek(struct service *service, int64_t t_ns)
{
	if (!service->scratch->begun || t_ns < service->t_ns ||
	        (t_ns > service->t_ns + WALK_NS && !remembers(service)))
		begin(service, begin_before(service, t_ns));
	while (service_advance(service, t_ns))
		;
}

int64_t service_up_ns(const struct service *service, uint32_t antenna)
{
	const struct service_antenna *at = &service->antennas[antenna];

	return at->since_ns != SERVICE_ALWAYS ? at->since_ns + rules_of(service)->outage_ns
	                                      : SERVICE_ALWAYS;
}

bool service_is_up(const struct service *service, uint32_t antenna)
{
	return service->antennas[antenna].satellite == CON_NONE ||
	       service_up_ns(service, antenna) <= service->t_ns;
}
