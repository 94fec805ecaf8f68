/* SPDX-License-Identifier: BSD-3-Clause */
// Normal variates by the polar method without its second value's cache: what a link draws must
// depend on nothing but its own generator. (G. Marsaglia, T. A. Bray, SIAM Review 6, 1964.)
#include "normal.h"

#include <math.h>

// Uniform in (-1, 1).
static inline double symmetric(uint64_t bits)
{
	return (double)((int64_t)bits >> 11) * 0x1p-52;
}

float normal_draw(struct rng *rng)
{
	double x, y, square;

	do {
		x = symmetric(rng_next(rng));
		y = symmetric(rng_next(rng));
		square = x * x + y * y;
	} while (square >= 1.0 || square == 0.0);
	return (float)(x * sqrt(-2.0 * log(square) / square));
}

double exponential_draw(struct rng *rng)
{
	// (0, 1]: the logarithm is finite, and 0 would be a stay of no time.
	return -log(((double)(rng_next(rng) >> 11) + 0.5) * 0x1p-53);
}
