/* SPDX-License-Identifier: BSD-3-Clause */
// Normal and exponential variates from a link's generator, one number drawn for each.
// Thread: the generator's owner.
#pragma once

#include "rng.h"

// The x below which a standard normal variate lies with probability 0.5 + q, -0.5 < q < 0.5; right
// to 7 digits.
double normal_quantile(double q);
// Mean 0, standard deviation 1.
float normal_draw(struct rng *rng);
// Mean 1; always above 0.
double exponential_draw(struct rng *rng);
