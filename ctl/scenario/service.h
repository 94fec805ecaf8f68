/* SPDX-License-Identifier: BSD-3-Clause */
// Which satellite each antenna of one ground station is linked to, by the station's policy, moment
// after moment. A walk forward in time: it looks at each whole second since the scenario's start,
// at each moment at which something fails or works again, and at each slot's start; a change
// between two looks is found to a microsecond, and one that is taken back between two is not seen.
// The sky and the compiler both walk, so they agree. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "constellation.h"

#define SERVICE_EVENT_NS 1000 // changes are found to this
#define SERVICE_ALWAYS INT64_MIN

struct service_antenna {
	uint32_t satellite; // or CON_NONE
	int64_t since_ns; // SERVICE_ALWAYS: as long as matters
};

struct service {
	const struct constellation *con;
	uint32_t station;
	uint32_t n_antennas;
	int64_t t_ns; // since the scenario's start: the antennas are as of then
	struct service_antenna antennas[SCENARIO_ANTENNAS_MAX];
	struct service_scratch *scratch;
};

// 0 or -ENOMEM. service_fini takes half-built and zeroed ones.
__attribute__((warn_unused_result)) int service_init(
        struct service *service, const struct constellation *con, uint32_t station);
void service_fini(struct service *service);

// To any time. What a station does depends on the time alone if it has one antenna and its policy
// does not keep satellites: then a long way is jumped over. Else all since the scenario's start
// counts, and the way back begins there.
void service_seek(struct service *service, int64_t t_ns);
// Forward to the next change of an antenna, at most to `to_ns`. True: something changed. Only
// behind service_seek.
bool service_advance(struct service *service, int64_t to_ns);

// When an antenna's link is up: the same satellite has served it for the time of the outage.
int64_t service_up_ns(const struct service *service, uint32_t antenna);
bool service_is_up(const struct service *service, uint32_t antenna);

// Start of the slot that a moment lies in; a slot lasts SERVICE_SLOT_NS.
#define SERVICE_SLOT_NS 15000000000ll // :12, :27, :42, :57 of each minute
#define SERVICE_SLOT_PHASE_NS 12000000000ll
int64_t service_slot_start_ns(const struct constellation *con, int64_t t_ns);
