/* SPDX-License-Identifier: BSD-3-Clause */
// Carrier of the ports that ask for it: a pod is shown that the link which leaves from its
// interface is down, or not plugged in. The link that arrives does not count: it is another
// direction, and several may arrive at one interface.
//
// It follows an epoch and is no part of it. The matrix notes which links of such ports changed;
// after the epoch is published, the event loop works them off in short turns, since the kernel or a
// front end takes its time for each. What a port is shown is what its link is when its turn comes:
// a link that went down and up in between is not shown.
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct control;
struct event;
struct switch_port;

struct carrier {
	struct event *event; // NULL: no event loop, and no turns
	struct switch_port *due; // ports to look at, in this order
	bool held; // until what was saved is back, so that nobody sees a link go and come
};

__attribute__((warn_unused_result)) int carrier_init(struct control *control, struct fault *fault);
void carrier_fini(struct control *control); // half-made allowed
// From now on ports are shown their links.
void carrier_start(struct control *control);

// Can ports of this driver, at this interface, be shown a link? 0, -ENOTSUP or -EINVAL.
__attribute__((warn_unused_result)) int carrier_check(
        const struct switch_port *port, struct fault *fault);
// The port is plugged in: shows it its link, or that it has carrier if it does not follow one.
void carrier_plug(struct control *control, struct switch_port *port);
void carrier_unplug(struct control *control, struct switch_port *port);

// After an epoch is published.
void carrier_links_changed(struct control *control);
