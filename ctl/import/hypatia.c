/* SPDX-License-Identifier: BSD-3-Clause */
// Hypatia: satellites by their elements, fixed links between them, ground stations, and for each
// step which next hops are used. Delays are not in its files: they are computed here.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "import.h"
#include "line.h"
#include "orbit.h"
#include "scan.h"
#include "simtime.h"
#include "sink.h"
#include "tle.h"
#include "track.h"

#define S_NS 1000000000ull
#define MS_NS 1000000ull
#define STATIONS_MAX 4096
#define SATELLITES_MAX 20000
#define PAIRS_MAX 4000000u // stations x satellites
#define HOPS_MAX 64000000u // nodes x stations
#define ISLS_MAX 1000000u
#define EVENT_NS 1000 // a satellite comes in reach: found to that
#define WINDOW_NS (60 * S_NS)
#define CURVE_STEP_NS (8 * S_NS)
#define DURATION_MAX_S 100000000u

struct station {
	double latitude_rad, longitude_rad, height_km;
};

struct isl {
	uint32_t a, b; // satellites
	uint32_t a_iface, b_iface;
	struct line line;
};

struct gsl { // of a station and a satellite
	uint32_t n_uses; // entries of the forwarding state that go over it
	bool on, begun;
	bool has_ifaces;
	uint64_t since_ns; // covered up to then
	uint32_t station_iface, sat_iface;
	struct line line;
};

struct hypatia {
	struct import *import;
	uint32_t orbits, per_orbit, n_sats, n_stations;
	struct sgp4 *sgp4s;
	struct orbit *sats;
	struct station *stations;
	struct isl *isls;
	size_t n_isls, isls_capacity;
	struct gsl *gsls; // [n_stations * n_sats]
	uint32_t *hops; // [n_nodes * n_stations] node; SINK_NONE: none
	double sidereal0_rad;
	int64_t epoch_ns; // of time 0 of the files
	bool mixed_epochs;
	double reach_km; // of a ground link
	char state[SOURCE_NAME_SIZE]; // folder of forwarding states; empty: there is none
	uint64_t step_ns, state_ns; // between its files; how long it lasts
	uint64_t duration_ns;
	struct track_scratch scratch; // changes of a window
};

static int no_memory(const struct hypatia *h)
{
	return fault_set(h->import->fault, -ENOMEM, "", "import: out of memory");
}

// --- files of the constellation -----------------------------------------------------------------

// "ORBITS SATELLITES"
static int read_shape(struct hypatia *h, const struct text *text)
{
	uint64_t orbits = 0, per_orbit = 0;
	struct scan scan;
	struct span line = {"", 0}, first;

	scan_init(&scan, text, h->import->fault);
	(void)scan_line(&scan, &line);
	(void)span_cut(&line, ' ', &first);
	if (line.at == NULL || span_u64(first, SATELLITES_MAX, &orbits) != 0 ||
	        span_u64(span_trim(line), SATELLITES_MAX, &per_orbit) != 0 || orbits == 0 ||
	        per_orbit == 0 || orbits * per_orbit > SATELLITES_MAX)
		return scan_wrong(&scan,
		        "expected the numbers of orbits and of satellites in each, at most %d in "
		        "all",
		        SATELLITES_MAX);
	h->orbits = (uint32_t)orbits;
	h->per_orbit = (uint32_t)per_orbit;
	h->n_sats = (uint32_t)(orbits * per_orbit);
	// the reader of element sets leaves comments out; lines keep their numbers
	memset(text->data, '#', strcspn(text->data, "\n"));
	return 0;
}

static int place_sat(struct hypatia *h, const struct text *text, const struct tle *tle, uint32_t i)
{
	double start_s = (double)(h->epoch_ns - tle->elements.epoch_ns) * 1e-9;
	struct vec3 position;
	int err = sgp4_init(&h->sgp4s[i], &tle->elements);

	if (err == 0)
		err = sgp4_at(&h->sgp4s[i], start_s / 60, &position, NULL);
	if (err != 0)
		return fault_set(h->import->fault, -EINVAL, "",
		        "%.100s:%u: the satellite is in no orbit at the start", text->name,
		        tle->line);
	orbit_init_sgp4(&h->sats[i], &h->sgp4s[i], start_s);
	h->mixed_epochs |= tle->elements.epoch_ns != h->epoch_ns;
	return 0;
}

static int place_sats(struct hypatia *h, const struct text *text)
{
	struct tle *tles;
	size_t n;
	int err = tle_read_text(text->data, text->name, &tles, &n, h->import->fault);

	if (err != 0)
		return err;
	h->sgp4s = calloc(n, sizeof(*h->sgp4s));
	h->sats = calloc(n, sizeof(*h->sats));
	if (n != h->n_sats)
		err = fault_set(h->import->fault, -EINVAL, "",
		        "%.100s:1: says %u orbits of %u satellites; the file has %zu", text->name,
		        h->orbits, h->per_orbit, n);
	else if (h->sgp4s == NULL || h->sats == NULL)
		err = no_memory(h);
	h->epoch_ns = tles[0].elements.epoch_ns;
	for (uint32_t i = 0; i < n && err == 0; i++)
		err = place_sat(h, text, &tles[i], i);
	free(tles);
	h->sidereal0_rad = simtime_sidereal_rad(h->epoch_ns);
	return err;
}

// Calls `take` with each line of a file.
static int each_line(struct hypatia *h, const char *name,
        int (*take)(struct hypatia *h, const struct scan *scan, struct span line))
{
	struct text text;
	struct scan scan;
	struct span line;
	int err = source_read(h->import->source, name, &text, h->import->fault);

	if (err != 0)
		return err;
	scan_init(&scan, &text, h->import->fault);
	while (err == 0 && scan_line_of_data(&scan, &line))
		err = take(h, &scan, span_trim(line));
	text_fini(&text);
	return err;
}

// "A B"
static int take_isl(struct hypatia *h, const struct scan *scan, struct span line)
{
	uint64_t a = 0, b = 0;
	struct span first;

	(void)span_cut(&line, ' ', &first);
	if (line.at == NULL || span_u64(first, h->n_sats - 1, &a) != 0 ||
	        span_u64(span_trim(line), h->n_sats - 1, &b) != 0 || a == b)
		return scan_wrong(scan, "expected two satellites from 0 to %u", h->n_sats - 1);
	if (h->n_isls == ISLS_MAX)
		return scan_wrong(scan, "more than %u links", ISLS_MAX);
	if (h->n_isls == h->isls_capacity) {
		size_t capacity = h->isls_capacity != 0 ? h->isls_capacity * 2 : 256;
		void *isls = reallocarray(h->isls, capacity, sizeof(*h->isls));

		if (isls == NULL)
			return no_memory(h);
		h->isls = isls;
		h->isls_capacity = capacity;
	}
	h->isls[h->n_isls++] = (struct isl){.a = (uint32_t)a, .b = (uint32_t)b};
	return 0;
}

// "ID,NAME,LATITUDE,LONGITUDE,ELEVATION,X,Y,Z"
static int take_station(struct hypatia *h, const struct scan *scan, struct span line)
{
	struct span parts[8] = {{NULL, 0}};
	double latitude = 0, longitude = 0, height_m = 0;
	uint64_t id = 0;
	uint32_t node;
	size_t n = 0;

	while (n < 8 && span_cut(&line, ',', &parts[n]))
		n++;
	if (n != 8 || line.at != NULL)
		return scan_wrong(scan, "expected id,name,latitude,longitude,elevation,x,y,z");
	if (span_u64(parts[0], STATIONS_MAX - 1, &id) != 0 || id != h->n_stations)
		return scan_wrong(scan, "id: expected %u", h->n_stations);
	if (span_real(parts[2], -90, 90, &latitude) != 0 ||
	        span_real(parts[3], -180, 180, &longitude) != 0 ||
	        span_real(parts[4], -500, 20000, &height_m) != 0)
		return scan_wrong(scan, "expected latitude and longitude in degrees, and metres");
	h->stations[h->n_stations++] =
	        (struct station){deg_to_rad(latitude), deg_to_rad(longitude), height_m / 1000};
	return sink_add_node(h->import->sink, parts[1], &node);
}

static int take_description(struct hypatia *h, const struct scan *scan, struct span line)
{
	double metres = 0;
	struct span key;

	(void)span_cut(&line, '=', &key);
	if (!span_is(key, "max_gsl_length_m"))
		return 0;
	if (line.at == NULL || span_real(span_trim(line), 1, 1e9, &metres) != 0)
		return scan_wrong(scan, "max_gsl_length_m: expected metres");
	h->reach_km = metres / 1000;
	return 0;
}

// "dynamic_state_100ms_for_200s"
static int visit(void *arg, const char *name)
{
	struct hypatia *h = arg;
	struct span rest = {name, strlen(name)}, step, end;
	uint64_t step_ms = 0, state_s = 0;

	if (!span_starts(rest, "dynamic_state_"))
		return 0;
	rest.at += strlen("dynamic_state_");
	rest.len -= strlen("dynamic_state_");
	(void)span_cut(&rest, '_', &step);
	(void)span_cut(&rest, '_', &end);
	if (rest.at == NULL || step.len < 3 || rest.len < 2 || !span_is(end, "for") ||
	        memcmp(step.at + step.len - 2, "ms", 2) != 0 || rest.at[rest.len - 1] != 's' ||
	        span_u64((struct span){step.at, step.len - 2}, 1000000000, &step_ms) != 0 ||
	        span_u64((struct span){rest.at, rest.len - 1}, DURATION_MAX_S, &state_s) != 0 ||
	        step_ms == 0 || state_s == 0)
		return fault_set(h->import->fault, -EINVAL, "",
		        "%.200s: expected a name such as dynamic_state_100ms_for_200s", name);
	if (h->state[0] != '\0')
		return fault_set(h->import->fault, -EINVAL, "",
		        "%.100s: '%.100s' is there too; expected one of them", h->state, name);
	snprintf(h->state, sizeof(h->state), "%s", name);
	h->step_ns = step_ms * MS_NS;
	h->state_ns = state_s * S_NS;
	return 0;
}

// --- delays -------------------------------------------------------------------------------------

struct ends {
	const struct hypatia *h;
	uint32_t a; // satellite
	uint32_t b; // the same, or a station behind the satellites
};

static struct vec3 station_position(const struct hypatia *h, uint32_t station, double t_s)
{
	const struct station *at = &h->stations[station];

	return ground_position_wgs84(at->latitude_rad, at->longitude_rad, at->height_km,
	        h->sidereal0_rad + EARTH_RATE_RAD_S * t_s);
}

static double distance_km(const struct ends *ends, uint64_t t_ns)
{
	const struct hypatia *h = ends->h;
	double t_s = (double)t_ns * 1e-9;
	struct vec3 b = ends->b < h->n_sats ? orbit_position(&h->sats[ends->b], t_s)
	                                    : station_position(h, ends->b - h->n_sats, t_s);

	return vec3_norm(vec3_sub(orbit_position(&h->sats[ends->a], t_s), b));
}

static double curve_ns(const void *arg, uint64_t t_ns)
{
	const struct ends *ends = arg;

	return distance_km(ends, t_ns) / LIGHT_KM_S * 1e9 * ends->h->import->options->delay_scale;
}

static int stretch(
        struct hypatia *h, const struct ends *ends, struct line *line, const struct stretch *part)
{
	const struct curve curve = {curve_ns, ends, COMPILE_TOLERANCE_NS, CURVE_STEP_NS};

	if (track_stretch(line, &curve, part, &h->scratch) != 0)
		return no_memory(h);
	return 0;
}

// --- ground links -------------------------------------------------------------------------------

static struct ends gsl_ends(const struct hypatia *h, const struct gsl *gsl)
{
	size_t i = (size_t)(gsl - h->gsls);

	return (struct ends){h, (uint32_t)(i % h->n_sats), h->n_sats + (uint32_t)(i / h->n_sats)};
}

static int gsl_cover(struct hypatia *h, struct gsl *gsl, uint64_t t_ns, bool ends_here)
{
	const struct ends ends = gsl_ends(h, gsl);
	const struct stretch part = {.from_ns = gsl->since_ns,
	        .to_ns = t_ns,
	        .begins = !gsl->begun,
	        .ends = ends_here,
	        .what = CHANGE_PLUG | CHANGE_UP,
	        .a_iface = gsl->sat_iface,
	        .b_iface = gsl->station_iface};

	gsl->begun = true;
	gsl->since_ns = t_ns;
	return stretch(h, &ends, &gsl->line, &part);
}

static int gsl_on(struct hypatia *h, struct gsl *gsl, uint64_t t_ns)
{
	const struct ends ends = gsl_ends(h, gsl);
	struct sink *sink = h->import->sink;
	int err = 0;

	// nodes have the numbers of Hypatia
	if (!gsl->has_ifaces)
		err = sink_get_iface_to(sink, ends.a, ends.b, 0, &gsl->sat_iface);
	if (err == 0 && !gsl->has_ifaces)
		err = sink_get_iface_to(sink, ends.b, ends.a, 0, &gsl->station_iface);
	gsl->has_ifaces = true;
	gsl->on = true;
	gsl->begun = false;
	gsl->since_ns = t_ns;
	gsl->line = (struct line){.open = false};
	return err;
}

static int gsl_off(struct hypatia *h, struct gsl *gsl, uint64_t t_ns)
{
	const struct change change = {.t_ns = t_ns, .what = CHANGE_UNPLUG};
	int err = 0;

	gsl->on = false;
	if (t_ns > gsl->since_ns)
		err = gsl_cover(h, gsl, t_ns, true);
	if (err == 0 && changes_add_both(&h->scratch.changes, &change, gsl->sat_iface,
	                        gsl->station_iface) != 0)
		err = no_memory(h);
	return err;
}

// A satellite came in reach or went out of it within a step: when, to EVENT_NS, never early.
static uint64_t find_event(
        const struct hypatia *h, const struct ends *ends, uint64_t from_ns, uint64_t to_ns)
{
	bool at_end = distance_km(ends, to_ns) <= h->reach_km;

	while (to_ns - from_ns > EVENT_NS) {
		uint64_t middle_ns = from_ns + (to_ns - from_ns) / 2;

		if ((distance_km(ends, middle_ns) <= h->reach_km) == at_end)
			to_ns = middle_ns;
		else
			from_ns = middle_ns;
	}
	return to_ns;
}

static int look_at(struct hypatia *h, uint64_t t_ns, struct vec3 *places)
{
	double t_s = (double)t_ns * 1e-9;
	int err = 0;

	for (uint32_t i = 0; i < h->n_sats; i++)
		places[i] = orbit_position(&h->sats[i], t_s);
	for (uint32_t s = 0; s < h->n_stations && err == 0; s++) {
		struct vec3 ground = station_position(h, s, t_s);

		for (uint32_t i = 0; i < h->n_sats && err == 0; i++) {
			struct gsl *gsl = &h->gsls[(size_t)s * h->n_sats + i];
			const struct ends ends = {h, i, h->n_sats + s};
			bool on = vec3_norm(vec3_sub(places[i], ground)) <= h->reach_km;
			uint64_t event_ns = t_ns;

			if (on == gsl->on)
				continue;
			if (t_ns > 0)
				event_ns = find_event(h, &ends, t_ns - h->step_ns, t_ns);
			err = on ? gsl_on(h, gsl, event_ns) : gsl_off(h, gsl, event_ns);
		}
	}
	return err;
}

// --- forwarding state ---------------------------------------------------------------------------

// The pair of a station and a satellite that a hop goes over; NULL: it is between satellites.
static struct gsl *gsl_of(struct hypatia *h, uint32_t from, uint32_t to)
{
	if (to == SINK_NONE || (from < h->n_sats) == (to < h->n_sats))
		return NULL;
	return from < h->n_sats ? &h->gsls[(size_t)(to - h->n_sats) * h->n_sats + from]
	                        : &h->gsls[(size_t)(from - h->n_sats) * h->n_sats + to];
}

static void set_hop(struct hypatia *h, uint32_t node, uint32_t station, uint32_t hop)
{
	uint32_t *at = &h->hops[(size_t)node * h->n_stations + station];
	struct gsl *was = gsl_of(h, node, *at), *is = gsl_of(h, node, hop);

	if (was != NULL)
		was->n_uses--;
	if (is != NULL)
		is->n_uses++;
	*at = hop;
}

// "CURRENT,DESTINATION,NEXT,INTERFACE,INTERFACE"; next -1: none
static int take_hop(struct hypatia *h, const struct scan *scan, struct span line)
{
	int64_t last = h->n_sats + h->n_stations - 1, values[5] = {0};
	const int64_t least[5] = {0, h->n_sats, -1, -1, -1};
	struct span part;
	size_t n = 0;

	while (n < 5 && span_cut(&line, ',', &part)) {
		if (span_i64(part, least[n], n < 3 ? last : 1000000, &values[n]) != 0)
			return scan_wrong(scan,
			        "value %zu: expected a whole number from %lld to %lld", n + 1,
			        (long long)least[n], n < 3 ? (long long)last : 1000000ll);
		n++;
	}
	if (n != 5 || line.at != NULL)
		return scan_wrong(scan, "expected current,destination,next,interface,interface");
	if (values[2] >= h->n_sats && values[0] >= h->n_sats)
		return scan_wrong(scan, "a hop from one station to another");
	set_hop(h, (uint32_t)values[0], (uint32_t)values[1] - h->n_sats,
	        values[2] < 0 ? SINK_NONE : (uint32_t)values[2]);
	return 0;
}

static int read_state(struct hypatia *h, uint64_t t_ns)
{
	char name[SOURCE_NAME_SIZE + 48];
	int err;

	snprintf(name, sizeof(name), "%s/fstate_%llu.txt", h->state, (unsigned long long)t_ns);
	err = each_line(h, name, take_hop);
	for (size_t i = 0; i < (size_t)h->n_stations * h->n_sats && err == 0; i++) {
		struct gsl *gsl = &h->gsls[i];

		if ((gsl->n_uses > 0) != gsl->on)
			err = gsl->on ? gsl_off(h, gsl, t_ns) : gsl_on(h, gsl, t_ns);
	}
	return err;
}

// --- windows ------------------------------------------------------------------------------------

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	if (x->iface != y->iface)
		return x->iface < y->iface ? -1 : 1;
	// off, and on again at the same time
	return (int)(x->what & CHANGE_PLUG) - (int)(y->what & CHANGE_PLUG);
}

static int apply(struct hypatia *h, const struct change *change)
{
	struct sink *sink = h->import->sink;
	struct orrery_record *record;
	int err = sink_epoch(sink, change->t_ns);

	if (err != 0)
		return err;
	if ((change->what & CHANGE_UNPLUG) != 0)
		return sink_unplug(sink, change->iface);
	err = sink_link(sink, change->iface, change->to, &record);
	if (err == 0) {
		record->delay_ns = change->piece.delay_ns;
		record->slope_ns_s = change->piece.slope_ns_s;
	}
	return err;
}

// What happens at the very end of a window comes with the next one.
static int apply_before(struct hypatia *h, uint64_t end_ns)
{
	struct changes *changes = &h->scratch.changes;
	size_t i = 0;
	int err = 0;

	if (changes->n > 0)
		qsort(changes->items, changes->n, sizeof(changes->items[0]), compare_changes);
	for (; i < changes->n && changes->items[i].t_ns < end_ns && err == 0; i++)
		err = apply(h, &changes->items[i]);
	changes->n -= i;
	if (changes->n > 0 && i > 0)
		memmove(changes->items, changes->items + i, changes->n * sizeof(changes->items[0]));
	return err;
}

static int cover_isls(struct hypatia *h, uint64_t from_ns, uint64_t to_ns)
{
	int err = 0;

	for (size_t i = 0; i < h->n_isls && err == 0; i++) {
		struct isl *isl = &h->isls[i];
		const struct ends ends = {h, isl->a, isl->b};
		const struct stretch part = {.from_ns = from_ns,
		        .to_ns = to_ns,
		        .begins = from_ns == 0,
		        .what = CHANGE_PLUG | CHANGE_UP,
		        .a_iface = isl->a_iface,
		        .b_iface = isl->b_iface};

		err = stretch(h, &ends, &isl->line, &part);
	}
	return err;
}

static int cover_gsls(struct hypatia *h, uint64_t to_ns)
{
	int err = 0;

	for (size_t i = 0; i < (size_t)h->n_stations * h->n_sats && err == 0; i++) {
		if (h->gsls[i].on && h->gsls[i].since_ns < to_ns)
			err = gsl_cover(h, &h->gsls[i], to_ns, false);
	}
	return err;
}

// Steps from `from_ns` (the first of the file) or behind it to `to_ns`, that one with it unless
// states tell: those hold from their time on.
static int steps(struct hypatia *h, uint64_t from_ns, uint64_t to_ns, struct vec3 *places)
{
	bool states = h->state[0] != '\0';
	uint64_t t_ns = from_ns;
	int err = 0;

	if (!states && from_ns > 0)
		t_ns += h->step_ns;
	for (; err == 0 && (states ? t_ns < to_ns : t_ns <= to_ns); t_ns += h->step_ns) {
		if (!states)
			err = look_at(h, t_ns, places);
		else if (t_ns < h->state_ns)
			err = read_state(h, t_ns);
	}
	return err;
}

static int run_windows(struct hypatia *h)
{
	uint64_t window_ns = (WINDOW_NS + h->step_ns - 1) / h->step_ns * h->step_ns;
	struct vec3 *places = calloc(h->n_sats, sizeof(*places));
	int err = 0;

	if (places == NULL) {
		(void)no_memory(h);
		return -ENOMEM;
	}
	for (uint64_t t_ns = 0; t_ns < h->duration_ns && err == 0; t_ns += window_ns) {
		uint64_t end_ns = t_ns + window_ns;

		err = steps(h, t_ns, end_ns, places);
		if (err == 0)
			err = cover_isls(h, t_ns, end_ns);
		if (err == 0)
			err = cover_gsls(h, end_ns);
		if (err == 0)
			err = apply_before(h, end_ns);
	}
	free(places);
	return err;
}

// --- all ----------------------------------------------------------------------------------------

static int add_sats(struct hypatia *h)
{
	char name[40];
	uint32_t node;
	int err = 0;

	for (uint32_t i = 0; i < h->n_sats && err == 0; i++) {
		snprintf(name, sizeof(name), "sat-%u-%u", i / h->per_orbit, i % h->per_orbit);
		err = sink_add_node(h->import->sink, (struct span){name, strlen(name)}, &node);
	}
	return err;
}

static int add_isl_ifaces(struct hypatia *h)
{
	struct sink *sink = h->import->sink;
	int err = 0;

	for (size_t i = 0; i < h->n_isls && err == 0; i++) {
		struct isl *isl = &h->isls[i];

		// small constellations have two links between a pair
		err = sink_get_iface_to(sink, isl->a, isl->b, (uint32_t)i + 1, &isl->a_iface);
		if (err == 0)
			err = sink_get_iface_to(
			        sink, isl->b, isl->a, (uint32_t)i + 1, &isl->b_iface);
	}
	return err;
}

static int choose_duration(struct hypatia *h)
{
	h->duration_ns = h->import->options->duration_ns;
	if (h->state[0] == '\0') {
		h->step_ns = S_NS;
		if (h->duration_ns == 0)
			return fault_set(h->import->fault, -EINVAL, "duration",
			        "%.200s: expected a folder dynamic_state_..., or --duration",
			        h->import->source->path);
		if (h->reach_km == 0 && h->n_stations > 0)
			return fault_set(h->import->fault, -EINVAL, "",
			        "%.200s: expected dynamic_state_..., or max_gsl_length_m in "
			        "description.txt",
			        h->import->source->path);
	} else if (h->duration_ns == 0) {
		h->duration_ns = h->state_ns;
	}
	return 0;
}

static int make_tables(struct hypatia *h)
{
	size_t n_pairs = (size_t)h->n_stations * h->n_sats;
	size_t n_hops = ((size_t)h->n_sats + h->n_stations) * h->n_stations;

	if (n_pairs > PAIRS_MAX || n_hops > HOPS_MAX)
		return fault_set(h->import->fault, -E2BIG, "",
		        "%.200s: %u stations and %u satellites; expected at most %u pairs",
		        h->import->source->path, h->n_stations, h->n_sats, PAIRS_MAX);
	h->gsls = calloc(n_pairs + 1, sizeof(*h->gsls));
	h->hops = malloc((n_hops + 1) * sizeof(*h->hops));
	if (h->gsls == NULL || h->hops == NULL)
		return no_memory(h);
	memset(h->hops, 0xff, (n_hops + 1) * sizeof(*h->hops)); // SINK_NONE
	return 0;
}

static int read_tles(struct hypatia *h)
{
	struct text text;
	int err = source_read(h->import->source, "tles.txt", &text, h->import->fault);

	if (err != 0)
		return err;
	err = read_shape(h, &text);
	if (err == 0)
		err = place_sats(h, &text);
	text_fini(&text);
	return err;
}

static int begin(struct hypatia *h)
{
	struct ephemeris_info info = {.tolerance_ns = (uint64_t)COMPILE_TOLERANCE_NS};
	int err = 0;

	if (source_has(h->import->source, "description.txt"))
		err = each_line(h, "description.txt", take_description);
	if (err == 0)
		err = source_list(h->import->source, "", visit, h, h->import->fault);
	// whether there are stations is not known yet
	h->n_stations = 1;
	if (err == 0)
		err = choose_duration(h);
	h->n_stations = 0;
	info.duration_ns = h->duration_ns;
	info.step_ns = h->step_ns;
	info.epoch_ns =
	        h->import->options->epoch_ns >= 0 ? h->import->options->epoch_ns : h->epoch_ns;
	return err == 0 ? sink_begin(h->import->sink, &info) : err;
}

static void say_notes(const struct hypatia *h)
{
	struct import *import = h->import;

	import_note(import, "direction", "all links are both directions");
	import_note(import, "delay",
	        "computed: SGP4, chord / c, stations on the ellipsoid WGS 84 "
	        "from latitude, longitude and elevation (x, y, z are not used)");
	import_note(import, "time", "0 is the epoch of the first element set%s",
	        h->mixed_epochs ? "; others have other epochs" : "");
	import_note(import, "nodes", "all are pods; satellite k is sat-(k / %u)-(k %% %u)",
	        h->per_orbit, h->per_orbit);
	if (h->state[0] != '\0')
		import_note(import, "ground",
		        "a station has a link to each satellite that %.60s uses "
		        "from or to it",
		        h->state);
	else
		import_note(import, "ground",
		        "no dynamic_state: a station has a link to each satellite within %g km",
		        h->reach_km);
	import_note(import, "ignored",
	        "rates (gsl_if_bandwidth has no unit): none is limited; routes of fstate");
}

static int run(struct hypatia *h)
{
	int err = read_tles(h);

	if (err == 0)
		err = begin(h);
	h->stations = calloc(STATIONS_MAX, sizeof(*h->stations));
	if (err == 0 && h->stations == NULL)
		err = no_memory(h);
	if (err == 0)
		err = add_sats(h);
	if (err == 0)
		err = each_line(h, "ground_stations.txt", take_station);
	if (err == 0)
		err = each_line(h, "isls.txt", take_isl);
	if (err == 0)
		err = add_isl_ifaces(h);
	if (err == 0)
		err = make_tables(h);
	if (err != 0)
		return err;
	say_notes(h);
	return run_windows(h);
}

int import_hypatia(struct import *import)
{
	struct hypatia h = {.import = import};
	int err;

	if (import->options->interpolate)
		return fault_set(import->fault, -EINVAL, "interpolate",
		        "hypatia: delays are computed: no --interpolate");
	err = run(&h);
	track_scratch_fini(&h.scratch);
	free(h.sgp4s);
	free(h.sats);
	free(h.stations);
	free(h.isls);
	free(h.gsls);
	free(h.hops);
	return err;
}
