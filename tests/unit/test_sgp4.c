/* SPDX-License-Identifier: BSD-3-Clause */
// SGP4 against python3-sgp4 over its verification satellites: positions within 1 mm, velocities
// within 1 um/s, the same elements refused at the same times. tests/unit/sgp4_golden.py makes the
// figures.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sgp4.h"

struct golden_satellite {
	int number;
	struct sgp4_elements elements;
};

struct golden_state {
	size_t satellite; // index
	double minutes;
	int error; // of python3-sgp4: 0, 1 to 4: no orbit, 6: decayed
	struct vec3 position, velocity;
};

#include "golden/sgp4.inc"

#define N_SATELLITES (sizeof(golden_satellites) / sizeof(golden_satellites[0]))
#define N_STATES (sizeof(golden_states) / sizeof(golden_states[0]))
#define MM 1e-6 // km

static void check_state(const struct sgp4 *sgp4, const struct golden_state *golden)
{
	struct vec3 position = {0}, velocity = {0};
	int err = sgp4_at(sgp4, golden->minutes, &position, &velocity);
	double apart, beside;

	if (err != (golden->error == 0 ? 0 : golden->error == 6 ? -ENOENT : -EDOM))
		fail_msg("%d at %g min: %d, python3-sgp4 has error %d",
		        golden_satellites[golden->satellite].number, golden->minutes, err,
		        golden->error);
	if (err != 0)
		return;
	apart = vec3_norm(vec3_sub(position, golden->position));
	beside = vec3_norm(vec3_sub(velocity, golden->velocity));
	if (!(apart < 1 * MM) || !(beside < 1 * MM / 1000))
		fail_msg("%d at %g min: %g mm and %g um/s beside",
		        golden_satellites[golden->satellite].number, golden->minutes, apart / MM,
		        beside * 1e9);
}

static void test_verification_set(void **state)
{
	size_t n = 0;

	for (size_t i = 0; i < N_SATELLITES; i++) {
		struct sgp4 sgp4;

		assert_int_equal(sgp4_init(&sgp4, &golden_satellites[i].elements), 0);
		for (size_t k = 0; k < N_STATES; k++) {
			if (golden_states[k].satellite != i)
				continue;
			check_state(&sgp4, &golden_states[k]);
			n++;
		}
	}
	assert_int_equal(n, N_STATES);
	assert_true(N_SATELLITES >= 20);
}

// Nothing carries over: the resonant integrator gives the same in any order of times.
static void test_any_order(void **state)
{
	for (size_t i = 0; i < N_SATELLITES; i++) {
		struct sgp4 sgp4;
		struct vec3 first, again, other;

		assert_int_equal(sgp4_init(&sgp4, &golden_satellites[i].elements), 0);
		if (sgp4_at(&sgp4, 900, &first, NULL) != 0)
			continue;
		for (double t = -5000; t < 30000; t += 25000) {
			int err = sgp4_at(&sgp4, t, &other, NULL);

			assert_true(err == 0 || err == -ENOENT || err == -EDOM);
		}
		assert_int_equal(sgp4_at(&sgp4, 900, &again, NULL), 0);
		assert_memory_equal(&first, &again, sizeof(first));
	}
}

// The velocity is the derivative of the position (within the theory's own inconsistency).
static void test_velocity(void **state)
{
	for (size_t i = 0; i < N_SATELLITES; i++) {
		struct sgp4 sgp4;
		struct vec3 before, after, at, velocity, slope;
		const double h = 0.5 / 60;

		assert_int_equal(sgp4_init(&sgp4, &golden_satellites[i].elements), 0);
		if (sgp4_at(&sgp4, 100 - h, &before, NULL) != 0 ||
		        sgp4_at(&sgp4, 100 + h, &after, NULL) != 0)
			continue;
		assert_int_equal(sgp4_at(&sgp4, 100, &at, &velocity), 0);
		slope = vec3_sub(after, before); // over one second
		if (golden_satellites[i].elements.eccentricity < 0.9)
			assert_true(vec3_norm(vec3_sub(slope, velocity)) < 0.02);
	}
}

static void test_refused(void **state)
{
	const struct sgp4_elements good = {.mean_motion_rad_min = 0.066, .eccentricity = 0.001};
	struct sgp4_elements bad;
	struct sgp4 sgp4;
	struct vec3 position = {1, 2, 3};

	assert_int_equal(sgp4_init(&sgp4, &good), 0);
	bad = good;
	bad.eccentricity = 1;
	assert_int_equal(sgp4_init(&sgp4, &bad), -ERANGE);
	bad.eccentricity = -0.1;
	assert_int_equal(sgp4_init(&sgp4, &bad), -ERANGE);
	bad = good;
	bad.mean_motion_rad_min = 0;
	assert_int_equal(sgp4_init(&sgp4, &bad), -ERANGE);
	bad.mean_motion_rad_min = NAN;
	assert_int_equal(sgp4_init(&sgp4, &bad), -ERANGE);
	bad.mean_motion_rad_min = 0.2; // inside the Earth
	assert_int_not_equal(
	        sgp4_init(&sgp4, &bad) == 0 ? sgp4_at(&sgp4, 0, &position, NULL) : -1, 0);
	assert_true(position.x == 1 && position.y == 2 && position.z == 3); // untouched
	bad = good;
	bad.bstar = NAN;
	assert_int_equal(sgp4_init(&sgp4, &bad), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_verification_set),
	        cmocka_unit_test(test_any_order),
	        cmocka_unit_test(test_velocity),
	        cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
