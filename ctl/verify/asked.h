/* SPDX-License-Identifier: BSD-3-Clause */
// What an ephemeris file asks of a path of links around a time: when a frame that is sent at a time
// of the file arrives, and how likely it is lost. Needs no switch. One owner.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ephemeris.h"

#define ASKED_HOPS_MAX 64

// The player's clock: file time t_ns at the local time at_ns, `speed` file seconds a second.
struct asked_clock {
	int64_t at_ns, t_ns;
	double speed; // 0: it stands still
};

static inline double asked_time_ns(const struct asked_clock *clock, double at_ns)
{
	return (double)clock->t_ns + (at_ns - (double)clock->at_ns) * clock->speed;
}

struct asked_line {
	double t_ns; // of the file
	struct orrery_record record; // all of it, from then on
};

struct asked_hop {
	uint32_t iface;
	struct asked_line *lines;
	size_t n_lines;
};

struct asked {
	struct asked_hop hops[ASKED_HOPS_MAX];
	size_t n_hops;
};

// The interface's number in the file, by NODE/INTERFACE; UINT32_MAX: none.
uint32_t asked_iface(const struct ephemeris *e, const char *ref);
// What the file says of these links from t_ns to end_ns. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int asked_init(struct asked *asked, const struct ephemeris *e,
        const uint32_t *ifaces, size_t n, uint64_t t_ns, uint64_t end_ns);
void asked_fini(struct asked *asked);
// Whether all links are up and lead to the same interface all that time.
bool asked_is_steady(const struct asked *asked);
// Time from sending a frame of `bytes` (Ethernet header included) at the local time at_ns until it
// arrives, on an empty path.
double asked_delay_ns(
        const struct asked *asked, const struct asked_clock *clock, double at_ns, unsigned bytes);
// Share of frames lost on the whole path, in the long run. `*ret_bursts`: losses come together.
double asked_loss(const struct asked *asked, bool *ret_bursts);
// Standard deviation of the path's jitter.
double asked_jitter_ns(const struct asked *asked);
// The least rate on the path, bit/s; 0: unlimited.
double asked_rate_bps(const struct asked *asked);
// Share of frames that the link of this record loses, in the long run.
double asked_record_loss(const struct orrery_record *record);
