/* SPDX-License-Identifier: BSD-3-Clause */
// Positions of satellites on circular orbits and of stations on a rotating sphere, and what follows
// from two positions: distance, delay, its rate of change, elevation, height of the ray. Pure
// functions of time; one inertial frame with its z axis through the north pole, kilometres,
// radians, seconds since the scenario's start. Two-body motion: no oblateness, no drag
// (docs/scenarios.md).
#pragma once

#include <math.h>

#define EARTH_MU_KM3_S2 398600.4418 // gravitational parameter, WGS 84
#define EARTH_RADIUS_KM 6371.0 // mean radius: altitudes and stations stand on this sphere
#define EARTH_RATE_RAD_S 7.2921158553e-5 // sidereal rotation, IAU 1982
#define LIGHT_KM_S 299792.458

struct vec3 {
	double x, y, z;
};

struct orbit {
	double radius_km;
	double rate_rad_s; // mean motion
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
struct vec3 orbit_position(const struct orbit *orbit, double t_s);
struct vec3 orbit_velocity(const struct orbit *orbit, double t_s); // km/s

// A station at `sidereal_rad` (Greenwich sidereal angle of the moment).
struct vec3 ground_position(
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
