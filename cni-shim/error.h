/* SPDX-License-Identifier: BSD-3-Clause */
// Error codes of the plugin and the error object that goes to standard output. The error channel of
// this folder: a fallible function returns 0 or the (positive) CNI code that it also wrote into its
// `struct cni_error`.
#pragma once

#include <jansson.h>

enum cni_code {
	// CNI 1.1.0, section "Error"
	CNI_E_VERSION = 1, // the configuration's version cannot do this
	CNI_E_UNKNOWN_CONTAINER = 3, // the container is gone; the runtime needs no clean-up
	CNI_E_ENV = 4, // environment variables missing or wrong
	CNI_E_IO = 5,
	CNI_E_DECODE = 6,
	CNI_E_CONFIG = 7,
	CNI_E_NETNS = 8, // not a network namespace, or the runtime's own
	CNI_E_TRY_LATER = 11, // switch not running, or too slow to answer
	CNI_E_UNAVAILABLE = 50, // STATUS: ADD would fail
	CNI_E_DEGRADED = 51, // STATUS: and pods that are attached have no network
	CNI_E_INTERNAL = 999,
	// ours
	CNI_E_IFNAME_TAKEN = 100, // CNI_IFNAME is there already
	CNI_E_PORT_TAKEN =
	        101, // the node's interface has another port, or the address another owner
	CNI_E_LIMIT = 102, // a limit of the switch is reached
	CNI_E_DENIED = 103, // the switch does not let this user write
	CNI_E_SWITCH = 104, // another error of the switch
	CNI_E_MISMATCH = 105, // CHECK: something is not as ADD left it
	CNI_E_IPAM = 106, // the IPAM plugin was not found, or broke the protocol
};

struct cni_error {
	int code; // 0 when nothing happened
	char msg[256];
	char details[512]; // "" if none
};

// Fills `err` and returns `code`. `details` NULL: none.
__attribute__((format(printf, 4, 5))) int cni_fail(
        struct cni_error *err, int code, const char *details, const char *fmt, ...);

// The error object of the specification. Returns a new reference, NULL when out of memory.
json_t *cni_error_render(const struct cni_error *err, const char *cni_version);
