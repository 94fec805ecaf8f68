/* SPDX-License-Identifier: BSD-3-Clause */
// The loop that sends and receives, on a CPU of its own. No system call, allocation or division in
// it (but for kicks, where the device asked for kick descriptors).
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "histogram.h"
#include "port.h"

#define WORKER_BURST_MAX 64
#define WORKER_SIZES 1024 // a power of two

struct worker_plan {
	int cpu; // -1: any
	uint32_t burst;
	double rate_pps; // of each port; 0: as fast as the ring takes them
	bool loop; // send back what comes
	uint32_t gap_ns; // from the beginning of a round to that of the next, at least
	bool packed, mergeable, kicks;
	bool check_payload;
	uint16_t type; // of our frames
	uint32_t bytes; // of each frame, unless
	const uint16_t *sizes; // WORKER_SIZES of them in turn; NULL: one size
	const uint32_t *size_sums; // frame_size_sums
};

struct worker {
	struct worker_plan plan;
	const struct memory *memory;
	struct port *ports; // all
	uint32_t n_ports;
	struct port **busy; // those that are polled each round
	uint32_t n_busy;
	struct port **idle; // those that are looked at now and then
	uint32_t n_idle, next_idle;
	uint64_t rate_q32; // frames a cycle, 0.32 and more
	uint64_t tokens_max;
	uint64_t gap_cycles;
	uint64_t quiet_cycles; // a tenth of a second
	pthread_t thread;
	// control writes, the worker reads
	_Alignas(CACHE_LINE) atomic_bool stop;
	atomic_bool sending;
	// the worker writes, control reads
	_Alignas(CACHE_LINE) atomic_uint_fast64_t rounds; // each is a quiescent point
	uint64_t empty_rounds; // neither sent nor received
	atomic_int tid;
	struct histogram latency; // cycles
};

// `worker` holds plan, ports and lists. Returns 0, or -errno.
__attribute__((warn_unused_result)) int worker_start(
        struct worker *worker, double cycles_hz, struct fault *fault);
void worker_stop(struct worker *worker);

// Returns once the worker does not use any more what was taken from it before: a port that is down.
void worker_quiesce(const struct worker *worker);
