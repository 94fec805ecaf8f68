/* SPDX-License-Identifier: BSD-3-Clause */
// The pod's end of a veth, from inside the pod's namespace: offloads, duplicate address detection,
// addresses and routes, up. Thread: control; it is back in its own namespace on return.
#pragma once

#include "fault.h"
#include "offloads.h"
#include "port_ops.h"

// Makes the interface `config->ifname`, which is there and down, ready and brings it up. The host
// end must be up, since routes need a carrier. Returns 0 or -errno.
__attribute__((warn_unused_result)) int pod_end_setup(
        const struct port_config *config, const struct offloads *offloads, struct fault *fault);
