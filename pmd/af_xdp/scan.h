/* SPDX-License-Identifier: BSD-3-Clause */
// What an earlier switch left in the shards.
// Thread: control.
#pragma once

#include "fault.h"

struct hub;
struct port_found;
struct reaper;

// Calls `found` for each port that can be adopted. Interfaces of ports that the earlier switch had
// removed go to the reaper. Returns 0 or -errno.
__attribute__((warn_unused_result)) int scan_ports(const struct hub *hub, struct reaper *reaper,
        void (*found)(const struct port_found *port, void *arg), void *arg, struct fault *fault);
