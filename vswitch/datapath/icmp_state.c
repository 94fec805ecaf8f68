/* SPDX-License-Identifier: BSD-3-Clause */
// Token buckets kept as one time each: when the bucket would be full again. All zero is a full one.
#include "icmp_state.h"

#include <stddef.h>

#include "region.h"

struct icmp_state {
	uint64_t interval_tsc; // of one token
	uint64_t depth_tsc; // of a bucket, less one token
	uint32_t n_nodes;
	uint64_t full_at_tsc[]; // [n_nodes]
};

static size_t state_size(uint32_t n_nodes)
{
	return sizeof(struct icmp_state) + n_nodes * sizeof(uint64_t);
}

struct icmp_state *icmp_state_create(uint32_t max_nodes, uint32_t rate_pps, uint64_t tsc_hz)
{
	struct icmp_state *state = region_map(state_size(max_nodes));
	uint32_t burst;

	if (state == NULL)
		return NULL;
	if (rate_pps == 0)
		rate_pps = ICMP_RATE_DEFAULT_PPS;
	burst = rate_pps / 2 > ICMP_BURST_MIN ? rate_pps / 2 : ICMP_BURST_MIN;
	state->interval_tsc = tsc_hz / rate_pps;
	state->depth_tsc = state->interval_tsc * (burst - 1);
	state->n_nodes = max_nodes;
	return state;
}

void icmp_state_destroy(struct icmp_state *state)
{
	if (state != NULL)
		region_unmap(state, state_size(state->n_nodes));
}

bool icmp_state_take(struct icmp_state *state, uint32_t node_id, uint64_t now_tsc)
{
	uint64_t full_at;

	if (node_id >= state->n_nodes)
		return false;
	full_at = state->full_at_tsc[node_id];
	if (full_at < now_tsc)
		full_at = now_tsc;
	if (full_at - now_tsc > state->depth_tsc)
		return false;
	state->full_at_tsc[node_id] = full_at + state->interval_tsc;
	return true;
}
