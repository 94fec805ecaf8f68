/* SPDX-License-Identifier: BSD-3-Clause */
// Counters. Each is written by one worker and read by control at any time: relaxed loads and stores
// of aligned 64-bit words, so a reader sees a value that was true a moment ago, never a torn one.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "drop.h"

typedef _Atomic uint64_t counter_t;

// The writer's side: one writer, so no locked instruction is needed.
static inline void counter_add(counter_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	        memory_order_relaxed);
}

static inline uint64_t counter_read(const counter_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

// Sums over workers, as control reads them.
struct link_stats {
	uint64_t tx_pkts; // accepted by the link
	uint64_t tx_bytes;
	uint64_t duplicates;
	uint64_t in_flight_pkts; // now
	uint64_t in_flight_bytes;
	uint64_t drops[DROP_REASON_COUNT];
};

struct iface_stats { // frames through the port at this interface
	uint64_t rx_pkts, rx_bytes, tx_pkts, tx_bytes;
};

struct worker_stats {
	uint64_t rx_pkts, rx_bytes, tx_pkts, tx_bytes;
	uint64_t loops, busy_loops, busy_cycles; // a busy loop moved at least one frame
	uint64_t sleeps, wakeups, late_wakeups;
	uint64_t wheel_pkts, wheel_late_max_ns; // held now; worst lateness since the last read
	uint64_t ring_kicks, hot_queues, went_cold, went_hot;
	uint64_t icmp_sent;
	uint64_t drops[DROP_REASON_COUNT];
};
