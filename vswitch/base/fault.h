/* SPDX-License-Identifier: BSD-3-Clause */
// The sentence that goes with a negative return: what was wrong with which object, and what to do.
// A caller that wants none passes NULL. Thread: the caller's own object.
#pragma once

#include <stdarg.h>

struct fault {
	int code; // negative errno, 0 when nothing happened
	char field[64]; // the field or key at fault ("params.delay_ns"), "" if none
	char message[320];
};

// Fills `fault` (NULL allowed) and returns `code`, so that: return fault_set(fault, -EINVAL, "mtu",
// "...").
__attribute__((format(printf, 4, 5))) int fault_set(
        struct fault *fault, int code, const char *field, const char *fmt, ...);
