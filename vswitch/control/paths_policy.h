/* SPDX-License-Identifier: BSD-3-Clause */
// How routers choose among paths, and when.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PATHS_CONVERGENCE_MAX_NS 3600000000000ull
#define PATHS_WITHIN_MAX_NS 1000000000u

struct paths_policy {
	uint64_t convergence_ns; // of the clock, after the links' change
	bool several; // spread flows over equal paths
	uint32_t equal_within_ns; // longer than the least delay, at each router
};
