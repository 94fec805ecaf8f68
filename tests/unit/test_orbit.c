/* SPDX-License-Identifier: BSD-3-Clause */
// Orbits, stations and what lies between two points; time and sidereal angle.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "orbit.h"
#include "simtime.h"

#define NS_PER_MS 1e6

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.9f, expected %.9f +- %g", value, expected, tolerance);
}

static double deg_of(double rad)
{
	return rad_to_deg(rad);
}

static void test_periods(void **state)
{
	// altitude, period: well-known shells
	static const struct {
		double altitude_km, period_s;
	} rows[] = {{550, 5730}, {630, 5830}, {1200, 6556}, {1015, 6317}, {780, 6018}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_near(orbit_period_s(rows[i].altitude_km), rows[i].period_s, 0.6);
	// A sidereal day at 35,786 km above 6,378 km.
	assert_near(orbit_period_s(42164.17 - EARTH_RADIUS_KM), 86164.1, 0.5);
}

static void test_intra_plane_delays(void **state)
{
	static const struct {
		double altitude_km;
		int slots;
		double delay_ms, tolerance;
	} rows[] = {{550, 22, 6.571, 5e-4}, {630, 34, 4.309, 5e-4}, {1200, 49, 3.236, 5e-4},
	        {1015, 13, 11.79, 5e-3}, {780, 11, 13.44, 5e-3}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct orbit a, b;

		orbit_init(&a, rows[i].altitude_km, 1, 2, 0);
		orbit_init(&b, rows[i].altitude_km, 1, 2, 2 * M_PI / rows[i].slots);
		for (double t = 0; t < 20000; t += 997)
			assert_near(
			        delay_ns(orbit_position(&a, t), orbit_position(&b, t)) / NS_PER_MS,
			        rows[i].delay_ms, rows[i].tolerance);
	}
}

// Least and greatest delay between neighbouring planes over a period.
static void inter_plane(double altitude_km, double inclination_deg, double raan_step_deg,
        double phase_step_deg, double *ret_min_ms, double *ret_max_ms)
{
	double period = orbit_period_s(altitude_km);
	struct orbit a, b;

	orbit_init(&a, altitude_km, deg_to_rad(inclination_deg), 0, 0);
	orbit_init(&b, altitude_km, deg_to_rad(inclination_deg), deg_to_rad(raan_step_deg),
	        deg_to_rad(phase_step_deg));
	*ret_min_ms = INFINITY;
	*ret_max_ms = 0;
	for (int i = 0; i < 20000; i++) {
		double t = period * i / 20000;
		double ms = delay_ns(orbit_position(&a, t), orbit_position(&b, t)) / NS_PER_MS;

		*ret_min_ms = fmin(*ret_min_ms, ms);
		*ret_max_ms = fmax(*ret_max_ms, ms);
	}
}

static void test_inter_plane_delays(void **state)
{
	static const struct {
		double altitude_km, inclination_deg, raan_deg, phase_deg, min_ms, max_ms, tolerance;
	} rows[] = {
	        {550, 53, 5, 0, 1.21, 2.01, 6e-3}, // Starlink, F = 0
	        {550, 53, 5, 360.0 * 17 / 1584, 2.77, 3.20, 6e-3},
	        {550, 53, 5, 360.0 * 39 / 1584, 4.77, 5.04, 6e-3},
	        {630, 51.9, 360.0 / 34, 0, 2.66, 4.31, 6e-3}, // Kuiper
	        {1200, 87.9, 15, 0, 0.242, 6.593, 6e-4}, // OneWeb
	        {1015, 98.98, 360.0 / 27, 0, 0.89, 5.72, 6e-3}, // Telesat
	        {780, 86.4, 30, 0, 0.78, 12.35, 6e-3}, // Iridium
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double min_ms, max_ms;

		inter_plane(rows[i].altitude_km, rows[i].inclination_deg, rows[i].raan_deg,
		        rows[i].phase_deg, &min_ms, &max_ms);
		assert_near(min_ms, rows[i].min_ms, rows[i].tolerance);
		assert_near(max_ms, rows[i].max_ms, rows[i].tolerance);
	}
}

// A satellite at `elevation` from a station: at the central angle that the sine rule gives.
static double ground_delay_ms(double altitude_km, double elevation_deg)
{
	double el = deg_to_rad(elevation_deg);
	double r = EARTH_RADIUS_KM + altitude_km;
	double angle = M_PI / 2 - el - asin(EARTH_RADIUS_KM * cos(el) / r);
	struct vec3 ground = ground_position(0, 0, 0, 0);
	struct vec3 sat = {r * cos(angle), r * sin(angle), 0};

	assert_near(deg_of(elevation_rad(ground, sat)), elevation_deg, 1e-5);
	return delay_ns(ground, sat) / NS_PER_MS;
}

static void test_ground_delays(void **state)
{
	static const struct {
		double altitude_km, elevation_deg, delay_ms, tolerance;
	} rows[] = {{550, 90, 1.835, 6e-4}, {550, 40, 2.709, 6e-4}, {550, 25, 3.747, 6e-4},
	        {630, 90, 2.10, 6e-3}, {630, 40, 3.08, 6e-3}, {630, 25, 4.23, 6e-3},
	        {1200, 90, 4.00, 6e-3}, {1200, 40, 5.65, 6e-3}, {1200, 25, 7.35, 6e-3},
	        {8062, 90, 26.9, 6e-2}, {8062, 40, 31.6, 6e-2}, {8062, 25, 35.1, 6e-2},
	        {35786, 90, 119, 0.5}, {35786, 40, 126, 0.5}, {35786, 25, 130, 0.5}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_near(ground_delay_ms(rows[i].altitude_km, rows[i].elevation_deg),
		        rows[i].delay_ms, rows[i].tolerance);
}

static void test_longest_isl(void **state)
{
	// The ray that touches 80 km at 550 km altitude: 5,014 km, 16.7 ms.
	double r = EARTH_RADIUS_KM + 550;
	double half = sqrt(r * r - (EARTH_RADIUS_KM + 80) * (EARTH_RADIUS_KM + 80));
	struct vec3 a = {EARTH_RADIUS_KM + 80, half, 0};
	struct vec3 b = {EARTH_RADIUS_KM + 80, -half, 0};

	assert_near(ray_height_km(a, b), 80, 1e-9);
	assert_near(2 * half, 5014, 0.6);
	assert_near(delay_ns(a, b) / NS_PER_MS, 16.7, 0.03);
	// Through the Earth, and a ray whose lowest point is one of its ends.
	assert_near(ray_height_km((struct vec3){r, 0, 0}, (struct vec3){-r, 0, 0}),
	        -EARTH_RADIUS_KM, 1e-6);
	assert_near(ray_height_km((struct vec3){r, 0, 0}, (struct vec3){r + 100, 5, 0}), 550, 1e-6);
	assert_near(ray_height_km(a, a), 550, 1e-6);
}

static void test_rates_match_differences(void **state)
{
	struct orbit a, b;
	const double h = 0.05;

	orbit_init(&a, 780, deg_to_rad(86.4), 0, 0.3);
	orbit_init(&b, 780, deg_to_rad(86.4), deg_to_rad(30), 0.6);
	for (double t = 0; t < 6018; t += 41) {
		double rate = delay_rate_ns_s(orbit_position(&a, t), orbit_velocity(&a, t),
		        orbit_position(&b, t), orbit_velocity(&b, t));
		double before = delay_ns(orbit_position(&a, t - h), orbit_position(&b, t - h));
		double after = delay_ns(orbit_position(&a, t + h), orbit_position(&b, t + h));
		struct vec3 g = ground_position(0.9, 0.1, 0, EARTH_RATE_RAD_S * t);
		struct vec3 g0 = ground_position(0.9, 0.1, 0, EARTH_RATE_RAD_S * (t - h));
		struct vec3 g1 = ground_position(0.9, 0.1, 0, EARTH_RATE_RAD_S * (t + h));

		assert_near(rate, (after - before) / (2 * h), 0.5);
		rate = delay_rate_ns_s(
		        g, ground_velocity(g), orbit_position(&a, t), orbit_velocity(&a, t));
		before = delay_ns(g0, orbit_position(&a, t - h));
		after = delay_ns(g1, orbit_position(&a, t + h));
		assert_near(rate, (after - before) / (2 * h), 0.5);
	}
	assert_true(delay_rate_ns_s((struct vec3){1, 0, 0}, (struct vec3){0, 1, 0},
	                    (struct vec3){1, 0, 0}, (struct vec3){0}) == 0);
}

static void test_polar_and_equatorial(void **state)
{
	struct orbit polar, equator;
	double latitude, longitude;
	struct vec3 p;

	orbit_init(&polar, 500, M_PI / 2, 0, 0);
	p = orbit_position(&polar, orbit_period_s(500) / 4);
	sub_point(p, 0, &latitude, &longitude);
	assert_near(deg_of(latitude), 90, 1e-5);
	assert_near(p.z, EARTH_RADIUS_KM + 500, 1e-6);
	orbit_init(&equator, 500, 0, 0, 0);
	for (double t = 0; t < 6000; t += 100)
		assert_near(orbit_position(&equator, t).z, 0, 1e-9);
	// A geostationary satellite stands still over its place, whichever the day.
	orbit_init(&equator, 42164.17 - EARTH_RADIUS_KM, 0, 1.0, 0);
	for (double t = 0; t < 86400; t += 7200) {
		sub_point(orbit_position(&equator, t), EARTH_RATE_RAD_S * t, &latitude, &longitude);
		assert_near(longitude, 1.0, 1e-4);
	}
	// A retrograde orbit goes west.
	orbit_init(&equator, 500, M_PI, 0, 0);
	assert_true(orbit_position(&equator, 10).y < 0);
}

static void test_antimeridian(void **state)
{
	double latitude, longitude;
	struct vec3 east = ground_position(0.2, M_PI - 1e-9, 0, 0.5);
	struct vec3 west = ground_position(0.2, -M_PI + 1e-9, 0, 0.5);

	assert_true(vec3_norm(vec3_sub(east, west)) < 1e-4);
	sub_point(ground_position(0.2, deg_to_rad(179.5), 100, 6.0), 6.0, &latitude, &longitude);
	assert_near(deg_of(longitude), 179.5, 1e-9);
	sub_point(ground_position(0.2, deg_to_rad(-179.5), 100, 6.0), 6.0, &latitude, &longitude);
	assert_near(deg_of(longitude), -179.5, 1e-9);
	assert_near(deg_of(latitude), deg_of(0.2), 1e-9);
	sub_point((struct vec3){-7000, -0.0, 0}, 0, &latitude, &longitude);
	assert_near(fabs(longitude), M_PI, 1e-12);
}

static void test_time_text(void **state)
{
	static const char *const bad[] = {"", "2026-01-01", "2026-01-01T00:00:00",
	        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
	        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
	        "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2026-01-01T00:00:00.Z",
	        "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00Zx", "2026-1-1T0:0:0Z",
	        "+026-01-01T00:00:00Z"};
	char buf[SIMTIME_TEXT_SIZE];
	int64_t ns;

	assert_int_equal(simtime_parse("1970-01-01T00:00:00Z", &ns), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(simtime_parse("2000-02-29T12:34:56.25Z", &ns), 0);
	assert_int_equal(ns, 951827696250000000ll);
	assert_int_equal(simtime_parse("2199-12-31T23:59:59.999999999Z", &ns), 0);
	assert_string_equal(simtime_format(buf, ns), "2199-12-31T23:59:59Z");
	for (int64_t day = 0; day < 84000; day += 13) { // round trip over all years
		int64_t at = (day * 86400 + 86399) * 1000000000ll;

		assert_int_equal(simtime_parse(simtime_format(buf, at), &ns), 0);
		assert_int_equal(ns, at);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(simtime_parse(bad[i], &ns) < 0);
	assert_string_equal(simtime_format_span(buf, 93784000000000ll), "26:03:04");
}

static void test_sidereal(void **state)
{
	int64_t ns;

	// From python3-sgp4: gstime(2461041.5), the IAU 1982 expression.
	assert_int_equal(simtime_parse("2026-01-01T00:00:00Z", &ns), 0);
	assert_near(simtime_sidereal_rad(ns), 1.756863409, 1e-8);
	// D. Vallado, Fundamentals of Astrodynamics, example 3-5: 1992-08-20 12:14, 152.578787810
	// deg.
	assert_int_equal(simtime_parse("1992-08-20T12:14:00Z", &ns), 0);
	assert_near(deg_of(simtime_sidereal_rad(ns)), 152.578787810, 1e-6);
	// From python3-skyfield (IAU 2006): ts.ut1(2026, 1, 1).gmst; they differ by 2 m on the
	// ground.
	assert_int_equal(simtime_parse("2026-01-01T00:00:00Z", &ns), 0);
	assert_near(simtime_sidereal_rad(ns), 1.7568631309, 5e-7);
	// The angle that the rotation rate gives a day later.
	double day = simtime_sidereal_rad(ns + 86400ll * 1000000000) - simtime_sidereal_rad(ns);

	assert_near(day, fmod(EARTH_RATE_RAD_S * 86400, 2 * M_PI), 1e-7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_periods),
	        cmocka_unit_test(test_intra_plane_delays),
	        cmocka_unit_test(test_inter_plane_delays),
	        cmocka_unit_test(test_ground_delays),
	        cmocka_unit_test(test_longest_isl),
	        cmocka_unit_test(test_rates_match_differences),
	        cmocka_unit_test(test_polar_and_equatorial),
	        cmocka_unit_test(test_antimeridian),
	        cmocka_unit_test(test_time_text),
	        cmocka_unit_test(test_sidereal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
