/* SPDX-License-Identifier: BSD-3-Clause */
// Ports for benchmarks: frames made of nothing and freed when sent, by the worker itself.
#pragma once

#include <stdint.h>

#include "port_ops.h"

#define SOURCE_FLOWS 65536 // power of two
#define SOURCE_FRAME_BYTES 64

// The queue of one worker, for any number of its ports.
struct source {
	struct port_queue queue; // first
	struct rte_mempool *pool;
	unsigned burst;
	uint32_t next;
	uint16_t *flow_port; // [SOURCE_FLOWS] where a flow's frames come in; the caller fills it
	uint8_t (*flow_dst)[16]; // [SOURCE_FLOWS] their IPv6 destination; the caller fills it
	uint64_t n_tx;
	uint64_t checksum; // so that reading what is sent is not optimised away
};

void source_init(struct source *source, struct rte_mempool *pool, uint16_t worker, unsigned burst);
void source_fini(struct source *source);
// A port of the source's worker.
void source_port(struct source *source, struct port *port, uint32_t id, uint32_t iface_id);

// What benchmarks share.
void bench_die(const char *what) __attribute__((noreturn));
void *bench_must(void *memory); // or dies
// EAL in plain memory; `lcores` as in --lcores.
void bench_eal(const char *lcores);
