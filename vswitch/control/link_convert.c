/* SPDX-License-Identifier: BSD-3-Clause */
// From a link's record to the data path's parameters.
#include "link_convert.h"

#include <linux/if_ether.h>

#include "rng.h"

// Rounded; a division of 128 bits a value would be most of what an epoch costs.
static uint64_t ns_to_tsc(uint64_t ns, const struct matrix_config *config)
{
	return (uint64_t)(((unsigned __int128)ns * config->tsc_per_ns_q32 + (1u << 31)) >> 32);
}

static uint16_t flags_of(const struct orrery_record *r)
{
	unsigned flags = 0;

	if ((r->flags & ORRERY_LINK_UP) != 0)
		flags |= LINK_UP;
	if ((r->flags & ORRERY_LINK_REORDER) != 0)
		flags |= LINK_REORDER;
	if (r->good_us != 0)
		flags |= LINK_GE;
	if (r->jitter_ns != 0 || r->loss != 0 || r->good_us != 0 || r->duplicate != 0 ||
	        r->reorder != 0)
		flags |= LINK_IMPAIRED;
	return (uint16_t)flags;
}

static uint64_t seed_of(uint64_t run_seed, uint32_t link_id)
{
	uint64_t state = run_seed ^ ((uint64_t)link_id + 1) * 0xd1342543de82ef95ull;

	return rng_splitmix64(&state);
}

void link_convert(const struct link *link, uint32_t link_id, uint16_t worker,
        const struct matrix_config *config, struct link_params *ret_params)
{
	const struct orrery_record *r = &link->record;
	uint64_t hz = config->tsc_hz;

	*ret_params = (struct link_params){
	        .to = r->set != 0 ? r->to : DP_NONE,
	        .flags = flags_of(r),
	        .mtu_frame = (uint16_t)(r->mtu != 0 && r->mtu <= UINT16_MAX - ETH_HLEN
	                                        ? r->mtu + ETH_HLEN
	                                        : 0),
	        .incarnation = link->incarnation,
	        .worker = worker,
	        .delay_tsc = ns_to_tsc(r->delay_ns, config),
	        // cycles per cycle is ns per ns: the clock's rate cancels out
	        .slope_q32 = (int64_t)((double)r->slope_ns_s * (4294967296.0 / 1e9)),
	        .t0_tsc = link->t0_tsc,
	        // hz cycles/s / (kbps * 125 bytes/s), 16 fraction bits
	        .cycles_per_byte_q16 =
	                r->rate_kbps != 0 ? (hz << 16) / ((uint64_t)r->rate_kbps * 125) : 0,
	        .queue_bytes = r->rate_kbps != 0 ? link_queue_bytes(r) : UINT32_MAX,
	        .queue_pkts = r->queue_pkts != 0 ? r->queue_pkts : UINT32_MAX,
	        .down_tsc = link->down_tsc,
	        .seed = seed_of(config->seed, link_id),
	        .good_mean_tsc = ns_to_tsc((uint64_t)r->good_us * 1000, config),
	        .bad_mean_tsc = ns_to_tsc((uint64_t)r->bad_us * 1000, config),
	        .loss_q32 = r->loss,
	        .loss_bad_q32 = r->loss_bad,
	        .jitter_tsc = ns_to_tsc(r->jitter_ns, config),
	        .jitter_corr_q16 = r->jitter_corr,
	        .duplicate_q16 = r->duplicate,
	        .reorder_q16 = r->reorder,
	};
}
