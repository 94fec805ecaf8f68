/* SPDX-License-Identifier: BSD-3-Clause */
// Compiles a constellation's motion into an ephemeris file: exact event times, delays as straight
// pieces within a tolerance. The bytes depend on the constellation and the options, not on the
// number of threads. No sockets.
#pragma once

#include <stdint.h>

#include "constellation.h"
#include "fault.h"

#define COMPILE_TOLERANCE_NS 250.0
#define COMPILE_THREADS_MAX 256

struct compile_options {
	uint64_t duration_ns; // more than 0
	uint64_t step_ns; // regular steps
	double tolerance_ns; // at least LINE_TOLERANCE_MIN_NS
	uint64_t seed; // 0: whatever the switch has
	unsigned n_threads; // at least 1
	// May be NULL. Called now and then with the share done, 0 to 1; not 0 (a negative errno)
	// ends the work.
	int (*progress)(void *arg, double share);
	void *arg;
};

// Writes `path` when all went well, else nothing. 0 or a negative errno.
__attribute__((warn_unused_result)) int compile(const struct constellation *con,
        const struct compile_options *options, const char *path, struct fault *fault);
