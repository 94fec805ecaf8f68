/* SPDX-License-Identifier: BSD-3-Clause */
// Names of nodes and interfaces, and the reference "node/interface" that names a port or a link's
// end.
#pragma once

#include "fault.h"

#define NODE_NAME_SIZE 64 // with terminator
#define IFACE_NAME_SIZE 16 // with terminator, as IFNAMSIZ
#define IFACE_REF_SIZE (NODE_NAME_SIZE + IFACE_NAME_SIZE)

// ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$, 1 to 63 (node) or 15 (interface) characters. Returns 0 or -EINVAL.
__attribute__((warn_unused_result)) int node_name_check(const char *name, struct fault *fault);
__attribute__((warn_unused_result)) int iface_name_check(const char *name, struct fault *fault);
// Splits "sat-3-17/isl0". Returns 0 or -EINVAL.
__attribute__((warn_unused_result)) int iface_ref_parse(const char *ref, char node[NODE_NAME_SIZE],
        char iface[IFACE_NAME_SIZE], struct fault *fault);
