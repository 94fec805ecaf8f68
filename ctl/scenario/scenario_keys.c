/* SPDX-License-Identifier: BSD-3-Clause */
// The tables. docs/scenarios.md describes each row; a test compares the two.
#include "scenario_keys.h"

#include "scenario.h"

#define SIZE_OF(type, field) sizeof(((type *)0)->field)

static const char *const kinds[] = {"router", "pod", NULL};
static const char *const patterns[] = {"delta", "star", NULL};
static const char *const grids[] = {"+grid", "none", "auto", NULL};
static const char *const earths[] = {"sphere", "wgs84", "auto", NULL};
static const char *const seams[] = {"open", "linked", "auto", NULL};
static const char *const policies[] = {"nearest", "slots", "longest", NULL};
static const char *const handovers[] = {"make-before-break", "break-before-make", NULL};
static const char *const classes[] = {"gsl", "user", NULL};

// AT(field) is the offset of a field of struct scenario_link. The ranges are those of the link
// record (vswitch/api/record.h).
#define LINK_KEYS(AT)                                                                    \
	{"rate", KEY_RATE, .offset = AT(rate_bps), .max = 4.294967295e12},               \
	        {"queue", KEY_SIZE, .offset = AT(queue_bytes), .max = UINT32_MAX},       \
	        {"queue_pkts", KEY_INT, .offset = AT(queue_pkts), .max = UINT32_MAX},    \
	        {"jitter", KEY_SPAN, .offset = AT(jitter_ns), .max = 1},                 \
	        {"jitter_corr", KEY_REAL, .offset = AT(jitter_corr), .max = 0.9999},     \
	        {"loss", KEY_PROBABILITY, .offset = AT(loss)},                           \
	        {"loss_bad", KEY_PROBABILITY, .offset = AT(loss_bad), .preset = "100%"}, \
	        {"good", KEY_SPAN, .offset = AT(good_ns), .max = 4294},                  \
	        {"bad", KEY_SPAN, .offset = AT(bad_ns), .max = 4294},                    \
	        {"duplicate", KEY_PROBABILITY, .offset = AT(duplicate)},                 \
	        {"reorder", KEY_PROBABILITY, .offset = AT(reorder)},                     \
	        {"allow_reorder", KEY_BOOL, .offset = AT(allow_reorder)},                \
	{                                                                                \
		"mtu", KEY_INT, .offset = AT(mtu), .max = 65535                          \
	}

#define IN_LINK(field) offsetof(struct scenario_link, field)
#define IN_ISL(field) offsetof(struct scenario_isl, link.field)
#define IN_GSL(field) offsetof(struct scenario_gsl, both.field)

static const struct key link_keys[] = {
        LINK_KEYS(IN_LINK),
        {.type = KEY_END},
};

static const struct key isl_keys[] = {
        {"grid", KEY_CHOICE, .offset = offsetof(struct scenario_isl, grid), .choices = grids,
                .preset = "auto"},
        {"min_height_km", KEY_REAL, .offset = offsetof(struct scenario_isl, min_height_km),
                .min = 0, .max = 2000, .preset = "80"},
        {"max_latitude_deg", KEY_REAL, .offset = offsetof(struct scenario_isl, max_latitude_deg),
                .min = 0, .max = 90, .preset = "90"},
        {"max_range_km", KEY_REAL, .offset = offsetof(struct scenario_isl, max_range_km),
                .max = 100000},
        {"seam", KEY_CHOICE, .offset = offsetof(struct scenario_isl, seam), .choices = seams,
                .preset = "auto"},
        {"acquisition", KEY_SPAN, .offset = offsetof(struct scenario_isl, acquisition_ns),
                .max = 600},
        LINK_KEYS(IN_ISL),
        {.type = KEY_END},
};

static const struct key gsl_keys[] = {
        LINK_KEYS(IN_GSL),
        {"uplink", KEY_GROUP, .offset = offsetof(struct scenario_gsl, uplink), .keys = link_keys,
                .inherits = true, .from = offsetof(struct scenario_gsl, both),
                .size = SIZE_OF(struct scenario_gsl, both)},
        {"downlink", KEY_GROUP, .offset = offsetof(struct scenario_gsl, downlink),
                .keys = link_keys, .inherits = true, .from = offsetof(struct scenario_gsl, both),
                .size = SIZE_OF(struct scenario_gsl, both)},
        {.type = KEY_END},
};

static const struct key beam_keys[] = {
        {"capacity", KEY_RATE, .offset = offsetof(struct scenario_beam, capacity_bps),
                .max = 4.294967295e12},
        {.type = KEY_END},
};

#define WALKER .required = true, .unless = "tle"
#define WALKER_ONLY WALKER, .not_with = "tle"
#define IN_SHELL(field) .offset = offsetof(struct scenario_shell, field)

static const struct key shell_keys[] = {
        {"name", KEY_NAME, IN_SHELL(name), .size = SIZE_OF(struct scenario_shell, name),
                .preset = "sat"},
        {"tle", KEY_PATH, IN_SHELL(tle), .size = SIZE_OF(struct scenario_shell, tle)},
        {"planes", KEY_INT, WALKER, IN_SHELL(planes), .min = 1, .max = 9999},
        {"satellites_per_plane", KEY_INT, WALKER, IN_SHELL(satellites), .min = 1, .max = 9999},
        {"altitude_km", KEY_REAL, WALKER_ONLY, IN_SHELL(altitude_km), .min = 160, .max = 50000},
        {"inclination_deg", KEY_REAL, WALKER_ONLY, IN_SHELL(inclination_deg), .min = 0, .max = 180},
        {"phase", KEY_INT, IN_SHELL(phase), .min = 0, .max = 9998},
        {"pattern", KEY_CHOICE, WALKER, IN_SHELL(pattern), .choices = patterns},
        {"arc_deg", KEY_REAL, .not_with = "tle", IN_SHELL(arc_deg), .min = 0, .max = 360},
        {"raan_deg", KEY_REAL, .not_with = "tle", IN_SHELL(raan_deg), .min = -360, .max = 360},
        {"anomaly_deg", KEY_REAL, .not_with = "tle", IN_SHELL(anomaly_deg), .min = -360,
                .max = 360},
        {"kind", KEY_CHOICE, IN_SHELL(kind), .choices = kinds, .preset = "router"},
        {"isl", KEY_GROUP, IN_SHELL(isl), .keys = isl_keys},
        {"beam", KEY_GROUP, IN_SHELL(beam), .keys = beam_keys},
        {.type = KEY_END},
};

#define IN_STATION(field) .offset = offsetof(struct scenario_station, field)

static const struct key station_keys[] = {
        {"name", KEY_NAME, .required = true, IN_STATION(name),
                .size = SIZE_OF(struct scenario_station, name)},
        {"latitude_deg", KEY_REAL, .required = true, IN_STATION(latitude_deg), .min = -90,
                .max = 90},
        {"longitude_deg", KEY_REAL, .required = true, IN_STATION(longitude_deg), .min = -180,
                .max = 180},
        {"height_m", KEY_REAL, IN_STATION(height_m), .min = -500, .max = 20000},
        {"min_elevation_deg", KEY_REAL, IN_STATION(min_elevation_deg), .min = 0, .max = 89.9,
                .preset = "10"},
        {"antennas", KEY_INT, IN_STATION(antennas), .min = 1, .max = SCENARIO_ANTENNAS_MAX,
                .preset = "1"},
        {"policy", KEY_CHOICE, IN_STATION(policy), .choices = policies, .preset = "nearest"},
        {"handover", KEY_CHOICE, IN_STATION(handover), .choices = handovers,
                .preset = "make-before-break"},
        {"outage", KEY_SPAN, IN_STATION(outage_ns), .max = 15},
        {"class", KEY_CHOICE, IN_STATION(class), .choices = classes, .preset = "gsl"},
        {"kind", KEY_CHOICE, IN_STATION(kind), .choices = kinds, .preset = "router"},
        {"prefix", KEY_PREFIX, IN_STATION(prefix),
                .size_offset = offsetof(struct scenario_station, prefix_len), .min = 8, .max = 126},
        {.type = KEY_END},
};

#define IN_FAILURE(field) .offset = offsetof(struct scenario_failure, field)

static const struct key failure_keys[] = {
        {"node", KEY_NAME, IN_FAILURE(node), .size = SIZE_OF(struct scenario_failure, node)},
        {"link", KEY_PATH, IN_FAILURE(link), .size = SIZE_OF(struct scenario_failure, link)},
        {"shell", KEY_NAME, IN_FAILURE(shell), .size = SIZE_OF(struct scenario_failure, shell)},
        {"plane", KEY_INT, IN_FAILURE(plane), .max = 9998, .preset = "-1"},
        {"latitude_deg", KEY_REAL, IN_FAILURE(latitude_deg), .min = -90, .max = 90},
        {"longitude_deg", KEY_REAL, IN_FAILURE(longitude_deg), .min = -180, .max = 180},
        {"radius_km", KEY_REAL, IN_FAILURE(radius_km), .min = 1, .max = 20000},
        {"from", KEY_SPAN, IN_FAILURE(from_ns), .max = 3.2e8},
        {"until", KEY_SPAN, IN_FAILURE(until_ns), .max = 3.2e8},
        {.type = KEY_END},
};

static const struct key address_keys[] = {
        {"prefix", KEY_PREFIX, .offset = offsetof(struct scenario, prefix),
                .size_offset = offsetof(struct scenario, prefix_len), .min = 8, .max = 48,
                .preset = "fd00::/48"},
        {.type = KEY_END},
};

const struct key scenario_keys[] = {
        {"name", KEY_NAME, .required = true, .offset = offsetof(struct scenario, name),
                .size = SIZE_OF(struct scenario, name)},
        {"epoch", KEY_TIME, .required = true, .offset = offsetof(struct scenario, epoch_ns)},
        {"duration", KEY_SPAN, .offset = offsetof(struct scenario, duration_ns), .max = 3.2e8},
        {"step", KEY_SPAN, .offset = offsetof(struct scenario, step_ns), .min = 0.01, .max = 5,
                .preset = "1s"},
        {"max_error", KEY_SPAN, .offset = offsetof(struct scenario, max_error_ns), .min = 1e-7,
                .max = 0.1, .preset = "2us"},
        {"earth", KEY_CHOICE, .offset = offsetof(struct scenario, earth), .choices = earths,
                .preset = "auto"},
        {"addresses", KEY_GROUP, .offset = 0, .keys = address_keys},
        {"shells", KEY_LIST, .required = true, .offset = offsetof(struct scenario, shells),
                .size_offset = offsetof(struct scenario, n_shells),
                .size = sizeof(struct scenario_shell), .min = 1, .max = SCENARIO_SHELLS_MAX,
                .keys = shell_keys},
        {"gsl", KEY_GROUP, .offset = offsetof(struct scenario, gsl), .keys = gsl_keys},
        {"user", KEY_GROUP, .offset = offsetof(struct scenario, user), .keys = gsl_keys},
        {"failures", KEY_LIST, .offset = offsetof(struct scenario, failures),
                .size_offset = offsetof(struct scenario, n_failures),
                .size = sizeof(struct scenario_failure), .max = SCENARIO_FAILURES_MAX,
                .keys = failure_keys},
        {"ground_stations", KEY_LIST, .offset = offsetof(struct scenario, stations),
                .size_offset = offsetof(struct scenario, n_stations),
                .size = sizeof(struct scenario_station), .max = SCENARIO_STATIONS_MAX,
                .keys = station_keys},
        {.type = KEY_END},
};
