/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario as a person wrote it, read from its file (docs/scenarios.md) and checked: shells,
// ground stations, link defaults, address plan. Says what should be there, not where anything is at
// a time. Thread: the caller's own object; read-only after it was read.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define SCENARIO_NAME_SIZE 64
#define SCENARIO_SHELL_NAME_SIZE 32
#define SCENARIO_STATION_NAME_SIZE 13 // "gs-<name>" is an interface name
#define SCENARIO_SHELLS_MAX 16
#define SCENARIO_STATIONS_MAX 4096
#define SCENARIO_ANTENNAS_MAX 16 // of a station
#define SCENARIO_SATELLITES_MAX 20000 // of all shells
#define SCENARIO_PATH_SIZE 256
#define SCENARIO_FAILURES_MAX 4096
#define SCENARIO_REF_SIZE 64
#define SCENARIO_TLE_AGE_MAX_S (366 * 86400.0) // between an element set and the scenario's start
#define SCENARIO_GROUND_LINKS_MAX 1000000 // satellites x stations: an interface each

enum scenario_kind { SCENARIO_ROUTER, SCENARIO_POD };
enum scenario_pattern { SCENARIO_DELTA, SCENARIO_STAR };
// AUTO: as if the default had been written out; no value of a checked scenario
enum scenario_grid { SCENARIO_GRID_PLUS, SCENARIO_GRID_NONE, SCENARIO_GRID_AUTO };
enum scenario_earth { SCENARIO_SPHERE, SCENARIO_WGS84, SCENARIO_EARTH_AUTO };
enum scenario_seam { SCENARIO_SEAM_OPEN, SCENARIO_SEAM_LINKED, SCENARIO_SEAM_AUTO };
enum scenario_policy { SCENARIO_NEAREST, SCENARIO_SLOTS, SCENARIO_LONGEST };
enum scenario_handover { SCENARIO_MAKE_FIRST, SCENARIO_BREAK_FIRST };
enum scenario_class { SCENARIO_CLASS_GSL, SCENARIO_CLASS_USER };

// What a link has besides its ends and its delay. Units and ranges as in struct orrery_record.
struct scenario_link {
	uint64_t rate_bps; // 0: unlimited
	uint64_t queue_bytes;
	int64_t queue_pkts;
	int64_t jitter_ns;
	double jitter_corr;
	double loss;
	double loss_bad;
	int64_t good_ns; // 0: no Gilbert-Elliott
	int64_t bad_ns;
	double duplicate;
	double reorder;
	bool allow_reorder;
	int64_t mtu;
};

struct scenario_isl {
	int grid; // enum scenario_grid
	double min_height_km;
	double max_latitude_deg; // links between planes are down poleward of it
	double max_range_km; // longer links are down; 0: no limit
	int seam; // enum scenario_seam: links between the last plane and the first
	int64_t acquisition_ns; // a link that becomes possible comes up that much later
	struct scenario_link link;
};

// What all ground links of one satellite share, in each direction.
struct scenario_beam {
	uint64_t capacity_bps; // 0: unlimited
};

struct tle;

struct scenario_shell {
	char name[SCENARIO_SHELL_NAME_SIZE];
	char tle[SCENARIO_PATH_SIZE]; // file of element sets; empty: a Walker shell
	struct tle *tles; // [planes * satellites], plane by plane
	bool numbered; // element sets without planes: one plane, names by catalog number
	int64_t planes;
	int64_t satellites; // a plane
	double altitude_km; // of element sets: of the lowest perigee
	double inclination_deg;
	int64_t phase; // Walker's F
	int pattern; // enum scenario_pattern
	double arc_deg; // 0: from the pattern
	double raan_deg;
	double anomaly_deg;
	int kind; // enum scenario_kind
	struct scenario_isl isl;
	struct scenario_beam beam;
};

struct scenario_gsl {
	struct scenario_link both; // what the file says of both directions; use the two below
	struct scenario_link uplink; // from the station
	struct scenario_link downlink; // from the satellite
};

struct scenario_station {
	char name[SCENARIO_STATION_NAME_SIZE];
	double latitude_deg;
	double longitude_deg;
	double height_m;
	double min_elevation_deg;
	int64_t antennas; // satellites that it is linked to at once
	int policy; // enum scenario_policy
	int handover; // enum scenario_handover
	int64_t outage_ns; // the link is down that long after a change of satellite; 0 with
	                   // MAKE_FIRST
	int class; // enum scenario_class: which link parameters
	int kind; // enum scenario_kind
	uint8_t prefix[16];
	int64_t prefix_len; // 0: from the plan
};

// Exactly one of node, link, shell (with plane) and radius_km says what fails.
struct scenario_failure {
	char node[SCENARIO_REF_SIZE];
	char link[SCENARIO_REF_SIZE]; // an interface of it
	char shell[SCENARIO_SHELL_NAME_SIZE];
	int64_t plane; // -1: not given
	double latitude_deg, longitude_deg; // middle of a region
	double radius_km; // along the ground; 0: no region
	int64_t from_ns, until_ns; // since the start; until 0: for good
	char file[SCENARIO_REF_SIZE]; // where it stands; a longer name is cut
	unsigned line;
};

struct scenario {
	char name[SCENARIO_NAME_SIZE];
	int64_t epoch_ns; // UTC, since 1970
	int64_t duration_ns; // 0: no end
	int64_t step_ns;
	int64_t max_error_ns;
	int earth; // enum scenario_earth: where stations stand
	uint8_t prefix[16];
	int64_t prefix_len;
	size_t n_shells;
	struct scenario_shell *shells;
	struct scenario_gsl gsl;
	struct scenario_gsl user;
	size_t n_stations;
	struct scenario_station *stations;
	size_t n_failures;
	struct scenario_failure *failures;
};

// Reads and checks a file, or text that is called `name` in messages. 0, or a negative errno with
// "FILE:LINE: key 'x': ..." in the fault and the key in its field. The caller frees with
// scenario_free.
__attribute__((warn_unused_result)) int scenario_read_file(
        const char *path, struct scenario *ret_scenario, struct fault *fault);
__attribute__((warn_unused_result)) int scenario_read_text(
        const char *text, const char *name, struct scenario *ret_scenario, struct fault *fault);
void scenario_free(struct scenario *scenario);

// Calls `visit` with each key that a file may have, as "shells.isl.rate". For the test of the
// manual.
void scenario_visit_keys(void (*visit)(const char *path, void *arg), void *arg);
