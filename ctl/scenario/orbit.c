/* SPDX-License-Identifier: BSD-3-Clause */
// Orbits, a rotating Earth, and the geometry between two points.
#include "orbit.h"

#include <stddef.h>

#include "sgp4.h"

// Only the fraction of a revolution counts; taking it first keeps the angle exact after many of
// them.
static double turn(double rate_rad_s, double t_s)
{
	return fmod(rate_rad_s * t_s, 2 * M_PI);
}

void orbit_init(struct orbit *orbit, double altitude_km, double inclination_rad, double raan_rad,
        double phase_rad)
{
	double r = EARTH_RADIUS_KM + altitude_km;

	*orbit = (struct orbit){.radius_km = r};
	orbit->rate_rad_s = sqrt(EARTH_MU_KM3_S2 / (r * r * r));
	orbit->speed_max_km_s = r * orbit->rate_rad_s;
	orbit->phase_rad = phase_rad;
	orbit->node = (struct vec3){cos(raan_rad), sin(raan_rad), 0};
	orbit->top = (struct vec3){-sin(raan_rad) * cos(inclination_rad),
	        cos(raan_rad) * cos(inclination_rad), sin(inclination_rad)};
}

double orbit_period_s(double altitude_km)
{
	struct orbit orbit;

	orbit_init(&orbit, altitude_km, 0, 0, 0);
	return 2 * M_PI / orbit.rate_rad_s;
}

void orbit_init_sgp4(struct orbit *orbit, const struct sgp4 *sgp4, double start_s)
{
	double axis_km = sgp4->axis * WGS84_RADIUS_KM;
	double e = sgp4->mean.eccentricity;
	double rate = sgp4->mean.mean_motion_rad_min / 60;
	const double margin = 1.01; // periods of J2, the Sun and the Moon

	*orbit = (struct orbit){.radius_km = axis_km * (1 + e) * margin,
	        .rate_rad_s = rate,
	        .speed_max_km_s = axis_km * rate * sqrt((1 + e) / (1 - e)) * margin,
	        .sgp4 = sgp4,
	        .start_min = start_s / 60};
}

static struct vec3 sgp4_place(const struct orbit *orbit, double t_s, struct vec3 *ret_velocity)
{
	struct vec3 position;

	*ret_velocity = (struct vec3){0};
	if (sgp4_at(orbit->sgp4, orbit->start_min + t_s / 60, &position, ret_velocity) != 0)
		return (struct vec3){0};
	return position;
}

static struct vec3 in_plane(const struct orbit *orbit, double along_node, double along_top)
{
	return (struct vec3){
	        along_node * orbit->node.x + along_top * orbit->top.x,
	        along_node * orbit->node.y + along_top * orbit->top.y,
	        along_node * orbit->node.z + along_top * orbit->top.z,
	};
}

struct vec3 orbit_position(const struct orbit *orbit, double t_s)
{
	struct vec3 velocity;
	double u;

	if (orbit->sgp4 != NULL)
		return sgp4_place(orbit, t_s, &velocity);
	u = orbit->phase_rad + turn(orbit->rate_rad_s, t_s);
	return in_plane(orbit, orbit->radius_km * cos(u), orbit->radius_km * sin(u));
}

struct vec3 orbit_velocity(const struct orbit *orbit, double t_s)
{
	struct vec3 velocity;
	double u, speed;

	if (orbit->sgp4 != NULL) {
		(void)sgp4_place(orbit, t_s, &velocity);
		return velocity;
	}
	u = orbit->phase_rad + turn(orbit->rate_rad_s, t_s);
	speed = orbit->radius_km * orbit->rate_rad_s;
	return in_plane(orbit, -speed * sin(u), speed * cos(u));
}

struct vec3 ground_position(
        double latitude_rad, double longitude_rad, double height_km, double sidereal_rad)
{
	double r = EARTH_RADIUS_KM + height_km;
	double angle = longitude_rad + sidereal_rad;

	return (struct vec3){r * cos(latitude_rad) * cos(angle), r * cos(latitude_rad) * sin(angle),
	        r * sin(latitude_rad)};
}

struct vec3 ground_position_wgs84(
        double latitude_rad, double longitude_rad, double height_km, double sidereal_rad)
{
	double sine = sin(latitude_rad);
	double n = WGS84_RADIUS_KM / sqrt(1 - WGS84_E2 * sine * sine);
	double r = (n + height_km) * cos(latitude_rad);
	double angle = longitude_rad + sidereal_rad;

	return (struct vec3){
	        r * cos(angle), r * sin(angle), (n * (1 - WGS84_E2) + height_km) * sine};
}

struct vec3 ground_velocity(struct vec3 position)
{
	return (struct vec3){-EARTH_RATE_RAD_S * position.y, EARTH_RATE_RAD_S * position.x, 0};
}

double delay_ns(struct vec3 a, struct vec3 b)
{
	return vec3_norm(vec3_sub(a, b)) / LIGHT_KM_S * 1e9;
}

double delay_rate_ns_s(struct vec3 a, struct vec3 va, struct vec3 b, struct vec3 vb)
{
	struct vec3 d = vec3_sub(b, a);
	double distance = vec3_norm(d);

	if (distance == 0) // two satellites in one place: the rate has no direction
		return 0;
	return vec3_dot(d, vec3_sub(vb, va)) / distance / LIGHT_KM_S * 1e9;
}

double elevation_rad(struct vec3 ground, struct vec3 target)
{
	struct vec3 d = vec3_sub(target, ground);
	double sine = vec3_dot(d, ground) / (vec3_norm(d) * vec3_norm(ground));

	return asin(fmax(-1, fmin(1, sine)));
}

double ray_height_km(struct vec3 a, struct vec3 b)
{
	struct vec3 d = vec3_sub(b, a);
	double length2 = vec3_dot(d, d);
	double s = length2 > 0 ? -vec3_dot(a, d) / length2 : 0;

	s = fmax(0, fmin(1, s));
	return vec3_norm((struct vec3){a.x + s * d.x, a.y + s * d.y, a.z + s * d.z}) -
	       EARTH_RADIUS_KM;
}

void sub_point(struct vec3 position, double sidereal_rad, double *ret_latitude_rad,
        double *ret_longitude_rad)
{
	double longitude = remainder(atan2(position.y, position.x) - sidereal_rad, 2 * M_PI);

	*ret_latitude_rad = asin(position.z / vec3_norm(position));
	*ret_longitude_rad = longitude <= -M_PI ? M_PI : longitude;
}
