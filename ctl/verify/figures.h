/* SPDX-License-Identifier: BSD-3-Clause */
// Figures of a measurement: quantiles, and the interval that a share lies in. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Sorts `values`.
void figures_sort(double *values, size_t n);
// Of sorted values, n > 0; `share` of them are at most it.
double figures_quantile(const double *values, size_t n, double share);

struct interval {
	double low, high;
};

// Wilson's score interval for the share behind k of n, n > 0; `confidence` below 1.
struct interval figures_wilson(uint64_t k, uint64_t n, double confidence);
