/* SPDX-License-Identifier: BSD-3-Clause */
// SGP4: where a satellite is, from the mean elements of a TLE. Near and deep space (periods below
// and from 225 minutes on). Written from the published theory: F. R. Hoots, R. L. Roehrich,
// "Spacetrack Report No. 3" (1980), sections 6 (SGP4) and 8 (SDP4, with the appendices on the
// deep-space terms), with the corrections of D. A. Vallado et al., "Revisiting Spacetrack Report
// #3", AIAA 2006-6753 (2006), sections III and IV. Constants: WGS 72, for which TLEs are made.
// Pure: nothing carries over from one time to the next, any number of threads may share one object.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orbit.h"

// Mean elements of a moment. Angles in radians.
struct sgp4_elements {
	int64_t epoch_ns; // UTC, since 1970
	double mean_motion_rad_min; // Kozai's, as TLEs have it
	double eccentricity;
	double inclination_rad;
	double raan_rad;
	double perigee_rad; // argument of perigee
	double anomaly_rad; // mean anomaly
	double bstar; // drag, per Earth radius
};

// Coefficients of one disturbing body (Sun or Moon).
struct sgp4_body {
	double longitude_rad; // mean longitude in its orbit, at the epoch
	double rate_rad_min;
	double eccentricity;
	// periodic terms: factors of f2, f3 and sin f
	double e2, e3, i2, i3, l2, l3, l4, gh2, gh3, gh4, h2, h3;
	// secular rates a minute
	double e_dot, i_dot, l_dot, gh_dot, h_dot;
};

enum sgp4_resonance { SGP4_FREE, SGP4_DAY, SGP4_HALF_DAY };

struct sgp4_term { // one resonant term: size * sin(m * lambda + k * perigee - angle)
	double size, angle;
	int8_t m, k;
};

#define SGP4_TERMS_MAX 10

struct sgp4_deep {
	struct sgp4_body sun, moon;
	double e_dot, i_dot, m_dot, perigee_dot, node_dot; // of both, per minute
	int resonance; // enum sgp4_resonance
	double sidereal_rad; // at the epoch
	double lambda0_rad, lambda_dot; // resonant longitude; its rate beside the mean motion
	unsigned n_terms;
	struct sgp4_term terms[SGP4_TERMS_MAX];
};

struct sgp4 {
	struct sgp4_elements mean; // with Brouwer's mean motion
	bool is_deep, is_simple; // simple: perigee below 220 km, or deep: fewer drag terms
	double axis; // semi-major axis, Earth radii
	double eta;
	double c1, c4, c5, d2, d3, d4; // drag
	double t2, t3, t4, t5;
	double m_dot, perigee_dot, node_dot;
	double node_t2, perigee_drag, m_drag;
	double cube0, sin_m0; // (1 + eta cos M0)^3, sin M0
	struct sgp4_deep deep;
};

// 0, or -ERANGE: these are not the elements of an orbit that the theory covers.
__attribute__((warn_unused_result)) int sgp4_init(
        struct sgp4 *sgp4, const struct sgp4_elements *elements);
// Position in km and velocity in km/s, true equator and mean equinox (TEME), `minutes` after the
// epoch. `ret_velocity` may be NULL. 0; -EDOM: the mean elements are no ellipse any more; -ENOENT:
// decayed, the satellite would be inside the Earth.
__attribute__((warn_unused_result)) int sgp4_at(const struct sgp4 *sgp4, double minutes,
        struct vec3 *ret_position, struct vec3 *ret_velocity);
