/* SPDX-License-Identifier: BSD-3-Clause */
// The constellation at one moment: where everything is, which links are up, which satellite serves
// each station, and all delays. Pure; what is kept from one time to the next is scratch.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "constellation.h"
#include "service.h"

struct sky {
	const struct constellation *con;
	double t_s; // since the scenario's start
	double sidereal_rad;
	struct vec3 *positions; // [n_nodes]
	bool *isl_up; // [n_isls]
	uint32_t *serving; // [n_antennas] satellite, or CON_NONE
	bool *gsl_up; // [n_antennas] false: in the outage after a change of satellites
	uint32_t *n_links; // [n_satellites] ground links, those in an outage too
	struct service *services; // [n_stations] scratch
};

// 0 or -ENOMEM.
__attribute__((warn_unused_result)) int sky_init(struct sky *sky, const struct constellation *con);
void sky_fini(struct sky *sky);
void sky_compute(struct sky *sky, double t_s);

// The rules by themselves, for who looks between the moments of a sky:
// where a station is at `t_s`;
struct vec3 sky_station_position(const struct constellation *con, uint32_t station, double t_s);
// which way is up there: across the ground, of length 1;
struct vec3 sky_up(const struct constellation *con, struct vec3 ground);
// how high a target is above the horizon;
double sky_elevation_rad(const struct constellation *con, struct vec3 ground, struct vec3 target);
// whether a link between satellites at these two places is possible: height, range, latitude;
bool sky_isl_is_up(const struct constellation *con, const struct con_isl *isl, const struct vec3 *a,
        const struct vec3 *b);
// whether it is up at `t_s`, when its ends are at `a` and `b`: possible, nothing of it failed, and
// both have been so for the time of acquisition.
bool sky_isl_works(const struct constellation *con, uint32_t isl, double t_s, const struct vec3 *a,
        const struct vec3 *b);

// Far end of the link that leaves from `iface` at this moment, or CON_NONE. An ISL has its far end
// also while it is down.
uint32_t sky_far(const struct sky *sky, uint32_t iface);
// The antenna of the ground link that leaves from `iface`, a station's or a satellite's, or
// CON_NONE.
uint32_t sky_antenna(const struct sky *sky, uint32_t iface);
// Whether the link that leaves from `iface` is up.
bool sky_is_up(const struct sky *sky, uint32_t iface);
// Between the nodes of two interfaces, at this moment's positions, in ns.
double sky_delay_ns(const struct sky *sky, uint32_t iface, uint32_t far);
double sky_delay_rate_ns_s(const struct sky *sky, uint32_t iface, uint32_t far);
struct vec3 sky_velocity(const struct sky *sky, uint32_t node);
