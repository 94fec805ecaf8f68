/* SPDX-License-Identifier: BSD-3-Clause */
// Which flow the next frame of a port belongs to. Flow k of a sender has UDP ports that no other of
// its flows has, and goes to prefix k mod n of its destination. Prefixes are /64s spread over the
// base prefix by an odd factor: the same every run, and neighbours in time are far apart in the
// table. Pure; a cursor has one owner.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "cpu.h"
#include "fault.h"

#define FLOW_SPREAD 0x9e3779b1u

struct flow_plan {
	uint32_t n_flows; // of each sender
	uint32_t n_prefixes; // of all destinations together; at least one each
	uint32_t n_destinations;
	uint8_t base[16]; // prefix that all prefixes lie in
	uint32_t base_len; // 32..63: its length in bits
	uint32_t subnet_mask; // of the 32 bits after the first 32
};

// Walks a sender's flows round and round.
struct flow_cursor {
	uint32_t flow, n_flows;
	uint32_t prefix, n_prefixes;
	uint32_t spread, first_spread, step; // prefix number times FLOW_SPREAD, modulo 2^32
	uint32_t base, mask;
};

struct flow {
	uint32_t subnet_be;
	uint32_t ports;
};

// Fills base, length and mask from "fd00:1::/48". Returns 0, -EINVAL, or -ERANGE if `n_prefixes`
// /64s do not fit.
__attribute__((warn_unused_result)) int flow_plan_base(
        struct flow_plan *plan, const char *base, struct fault *fault);

// Number of prefixes of a destination, and the /64 number `k` of it. `destination` counts from 0.
uint32_t flow_prefix_count(const struct flow_plan *plan, uint32_t destination);
void flow_prefix(const struct flow_plan *plan, uint32_t destination, uint32_t k, uint8_t ret[16]);

void flow_cursor_init(
        struct flow_cursor *cursor, const struct flow_plan *plan, uint32_t destination);

static always_inline struct flow flow_next(struct flow_cursor *c)
{
	struct flow flow = {
	        .subnet_be = __builtin_bswap32(c->base | (c->spread & c->mask)),
	        .ports = (c->flow + 1) * FLOW_SPREAD,
	};

	c->spread += c->step;
	if (unlikely(++c->prefix == c->n_prefixes)) {
		c->prefix = 0;
		c->spread = c->first_spread;
	}
	if (unlikely(++c->flow == c->n_flows)) {
		c->flow = 0;
		c->prefix = 0;
		c->spread = c->first_spread;
	}
	return flow;
}
