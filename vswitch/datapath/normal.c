/* SPDX-License-Identifier: BSD-3-Clause */
// Variates by inversion: one number of the generator gives one variate, and no variate depends on
// anything else. The quantiles are the rational approximations PPND7 of M. J. Wichura, "Algorithm
// AS 241: The percentage points of the normal distribution", Applied Statistics 37, 1988.
#include "normal.h"

#include <math.h>

static double tail_quantile(double p)
{
	double r = sqrt(-log(p));

	if (r <= 5) {
		r -= 1.6;
		return (((1.7023821103e-1 * r + 1.3067284816) * r + 2.7568153900) * r +
		               1.4234372777) /
		       ((1.2021132975e-1 * r + 7.3700164250e-1) * r + 1);
	}
	r -= 5;
	return (((1.7337203997e-2 * r + 4.2868294337e-1) * r + 3.0812263860) * r + 6.6579051150) /
	       ((1.2258202635e-2 * r + 2.4197894225e-1) * r + 1);
}

double normal_quantile(double q)
{
	if (fabs(q) <= 0.425) {
		double r = 0.180625 - q * q;

		return q *
		       (((5.9109374720e1 * r + 1.5929113202e2) * r + 5.0434271938e1) * r +
		               3.3871327179) /
		       (((6.7187563600e1 * r + 7.8757757664e1) * r + 1.7895169469e1) * r + 1);
	}
	return copysign(tail_quantile(0.5 - fabs(q)), q);
}

// Uniform in (-0.5, 0.5).
static inline double draw_centred(struct rng *rng)
{
	return ((double)((int64_t)rng_next(rng) >> 11) + 0.5) * 0x1p-53;
}

float normal_draw(struct rng *rng)
{
	return (float)normal_quantile(draw_centred(rng));
}

double exponential_draw(struct rng *rng)
{
	return -log(draw_centred(rng) + 0.5);
}
