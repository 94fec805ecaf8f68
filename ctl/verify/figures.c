/* SPDX-License-Identifier: BSD-3-Clause */
// Quantiles and Wilson's interval.
#include "figures.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void figures_sort(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
}

double figures_quantile(const double *values, size_t n, double share)
{
	size_t i = (size_t)(share * (double)n);

	return values[i < n ? i : n - 1];
}

// Standard deviations that hold `confidence` of a normal distribution, by bisection.
static double normal_bound(double confidence)
{
	double low = 0, high = 40;

	for (int i = 0; i < 100; i++) {
		double z = (low + high) / 2;

		if (erfc(z / M_SQRT2) > 1 - confidence)
			low = z;
		else
			high = z;
	}
	return high;
}

struct interval figures_wilson(uint64_t k, uint64_t n, double confidence)
{
	double z2 = pow(normal_bound(confidence), 2), count = (double)n, p = (double)k / count;
	double middle = (p + z2 / (2 * count)) / (1 + z2 / count);
	double half =
	        sqrt(z2) * sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count);

	return (struct interval){
	        k == 0 ? 0 : fmax(0, middle - half), k == n ? 1 : fmin(1, middle + half)};
}
