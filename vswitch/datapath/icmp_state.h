/* SPDX-License-Identifier: BSD-3-Clause */
// How many ICMPv6 errors each router may send: a token bucket a router and worker (RFC 4443 section
// 2.4(f)). Made and freed by control, used by one worker.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ICMP_RATE_DEFAULT_PPS 100
#define ICMP_BURST_MIN 10 // errors at once after a pause; half a second's worth when that is more

struct icmp_state;

// `max_nodes` is the length of view->nodes. Memory grows with the routers that send errors. Returns
// NULL when out of memory.
struct icmp_state *icmp_state_create(uint32_t max_nodes, uint32_t rate_pps, uint64_t tsc_hz);
void icmp_state_destroy(struct icmp_state *state);

// Worker. Takes a token of the router's bucket; false: none left.
bool icmp_state_take(struct icmp_state *state, uint32_t node_id, uint64_t now_tsc);
