/* SPDX-License-Identifier: BSD-3-Clause */
// Positions of satellites (circular orbits, or SGP4) and of stations on a rotating Earth, and what
// follows from two positions: distance, delay, its rate of change, elevation, height of the ray.
// Pure functions of time; one inertial frame with its z axis through the north pole, kilometres,
// radians, seconds since the scenario's start. Circular orbits are two-body motion
// (docs/scenarios.md); the frame of SGP4 is TEME, which differs from the other by its name only:
// both are turned to the Earth by the same sidereal angle. Polar motion is left out.
#pragma once

#include <math.h>

#define EARTH_MU_KM3_S2 398600.4418 // gravitational parameter, WGS 84
#define EARTH_RADIUS_KM 6371.0 // mean radius: altitudes and stations stand on this sphere
#define EARTH_RATE_RAD_S 7.2921158553e-5 // sidereal rotation, IAU 1982
#define LIGHT_KM_S 299792.458
#define WGS84_RADIUS_KM 6378.137
#define WGS84_E2 6.69437999014e-3

struct vec3 {
	double x, y, z;
};

struct sgp4;

struct orbit {
	double radius_km; // SGP4: greatest distance from the Earth's centre
	double rate_rad_s; // mean motion
	double speed_max_km_s;
	const struct sgp4 *sgp4; // borrowed; NULL: a circle, and the fields below are its own
	double start_min; // SGP4: of time 0 after the elements' epoch
	double phase_rad; // argument of latitude at time 0, counted from the ascending node
	struct vec3 node; // unit vector to the ascending node
	struct vec3 top; // unit vector 90 degrees further along the orbit
};

static inline double deg_to_rad(double deg)
{
	return deg * (M_PI / 180.0);
}

static inline double rad_to_deg(double rad)
{
	return rad * (180.0 / M_PI);
}

static inline struct vec3 vec3_sub(struct vec3 a, struct vec3 b)
{
	return (struct vec3){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline double vec3_dot(struct vec3 a, struct vec3 b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline double vec3_norm(struct vec3 a)
{
	return sqrt(vec3_dot(a, a));
}

void orbit_init(struct orbit *orbit, double altitude_km, double inclination_rad, double raan_rad,
        double phase_rad);
double orbit_period_s(double altitude_km);
// `sgp4` is borrowed; `start_s`: of time 0 after the epoch of its elements.
void orbit_init_sgp4(struct orbit *orbit, const struct sgp4 *sgp4, double start_s);
// The Earth's centre for a satellite that SGP4 has no place for any more (decayed): nothing sees it
// there.
struct vec3 orbit_position(const struct orbit *orbit, double t_s);
struct vec3 orbit_velocity(const struct orbit *orbit, double t_s); // km/s

// A station at `sidereal_rad` (Greenwich sidereal angle of the moment).
struct vec3 ground_position(
        double latitude_rad, double longitude_rad, double height_km, double sidereal_rad);
// The same on the ellipsoid WGS 84, with geographic latitude.
struct vec3 ground_position_wgs84(
        double latitude_rad, double longitude_rad, double height_km, double sidereal_rad);
struct vec3 ground_velocity(struct vec3 position); // of a point that turns with the Earth, km/s

double delay_ns(struct vec3 a, struct vec3 b);
// Rate of change of the delay between two moving points, ns/s.
double delay_rate_ns_s(struct vec3 a, struct vec3 va, struct vec3 b, struct vec3 vb);
// Of `target` above the horizon of `ground`; negative below it.
double elevation_rad(struct vec3 ground, struct vec3 target);
// Lowest point of the straight line between two points, above the sphere; negative: through the
// Earth.
double ray_height_km(struct vec3 a, struct vec3 b);
// Geographic place under a point. Longitude in (-pi, pi].
void sub_point(struct vec3 position, double sidereal_rad, double *ret_latitude_rad,
        double *ret_longitude_rad);
