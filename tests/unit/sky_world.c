/* SPDX-License-Identifier: BSD-3-Clause */
#include "sky_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

void sky_world_start(struct sky_world *world)
{
	struct fault fault = {0};

	if (con_create(&world->scenario, &world->con, &fault) != 0)
		fail_msg("%s", fault.message);
	assert_int_equal(sky_init(&world->sky, world->con), 0);
	assert_int_equal(matrix_init(&world->matrix, world->con), 0);
}

void sky_world_init(struct sky_world *world, const char *isl, const char *station, const char *more)
{
	struct fault fault = {0};
	char text[2048];

	snprintf(text, sizeof(text),
	        "name = \"t\"; epoch = \"2026-01-01T00:00:00Z\"; shells: ({ planes = 24;"
	        "satellites_per_plane = 20; altitude_km = 800; inclination_deg = 60;"
	        "pattern = \"delta\"; phase = 5; isl: { %s }; });"
	        "ground_stations: ({ name = \"a\"; latitude_deg = 30; longitude_deg = 20; %s });"
	        "%s",
	        isl, station, more);
	if (scenario_read_text(text, "t", &world->scenario, &fault) != 0)
		fail_msg("%s", fault.message);
	sky_world_start(world);
}

void sky_world_fini(struct sky_world *world)
{
	matrix_fini(&world->matrix);
	sky_fini(&world->sky);
	con_destroy(world->con);
	scenario_free(&world->scenario);
}

void sky_world_at(struct sky_world *world, double t_s)
{
	sky_compute(&world->sky, t_s);
	matrix_compute(&world->matrix, &world->sky, &world->sky);
}
