/* SPDX-License-Identifier: BSD-3-Clause */
// SGP4: secular terms of oblateness and drag, then long and short periods. Letters follow the
// report: xi is written tsi, beta^2 is 1 - e^2, theta is cos i.
#include "sgp4.h"

#include <errno.h>
#include <stddef.h>

#include "sgp4_deep.h"

#define DEEP_PERIOD_MIN 225.0
#define SIMPLE_PERIGEE_KM 220.0
#define TWO_PI (2 * M_PI)
#define ECCENTRICITY_LEAST 1e-6 // of a mean orbit on its way; keeps 1/e finite
#define ECCENTRICITY_ROUND 1e-4 // below it, terms with 1/e are left out

// What only the initialisation needs.
struct setup {
	double s, qs4; // atmosphere: s, and (q0 - s)^4, Earth radii
	double theta, theta2, theta4, sine;
	double beta2, beta;
	double p2; // 1 / (a beta^2)^2
	double tsi, eta2, eeta, psi2;
	double coef, coef1;
};

double sgp4_ke(void)
{
	return 60.0 / sqrt(SGP4_EARTH_KM * SGP4_EARTH_KM * SGP4_EARTH_KM / SGP4_MU_KM3_S2);
}

static double cube(double x)
{
	return x * x * x;
}

static double fourth(double x)
{
	return x * x * x * x;
}

// Brouwer's mean motion and semi-major axis from Kozai's mean motion (section 6, first steps).
static void recover_motion(struct sgp4 *sgp4, const struct setup *setup)
{
	double kozai = sgp4->mean.mean_motion_rad_min;
	double a1 = pow(sgp4_ke() / kozai, 2.0 / 3.0);
	double d = 0.75 * SGP4_J2 * (3 * setup->theta2 - 1) / (setup->beta * setup->beta2);
	double del = d / (a1 * a1);
	double a0 = a1 * (1 - del * del - del * (1.0 / 3.0 + 134.0 * del * del / 81.0));

	del = d / (a0 * a0);
	sgp4->mean.mean_motion_rad_min = kozai / (1 + del);
	sgp4->axis = pow(sgp4_ke() / sgp4->mean.mean_motion_rad_min, 2.0 / 3.0);
}

// The parameter s follows the perigee when that is low.
static void set_atmosphere(struct setup *setup, double perigee_km)
{
	double s_km = 78;

	if (perigee_km < 98)
		s_km = 20;
	else if (perigee_km < 156)
		s_km = perigee_km - 78;
	setup->qs4 = fourth((120 - s_km) / SGP4_EARTH_KM);
	setup->s = s_km / SGP4_EARTH_KM + 1;
}

static void set_up(struct sgp4 *sgp4, struct setup *setup)
{
	double e = sgp4->mean.eccentricity;
	double perigee;

	setup->theta = cos(sgp4->mean.inclination_rad);
	setup->sine = sin(sgp4->mean.inclination_rad);
	setup->theta2 = setup->theta * setup->theta;
	setup->theta4 = setup->theta2 * setup->theta2;
	setup->beta2 = 1 - e * e;
	setup->beta = sqrt(setup->beta2);
	recover_motion(sgp4, setup);
	perigee = sgp4->axis * (1 - e);
	sgp4->is_simple = perigee < SIMPLE_PERIGEE_KM / SGP4_EARTH_KM + 1;
	set_atmosphere(setup, (perigee - 1) * SGP4_EARTH_KM);
	setup->p2 = 1 / (sgp4->axis * setup->beta2 * sgp4->axis * setup->beta2);
	setup->tsi = 1 / (sgp4->axis - setup->s);
	sgp4->eta = sgp4->axis * e * setup->tsi;
	setup->eta2 = sgp4->eta * sgp4->eta;
	setup->eeta = e * sgp4->eta;
	setup->psi2 = fabs(1 - setup->eta2);
	setup->coef = setup->qs4 * fourth(setup->tsi);
	setup->coef1 = setup->coef / pow(setup->psi2, 3.5);
}

// C1 to C5 and what drag does to node, perigee and anomaly.
static void set_drag(struct sgp4 *sgp4, const struct setup *u)
{
	const struct sgp4_elements *mean = &sgp4->mean;
	double n = mean->mean_motion_rad_min;
	double a = sgp4->axis, e = mean->eccentricity, eta = sgp4->eta;
	double j = SGP4_J2 * u->tsi / u->psi2;
	double three = 3 * u->theta2 - 1;
	double c2 = u->coef1 * n *
	            (a * (1 + 1.5 * u->eta2 + u->eeta * (4 + u->eta2)) +
	                    0.375 * j * three * (8 + 3 * u->eta2 * (8 + u->eta2)));
	double c3 = 0;

	if (e > ECCENTRICITY_ROUND) {
		c3 = -2 * u->coef * u->tsi * (SGP4_J3 / SGP4_J2) * n * u->sine / e;
		sgp4->m_drag = -2.0 / 3.0 * u->coef * mean->bstar / u->eeta;
	}
	sgp4->c1 = mean->bstar * c2;
	sgp4->c4 =
	        2 * n * u->coef1 * a * u->beta2 *
	        (eta * (2 + 0.5 * u->eta2) + e * (0.5 + 2 * u->eta2) -
	                j / a *
	                        (-3 * three * (1 - 2 * u->eeta + u->eta2 * (1.5 - 0.5 * u->eeta)) +
	                                0.75 * (1 - u->theta2) *
	                                        (2 * u->eta2 - u->eeta * (1 + u->eta2)) *
	                                        cos(2 * mean->perigee_rad)));
	sgp4->c5 =
	        2 * u->coef1 * a * u->beta2 * (1 + 2.75 * (u->eta2 + u->eeta) + u->eeta * u->eta2);
	sgp4->perigee_drag = mean->bstar * c3 * cos(mean->perigee_rad);
	sgp4->t2 = 1.5 * sgp4->c1;
	sgp4->cube0 = cube(1 + eta * cos(mean->anomaly_rad));
	sgp4->sin_m0 = sin(mean->anomaly_rad);
}

// Higher powers of time, for all but low and deep orbits.
static void set_higher_drag(struct sgp4 *sgp4, const struct setup *u)
{
	double c1 = sgp4->c1, c1_2 = c1 * c1, a = sgp4->axis;
	double part;

	sgp4->d2 = 4 * a * u->tsi * c1_2;
	part = sgp4->d2 * u->tsi * c1 / 3;
	sgp4->d3 = (17 * a + u->s) * part;
	sgp4->d4 = 0.5 * part * a * u->tsi * (221 * a + 31 * u->s) * c1;
	sgp4->t3 = sgp4->d2 + 2 * c1_2;
	sgp4->t4 = 0.25 * (3 * sgp4->d3 + c1 * (12 * sgp4->d2 + 10 * c1_2));
	sgp4->t5 = 0.2 * (3 * sgp4->d4 + 12 * c1 * sgp4->d3 + 6 * sgp4->d2 * sgp4->d2 +
	                         15 * c1_2 * (2 * sgp4->d2 + c1_2));
}

// Secular rates of oblateness, J2, J2^2 and J4.
static void set_rates(struct sgp4 *sgp4, const struct setup *u)
{
	double n = sgp4->mean.mean_motion_rad_min;
	double k1 = 1.5 * SGP4_J2 * u->p2 * n;
	double k2 = 0.5 * k1 * SGP4_J2 * u->p2;
	double k4 = -0.46875 * SGP4_J4 * u->p2 * u->p2 * n;
	double node1 = -k1 * u->theta;

	sgp4->m_dot = n + 0.5 * k1 * u->beta * (3 * u->theta2 - 1) +
	              0.0625 * k2 * u->beta * (13 - 78 * u->theta2 + 137 * u->theta4);
	sgp4->perigee_dot = -0.5 * k1 * (1 - 5 * u->theta2) +
	                    0.0625 * k2 * (7 - 114 * u->theta2 + 395 * u->theta4) +
	                    k4 * (3 - 36 * u->theta2 + 49 * u->theta4);
	sgp4->node_dot =
	        node1 + (0.5 * k2 * (4 - 19 * u->theta2) + 2 * k4 * (3 - 7 * u->theta2)) * u->theta;
	sgp4->node_t2 = 3.5 * u->beta2 * node1 * sgp4->c1;
}

int sgp4_init(struct sgp4 *sgp4, const struct sgp4_elements *elements)
{
	struct setup setup;

	*sgp4 = (struct sgp4){.mean = *elements};
	if (!(elements->eccentricity >= 0 && elements->eccentricity < 1) ||
	        !(elements->mean_motion_rad_min > 0) || !(fabs(elements->bstar) < 10))
		return -ERANGE;
	set_up(sgp4, &setup);
	if (!(sgp4->axis > setup.s) || !isfinite(setup.coef1))
		return -ERANGE;
	set_drag(sgp4, &setup);
	set_rates(sgp4, &setup);
	sgp4->is_deep = TWO_PI / sgp4->mean.mean_motion_rad_min >= DEEP_PERIOD_MIN;
	if (sgp4->is_deep) {
		sgp4->is_simple = true;
		sgp4_deep_init(sgp4);
	}
	if (!sgp4->is_simple)
		set_higher_drag(sgp4, &setup);
	return 0;
}

// Elements carried on by everything secular, and the axis, which drag shrinks.
static int carry(const struct sgp4 *sgp4, double t, struct sgp4_state *state, double *ret_axis)
{
	const struct sgp4_elements *mean = &sgp4->mean;
	double t2 = t * t;
	double a = 1 - sgp4->c1 * t;
	double e = mean->bstar * sgp4->c4 * t;
	double l = sgp4->t2 * t2;

	*state = (struct sgp4_state){mean->mean_motion_rad_min, mean->eccentricity,
	        mean->inclination_rad, mean->raan_rad + sgp4->node_dot * t + sgp4->node_t2 * t2,
	        mean->perigee_rad + sgp4->perigee_dot * t, mean->anomaly_rad + sgp4->m_dot * t};
	if (!sgp4->is_simple) {
		double shift = sgp4->perigee_drag * t +
		               sgp4->m_drag * (cube(1 + sgp4->eta * cos(state->m)) - sgp4->cube0);

		state->m += shift;
		state->perigee -= shift;
		a -= t2 * (sgp4->d2 + t * (sgp4->d3 + t * sgp4->d4));
		e += mean->bstar * sgp4->c5 * (sin(state->m) - sgp4->sin_m0);
		l += t2 * t * (sgp4->t3 + t * (sgp4->t4 + t * sgp4->t5));
	}
	if (sgp4->is_deep)
		sgp4_deep_secular(sgp4, t, state);
	if (!(state->motion > 0))
		return -EDOM;
	*ret_axis = pow(sgp4_ke() / state->motion, 2.0 / 3.0) * a * a;
	state->motion = sgp4_ke() / pow(*ret_axis, 1.5);
	state->e -= e;
	state->m += mean->mean_motion_rad_min * l;
	if (!(state->e < 1 && state->e >= -0.001) || !(*ret_axis > 0))
		return -EDOM;
	state->e = fmax(state->e, ECCENTRICITY_LEAST);
	return 0;
}

// An orbit in its plane after the long periods: what Kepler's equation is solved for.
struct ellipse {
	double axis;
	double x, y; // e cos and e sin of the argument of perigee
	double u; // argument of latitude, mean
};

static struct ellipse long_periods(const struct sgp4_state *state, double axis)
{
	double theta = cos(state->i), sine = sin(state->i);
	double j = SGP4_J3 / SGP4_J2;
	double below = fabs(theta + 1) > 1.5e-12 ? 1 + theta : 1.5e-12; // retrograde equatorial
	double p = 1 / (axis * (1 - state->e * state->e));
	double x = state->e * cos(state->perigee);
	double l = state->m + state->perigee + p * (-0.25 * j * sine * (3 + 5 * theta) / below) * x;

	return (struct ellipse){
	        axis, x, state->e * sin(state->perigee) - p * 0.5 * j * sine, fmod(l, TWO_PI)};
}

// Kepler's equation for E + argument of perigee, by Newton's method with bounded steps.
static double solve_kepler(const struct ellipse *ellipse)
{
	double angle = ellipse->u;

	for (int k = 0; k < 10; k++) {
		double s = sin(angle), c = cos(angle);
		double step = (ellipse->u - ellipse->y * c + ellipse->x * s - angle) /
		              (1 - c * ellipse->x - s * ellipse->y);

		step = fmax(-0.95, fmin(0.95, step));
		angle += step;
		if (fabs(step) < 1e-12)
			break;
	}
	return angle;
}

// Polar coordinates in the plane, in Earth radii and Earth radii * ke a minute.
struct polar {
	double r, r_dot, rv_dot, u;
};

// Short periods of J2 (section 6, last steps), added to the plane's angles too.
static struct polar short_periods(
        const struct polar *mean, double p, double beta, double motion, struct sgp4_state *plane)
{
	double theta = cos(plane->i), sine = sin(plane->i), theta2 = theta * theta;
	double k1 = 0.5 * SGP4_J2 / p, k2 = k1 / p;
	double s2 = sin(2 * mean->u), c2 = cos(2 * mean->u);
	double flat = 1 - theta2;
	double n = motion / sgp4_ke();
	struct polar true_now = {
	        mean->r * (1 - 1.5 * k2 * beta * (3 * theta2 - 1)) + 0.5 * k1 * flat * c2,
	        mean->r_dot - n * k1 * flat * s2,
	        mean->rv_dot + n * k1 * (flat * c2 + 1.5 * (3 * theta2 - 1)),
	        mean->u - 0.25 * k2 * (7 * theta2 - 1) * s2};

	plane->node += 1.5 * k2 * theta * s2;
	plane->i += 1.5 * k2 * theta * sine * c2;
	return true_now;
}

static void to_space(const struct polar *polar, const struct sgp4_state *plane,
        struct vec3 *ret_position, struct vec3 *ret_velocity)
{
	double su = sin(polar->u), cu = cos(polar->u);
	double si = sin(plane->i), ci = cos(plane->i);
	double sn = sin(plane->node), cn = cos(plane->node);
	struct vec3 up = {cn * cu - sn * ci * su, sn * cu + cn * ci * su, si * su};
	struct vec3 along = {-cn * su - sn * ci * cu, -sn * su + cn * ci * cu, si * cu};
	double r = polar->r * SGP4_EARTH_KM;
	double speed = SGP4_EARTH_KM * sgp4_ke() / 60;

	*ret_position = (struct vec3){r * up.x, r * up.y, r * up.z};
	if (ret_velocity != NULL)
		*ret_velocity =
		        (struct vec3){speed * (polar->r_dot * up.x + polar->rv_dot * along.x),
		                speed * (polar->r_dot * up.y + polar->rv_dot * along.y),
		                speed * (polar->r_dot * up.z + polar->rv_dot * along.z)};
}

// From the state with all but the short periods to a place. 0, -EDOM or -ENOENT.
static int place(
        struct sgp4_state *state, double axis, struct vec3 *ret_position, struct vec3 *ret_velocity)
{
	struct ellipse ellipse = long_periods(state, axis);
	double angle = solve_kepler(&ellipse);
	double s = sin(angle), c = cos(angle);
	double e2 = ellipse.x * ellipse.x + ellipse.y * ellipse.y;
	double p = axis * (1 - e2), beta, esine, r;
	struct polar polar;

	if (!(p > 0))
		return -EDOM;
	beta = sqrt(1 - e2);
	esine = ellipse.x * s - ellipse.y * c;
	r = axis * (1 - (ellipse.x * c + ellipse.y * s));
	polar = (struct polar){r, sqrt(axis) * esine / r, sqrt(p) / r,
	        atan2(s - ellipse.y - ellipse.x * esine / (1 + beta),
	                c - ellipse.x + ellipse.y * esine / (1 + beta))};
	polar = short_periods(&polar, p, beta, state->motion, state);
	to_space(&polar, state, ret_position, ret_velocity);
	return polar.r < 1 ? -ENOENT : 0;
}

int sgp4_at(const struct sgp4 *sgp4, double minutes, struct vec3 *ret_position,
        struct vec3 *ret_velocity)
{
	struct sgp4_state state;
	struct vec3 position, velocity;
	double axis;
	int err = carry(sgp4, minutes, &state, &axis);

	if (err != 0)
		return err;
	if (sgp4->is_deep) {
		sgp4_deep_periodic(sgp4, minutes, &state);
		if (!(state.e >= 0 && state.e <= 1))
			return -EDOM;
	}
	err = place(&state, axis, &position, &velocity);
	if (err != 0)
		return err;
	if (!isfinite(position.x + position.y + position.z))
		return -EDOM;
	*ret_position = position;
	if (ret_velocity != NULL)
		*ret_velocity = velocity;
	return 0;
}
