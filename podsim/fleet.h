/* SPDX-License-Identifier: BSD-3-Clause */
// All ports of the run: their memory, who sends to whom, and the worker that serves them.
// Thread: main.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "connection.h"
#include "fault.h"
#include "flow.h"
#include "hostile.h"
#include "memory.h"
#include "options.h"
#include "port.h"
#include "worker.h"

struct fleet {
	const struct options *options; // borrowed
	struct memory memory;
	struct port_shape shape;
	struct connection_wishes wishes;
	struct flow_plan flows;
	struct port *ports;
	uint32_t n_ports, n_up;
	uint32_t n_good; // ports that keep the rules, which n_up counts
	struct port **busy, **idle;
	uint32_t n_busy, n_idle;
	uint32_t largest; // frame bytes
	uint16_t *sizes; // NULL: one size
	uint32_t *size_sums;
	struct worker worker;
	struct hostile hostile;
};

// Returns 0, or -errno; after an error fleet_fini is needed as well.
__attribute__((warn_unused_result)) int fleet_init(
        struct fleet *fleet, const struct options *options, struct fault *fault);
void fleet_fini(struct fleet *fleet);

// Flow plan and peers alone, without memory: for fleet_print_routes.
void fleet_print_routes(const struct fleet *fleet, FILE *out);
