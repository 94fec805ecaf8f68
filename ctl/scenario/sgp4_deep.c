/* SPDX-License-Identifier: BSD-3-Clause */
// Deep space: Sun and Moon as disturbing bodies (the same formulas with other numbers), and the
// resonances of orbits of one day and of half a day. Spacetrack Report No. 3, section 8 and its
// deep-space equations; AIAA 2006-6753, section III.
#include "sgp4_deep.h"

#include "simtime.h"

#define TWO_PI (2 * M_PI)
#define EARTH_TURN_RAD_MIN 4.37526908801129966e-3
#define SUN_ECCENTRICITY 0.01675
#define SUN_RATE 1.19459e-5
#define SUN_MASS 2.9864797e-6
#define MOON_ECCENTRICITY 0.05490
#define MOON_RATE 1.5835218e-4
#define MOON_MASS 4.7968065e-7
#define DAYS_1900_TO_UNIX 25567.5 // 1899-12-31 12:00 to 1970
#define DAY_NS 86400000000000.0
#define FLAT_RAD 5.2359877e-2 // 3 degrees: the node's secular rate is left out
#define LYDDANE_RAD 0.2 // below it, node and perigee are corrected together
#define STEP_MIN 720.0

// Where the disturbing body's orbit lies.
struct body_plane {
	double cos_g, sin_g; // argument of perigee
	double cos_i, sin_i;
	double cos_h, sin_h; // node, counted from the satellite's
	double mass;
};

struct frame { // the satellite's orbit
	double e, e2, beta2, beta;
	double cos_i, sin_i, cos_w, sin_w;
	double motion;
};

// The Z of the report (Z1..Z33 with two indices), as needed later.
struct zeta {
	double z1, z2, z3, z11, z12, z13, z21, z22, z23, z31, z32, z33;
	double s5, s6, s7;
};

static void set_zeta(const struct frame *f, const struct body_plane *b, struct zeta *z)
{
	double a1 = b->cos_g * b->cos_h + b->sin_g * b->cos_i * b->sin_h;
	double a3 = -b->sin_g * b->cos_h + b->cos_g * b->cos_i * b->sin_h;
	double a7 = -b->cos_g * b->sin_h + b->sin_g * b->cos_i * b->cos_h;
	double a8 = b->sin_g * b->sin_i;
	double a9 = b->sin_g * b->sin_h + b->cos_g * b->cos_i * b->cos_h;
	double a10 = b->cos_g * b->sin_i;
	double a2 = f->cos_i * a7 + f->sin_i * a8;
	double a4 = f->cos_i * a9 + f->sin_i * a10;
	double a5 = -f->sin_i * a7 + f->cos_i * a8;
	double a6 = -f->sin_i * a9 + f->cos_i * a10;
	double x1 = a1 * f->cos_w + a2 * f->sin_w, x2 = a3 * f->cos_w + a4 * f->sin_w;
	double x3 = -a1 * f->sin_w + a2 * f->cos_w, x4 = -a3 * f->sin_w + a4 * f->cos_w;
	double x5 = a5 * f->sin_w, x6 = a6 * f->sin_w, x7 = a5 * f->cos_w, x8 = a6 * f->cos_w;
	double e2 = f->e2;

	z->z31 = 12 * x1 * x1 - 3 * x3 * x3;
	z->z32 = 24 * x1 * x2 - 6 * x3 * x4;
	z->z33 = 12 * x2 * x2 - 3 * x4 * x4;
	z->z1 = 2 * (3 * (a1 * a1 + a2 * a2) + z->z31 * e2) + f->beta2 * z->z31;
	z->z2 = 2 * (6 * (a1 * a3 + a2 * a4) + z->z32 * e2) + f->beta2 * z->z32;
	z->z3 = 2 * (3 * (a3 * a3 + a4 * a4) + z->z33 * e2) + f->beta2 * z->z33;
	z->z11 = -6 * a1 * a5 + e2 * (-24 * x1 * x7 - 6 * x3 * x5);
	z->z12 = -6 * (a1 * a6 + a3 * a5) +
	         e2 * (-24 * (x2 * x7 + x1 * x8) - 6 * (x3 * x6 + x4 * x5));
	z->z13 = -6 * a3 * a6 + e2 * (-24 * x2 * x8 - 6 * x4 * x6);
	z->z21 = 6 * a2 * a5 + e2 * (24 * x1 * x5 - 6 * x3 * x7);
	z->z22 =
	        6 * (a4 * a5 + a2 * a6) + e2 * (24 * (x2 * x5 + x1 * x6) - 6 * (x4 * x7 + x3 * x8));
	z->z23 = 6 * a4 * a6 + e2 * (24 * x2 * x6 - 6 * x4 * x8);
	z->s5 = x1 * x3 + x2 * x4;
	z->s6 = x2 * x3 + x1 * x4;
	z->s7 = x2 * x4 - x1 * x3;
}

// Periodic and secular coefficients of one body, from the geometry of both orbits.
static void set_body(struct sgp4_body *body, const struct frame *f, const struct body_plane *plane)
{
	struct zeta z;
	double s3 = plane->mass / f->motion;
	double s2 = -0.5 * s3 / f->beta;
	double s4 = s3 * f->beta;
	double s1 = -15 * f->e * s4;
	double rate = body->rate_rad_min, eccentricity = body->eccentricity;

	set_zeta(f, plane, &z);
	body->e2 = 2 * s1 * z.s6;
	body->e3 = 2 * s1 * z.s7;
	body->i2 = 2 * s2 * z.z12;
	body->i3 = 2 * s2 * (z.z13 - z.z11);
	body->l2 = -2 * s3 * z.z2;
	body->l3 = -2 * s3 * (z.z3 - z.z1);
	body->l4 = -2 * s3 * (-21 - 9 * f->e2) * eccentricity;
	body->gh2 = 2 * s4 * z.z32;
	body->gh3 = 2 * s4 * (z.z33 - z.z31);
	body->gh4 = -18 * s4 * eccentricity;
	body->h2 = -2 * s2 * z.z22;
	body->h3 = -2 * s2 * (z.z23 - z.z21);
	body->e_dot = s1 * rate * z.s5;
	body->i_dot = s2 * rate * (z.z11 + z.z13);
	body->l_dot = -rate * s3 * (z.z1 + z.z3 - 14 - 6 * f->e2);
	body->gh_dot = s4 * rate * (z.z31 + z.z33 - 6);
	body->h_dot = -rate * s2 * (z.z21 + z.z23);
}

static void set_sun(struct sgp4_body *sun, const struct frame *f, double raan_rad, double day)
{
	// the Sun's perigee and the obliquity of the ecliptic
	const struct body_plane plane = {0.1945905, -0.98088458, 0.91744867, 0.39785416,
	        cos(raan_rad), sin(raan_rad), SUN_MASS};

	sun->longitude_rad = fmod(6.2565837 + 0.017201977 * day, TWO_PI);
	sun->rate_rad_min = SUN_RATE;
	sun->eccentricity = SUN_ECCENTRICITY;
	set_body(sun, f, &plane);
}

static void set_moon(struct sgp4_body *moon, const struct frame *f, double raan_rad, double day)
{
	// the Moon's node on the ecliptic turns in 18.6 years
	double node = fmod(4.5236020 - 9.2422029e-4 * day, TWO_PI);
	double sn = sin(node), cn = cos(node);
	double cos_i = 0.91375164 - 0.03568096 * cn;
	double sin_i = sqrt(1 - cos_i * cos_i);
	double sin_h = 0.089683511 * sn / sin_i;
	double cos_h = sqrt(1 - sin_h * sin_h);
	double c = 5.8351514 + 0.0019443680 * day;
	double g = c - node + atan2(0.39785416 * sn / sin_i, cos_h * cn + 0.91744867 * sin_h * sn);
	struct body_plane plane = {cos(g), sin(g), cos_i, sin_i,
	        cos_h * cos(raan_rad) + sin_h * sin(raan_rad),
	        sin(raan_rad) * cos_h - cos(raan_rad) * sin_h, MOON_MASS};

	moon->longitude_rad = fmod(4.7199672 + 0.22997150 * day - c, TWO_PI);
	moon->rate_rad_min = MOON_RATE;
	moon->eccentricity = MOON_ECCENTRICITY;
	set_body(moon, f, &plane);
}

static void set_secular(struct sgp4 *sgp4, const struct frame *f)
{
	struct sgp4_deep *deep = &sgp4->deep;
	double i = sgp4->mean.inclination_rad;
	double gh = deep->sun.gh_dot + deep->moon.gh_dot;
	double h = deep->sun.h_dot + deep->moon.h_dot;

	if (i < FLAT_RAD || i > M_PI - FLAT_RAD)
		h = 0;
	if (f->sin_i != 0)
		h /= f->sin_i;
	deep->e_dot = deep->sun.e_dot + deep->moon.e_dot;
	deep->i_dot = deep->sun.i_dot + deep->moon.i_dot;
	deep->m_dot = deep->sun.l_dot + deep->moon.l_dot;
	deep->perigee_dot = gh - f->cos_i * h;
	deep->node_dot = h;
}

static void add_term(struct sgp4_deep *deep, double size, double angle, int m, int k)
{
	deep->terms[deep->n_terms++] = (struct sgp4_term){size, angle, (int8_t)m, (int8_t)k};
}

// Orbits of a day: resonance with the terms (3,1), (2,2), (3,3) of the Earth's field.
static void set_day(struct sgp4 *sgp4, const struct frame *f, double inverse_axis)
{
	struct sgp4_deep *deep = &sgp4->deep;
	double e2 = f->e2, c = 1 + f->cos_i;
	double g200 = 1 + e2 * (-2.5 + 0.8125 * e2);
	double g310 = 1 + 2 * e2;
	double g300 = 1 + e2 * (-6 + 6.60937 * e2);
	double f220 = 0.75 * c * c;
	double f311 = 0.9375 * f->sin_i * f->sin_i * (1 + 3 * f->cos_i) - 0.75 * c;
	double f330 = 1.875 * c * c * c;
	double k = 3 * f->motion * f->motion * inverse_axis * inverse_axis;

	add_term(deep, k * f311 * g310 * 2.1460748e-6 * inverse_axis, 0.13130908, 1, 0);
	add_term(deep, 2 * k * f220 * g200 * 1.7891679e-6, 2 * 2.8843198, 2, 0);
	add_term(deep, 3 * k * f330 * g300 * 2.2123015e-7 * inverse_axis, 3 * 0.37448087, 3, 0);
	deep->lambda0_rad = fmod(sgp4->mean.anomaly_rad + sgp4->mean.raan_rad +
	                                 sgp4->mean.perigee_rad - deep->sidereal_rad,
	        TWO_PI);
	deep->lambda_dot = sgp4->m_dot + sgp4->perigee_dot + sgp4->node_dot - EARTH_TURN_RAD_MIN +
	                   deep->m_dot + deep->perigee_dot + deep->node_dot - f->motion;
}

// Cubic in the eccentricity.
static double poly(const double k[4], double e)
{
	return k[0] + e * (k[1] + e * (k[2] + e * k[3]));
}

// The eccentricity functions G of orbits of half a day, fitted piece by piece.
struct g_functions {
	double g201, g211, g310, g322, g410, g422, g520, g533, g521, g532;
};

static void set_g_low(struct g_functions *g, double e)
{
	g->g211 = poly((const double[]){3.616, -13.2470, 16.2900, 0}, e);
	g->g310 = poly((const double[]){-19.302, 117.3900, -228.4190, 156.5910}, e);
	g->g322 = poly((const double[]){-18.9068, 109.7927, -214.6334, 146.5816}, e);
	g->g410 = poly((const double[]){-41.122, 242.6940, -471.0940, 313.9530}, e);
	g->g422 = poly((const double[]){-146.407, 841.8800, -1629.014, 1083.4350}, e);
	g->g520 = poly((const double[]){-532.114, 3017.977, -5740.032, 3708.2760}, e);
}

static void set_g_high(struct g_functions *g, double e)
{
	g->g211 = poly((const double[]){-72.099, 331.819, -508.738, 266.724}, e);
	g->g310 = poly((const double[]){-346.844, 1582.851, -2415.925, 1246.113}, e);
	g->g322 = poly((const double[]){-342.585, 1554.908, -2366.899, 1215.972}, e);
	g->g410 = poly((const double[]){-1052.797, 4758.686, -7193.992, 3651.957}, e);
	g->g422 = poly((const double[]){-3581.690, 16178.110, -24462.770, 12422.520}, e);
	if (e > 0.715)
		g->g520 = poly((const double[]){-5149.66, 29936.92, -54087.36, 31324.56}, e);
	else
		g->g520 = poly((const double[]){1464.74, -4664.75, 3763.64, 0}, e);
}

static void set_g(struct g_functions *g, double e)
{
	g->g201 = -0.306 - (e - 0.64) * 0.440;
	if (e <= 0.65)
		set_g_low(g, e);
	else
		set_g_high(g, e);
	if (e < 0.7) {
		g->g533 = poly((const double[]){-919.22770, 4988.6100, -9064.7700, 5542.21}, e);
		g->g521 = poly((const double[]){-822.71072, 4568.6173, -8491.4146, 5337.524}, e);
		g->g532 = poly((const double[]){-853.66600, 4690.2500, -8624.7700, 5341.4}, e);
	} else {
		g->g533 = poly((const double[]){-37995.780, 161616.52, -229838.20, 109377.94}, e);
		g->g521 = poly((const double[]){-51752.104, 218913.95, -309468.16, 146349.42}, e);
		g->g532 = poly((const double[]){-40023.880, 170470.89, -242699.48, 115605.82}, e);
	}
}

// Orbits of half a day (Molniya): ten terms of degree 2 to 5.
static void set_half_day(struct sgp4 *sgp4, const struct frame *f, double inverse_axis)
{
	struct sgp4_deep *deep = &sgp4->deep;
	double c = f->cos_i, c2 = c * c, s = f->sin_i, s2 = s * s;
	double f220 = 0.75 * (1 + 2 * c + c2), f221 = 1.5 * s2;
	double f321 = 1.875 * s * (1 - 2 * c - 3 * c2), f322 = -1.875 * s * (1 + 2 * c - 3 * c2);
	double f441 = 35 * s2 * f220, f442 = 39.3750 * s2 * s2;
	double f522 =
	        9.84375 * s * (s2 * (1 - 2 * c - 5 * c2) + 0.33333333 * (-2 + 4 * c + 6 * c2));
	double f523 =
	        s * (4.92187512 * s2 * (-2 - 4 * c + 10 * c2) + 6.56250012 * (1 + 2 * c - 3 * c2));
	double f542 = 29.53125 * s * (2 - 8 * c + c2 * (-12 + 8 * c + 10 * c2));
	double f543 = 29.53125 * s * (-2 - 8 * c + c2 * (12 + 8 * c - 10 * c2));
	double k2 = 3 * f->motion * f->motion * inverse_axis * inverse_axis;
	double k3 = k2 * inverse_axis, k4 = k3 * inverse_axis, k5 = k4 * inverse_axis;
	struct g_functions g;

	set_g(&g, f->e);
	add_term(deep, k2 * 1.7891679e-6 * f220 * g.g201, 5.7686396, 1, 2);
	add_term(deep, k2 * 1.7891679e-6 * f221 * g.g211, 5.7686396, 1, 0);
	add_term(deep, k3 * 3.7393792e-7 * f321 * g.g310, 0.95240898, 1, 1);
	add_term(deep, k3 * 3.7393792e-7 * f322 * g.g322, 0.95240898, 1, -1);
	add_term(deep, 2 * k4 * 7.3636953e-9 * f441 * g.g410, 1.8014998, 2, 2);
	add_term(deep, 2 * k4 * 7.3636953e-9 * f442 * g.g422, 1.8014998, 2, 0);
	add_term(deep, k5 * 1.1428639e-7 * f522 * g.g520, 1.0508330, 1, 1);
	add_term(deep, k5 * 1.1428639e-7 * f523 * g.g532, 1.0508330, 1, -1);
	add_term(deep, 2 * k5 * 2.1765803e-9 * f542 * g.g521, 4.4108898, 2, 1);
	add_term(deep, 2 * k5 * 2.1765803e-9 * f543 * g.g533, 4.4108898, 2, -1);
	deep->lambda0_rad = fmod(
	        sgp4->mean.anomaly_rad + 2 * sgp4->mean.raan_rad - 2 * deep->sidereal_rad, TWO_PI);
	deep->lambda_dot = sgp4->m_dot + deep->m_dot +
	                   2 * (sgp4->node_dot + deep->node_dot - EARTH_TURN_RAD_MIN) - f->motion;
}

void sgp4_deep_init(struct sgp4 *sgp4)
{
	const struct sgp4_elements *mean = &sgp4->mean;
	struct sgp4_deep *deep = &sgp4->deep;
	double e = mean->eccentricity, n = mean->mean_motion_rad_min;
	struct frame f = {e, e * e, 1 - e * e, sqrt(1 - e * e), cos(mean->inclination_rad),
	        sin(mean->inclination_rad), cos(mean->perigee_rad), sin(mean->perigee_rad), n};
	double day = (double)mean->epoch_ns / DAY_NS + DAYS_1900_TO_UNIX;
	double inverse_axis = pow(n / sgp4_ke(), 2.0 / 3.0);

	deep->sidereal_rad = simtime_sidereal_rad(mean->epoch_ns);
	set_sun(&deep->sun, &f, mean->raan_rad, day);
	set_moon(&deep->moon, &f, mean->raan_rad, day);
	set_secular(sgp4, &f);
	if (n > 0.0034906585 && n < 0.0052359877) { // 1200 to 1800 minutes
		deep->resonance = SGP4_DAY;
		set_day(sgp4, &f, inverse_axis);
	} else if (n >= 8.26e-3 && n <= 9.24e-3 && e >= 0.5) { // 680 to 760 minutes
		deep->resonance = SGP4_HALF_DAY;
		set_half_day(sgp4, &f, inverse_axis);
	}
}

// Resonant longitude and mean motion on their way, with their derivatives.
struct resonant {
	double lambda, motion;
	double motion_dot, motion_ddot, lambda_dot;
};

static void derive(const struct sgp4 *sgp4, double time, struct resonant *at)
{
	const struct sgp4_deep *deep = &sgp4->deep;
	double perigee = sgp4->mean.perigee_rad + sgp4->perigee_dot * time;

	at->motion_dot = at->motion_ddot = 0;
	at->lambda_dot = at->motion + deep->lambda_dot;
	for (unsigned i = 0; i < deep->n_terms; i++) {
		const struct sgp4_term *term = &deep->terms[i];
		double angle = term->m * at->lambda + term->k * perigee - term->angle;

		at->motion_dot += term->size * sin(angle);
		at->motion_ddot += term->m * term->size * cos(angle);
	}
	at->motion_ddot *= at->lambda_dot;
}

// The report's integrator: steps of half a day from the epoch, Taylor's series to second order.
static struct resonant integrate(const struct sgp4 *sgp4, double minutes)
{
	struct resonant at = {
	        .lambda = sgp4->deep.lambda0_rad, .motion = sgp4->mean.mean_motion_rad_min};
	double step = minutes > 0 ? STEP_MIN : -STEP_MIN;
	double time = 0, rest;

	derive(sgp4, time, &at);
	while (fabs(minutes - time) >= STEP_MIN) {
		at.lambda += at.lambda_dot * step + at.motion_dot * (step * step / 2);
		at.motion += at.motion_dot * step + at.motion_ddot * (step * step / 2);
		time += step;
		derive(sgp4, time, &at);
	}
	rest = minutes - time;
	at.lambda += at.lambda_dot * rest + at.motion_dot * rest * rest * 0.5;
	at.motion += at.motion_dot * rest + at.motion_ddot * rest * rest * 0.5;
	return at;
}

void sgp4_deep_secular(const struct sgp4 *sgp4, double minutes, struct sgp4_state *state)
{
	const struct sgp4_deep *deep = &sgp4->deep;
	double theta = fmod(deep->sidereal_rad + minutes * EARTH_TURN_RAD_MIN, TWO_PI);
	struct resonant at;

	state->e += deep->e_dot * minutes;
	state->i += deep->i_dot * minutes;
	state->perigee += deep->perigee_dot * minutes;
	state->node += deep->node_dot * minutes;
	state->m += deep->m_dot * minutes;
	if (deep->resonance == SGP4_FREE)
		return;
	at = integrate(sgp4, minutes);
	state->motion = at.motion;
	if (deep->resonance == SGP4_DAY)
		state->m = at.lambda - state->node - state->perigee + theta;
	else
		state->m = at.lambda - 2 * state->node + 2 * theta;
}

// What one body adds: e, i, l, and g + h and h, which the caller splits.
struct push {
	double e, i, l, gh, h;
};

static void add_push(const struct sgp4_body *body, double minutes, struct push *push)
{
	double m = body->longitude_rad + body->rate_rad_min * minutes;
	double f = m + 2 * body->eccentricity * sin(m);
	double sine = sin(f);
	double f2 = 0.5 * sine * sine - 0.25, f3 = -0.5 * sine * cos(f);

	push->e += body->e2 * f2 + body->e3 * f3;
	push->i += body->i2 * f2 + body->i3 * f3;
	push->l += body->l2 * f2 + body->l3 * f3 + body->l4 * sine;
	push->gh += body->gh2 * f2 + body->gh3 * f3 + body->gh4 * sine;
	push->h += body->h2 * f2 + body->h3 * f3;
}

// Near the equator the node is badly defined: Lyddane's form corrects sin i sin h and sin i cos h.
static void apply_lyddane(const struct push *push, struct sgp4_state *state)
{
	double si = sin(state->i), ci = cos(state->i);
	double sn = sin(state->node), cn = cos(state->node);
	double alpha = si * sn + push->h * cn + push->i * ci * sn;
	double beta = si * cn - push->h * sn + push->i * ci * cn;
	double before = fmod(state->node, TWO_PI);
	double l = state->m + state->perigee + ci * before + push->l + push->gh -
	           push->i * before * si;

	state->node = atan2(alpha, beta);
	if (fabs(before - state->node) > M_PI)
		state->node += state->node < before ? TWO_PI : -TWO_PI;
	state->m += push->l;
	state->perigee = l - state->m - ci * state->node;
}

void sgp4_deep_periodic(const struct sgp4 *sgp4, double minutes, struct sgp4_state *state)
{
	struct push push = {0};

	add_push(&sgp4->deep.sun, minutes, &push);
	add_push(&sgp4->deep.moon, minutes, &push);
	state->i += push.i;
	state->e += push.e;
	if (state->i >= LYDDANE_RAD) {
		double h = push.h / sin(state->i);

		state->node += h;
		state->perigee += push.gh - cos(state->i) * h;
		state->m += push.l;
	} else {
		apply_lyddane(&push, state);
	}
	if (state->i < 0) {
		state->i = -state->i;
		state->node += M_PI;
		state->perigee -= M_PI;
	}
}
