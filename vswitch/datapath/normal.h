/* SPDX-License-Identifier: BSD-3-Clause */
// Normal and exponential variates from a link's generator.
// Thread: the generator's owner.
#pragma once

#include "rng.h"

// Mean 0, standard deviation 1.
float normal_draw(struct rng *rng);
// Mean 1; always above 0.
double exponential_draw(struct rng *rng);
