/* SPDX-License-Identifier: BSD-3-Clause */
// A scenario's sky and links for unit tests. One thread.
#pragma once

#include "matrix.h"
#include "scenario.h"

struct sky_world {
	struct scenario scenario;
	struct constellation *con;
	struct sky sky;
	struct matrix matrix;
};

// A delta of 24 x 20 at 800 km and 60 degrees, and a station, with more keys of its links between
// satellites, of the station, and of all.
void sky_world_init(
        struct sky_world *world, const char *isl, const char *station, const char *more);
// Of world->scenario, as the caller has read it.
void sky_world_start(struct sky_world *world);
void sky_world_fini(struct sky_world *world);
void sky_world_at(struct sky_world *world, double t_s);
