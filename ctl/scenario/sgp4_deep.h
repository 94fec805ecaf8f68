/* SPDX-License-Identifier: BSD-3-Clause */
// The deep-space half of SGP4: Sun, Moon and resonances with the Earth's rotation. Private to
// sgp4.c.
#pragma once

#include "sgp4.h"

#define SGP4_MU_KM3_S2 398600.8 // WGS 72
#define SGP4_EARTH_KM 6378.135
#define SGP4_J2 0.001082616
#define SGP4_J3 (-0.00000253881)
#define SGP4_J4 (-0.00000165597)

// Elements while they are being carried to a time. Angles in radians.
struct sgp4_state {
	double motion; // rad/min
	double e, i, node, perigee, m;
};

double sgp4_ke(void); // sqrt(mu) in Earth radii^1.5 a minute

void sgp4_deep_init(struct sgp4 *sgp4);
void sgp4_deep_secular(const struct sgp4 *sgp4, double minutes, struct sgp4_state *state);
void sgp4_deep_periodic(const struct sgp4 *sgp4, double minutes, struct sgp4_state *state);
