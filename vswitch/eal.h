/* SPDX-License-Identifier: BSD-3-Clause */
// DPDK's environment: processors, memory, arguments. Thread: main, before there are others.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fault.h"

struct eal {
	unsigned cpus[CONFIG_WORKERS_MAX]; // of the workers
	unsigned lcores[CONFIG_WORKERS_MAX]; // their DPDK numbers
	uint16_t n_workers;
	bool hugepages;
	uint64_t memory_mb; // that DPDK has
	bool shares_cpu; // control has no processor of its own
	bool started;
};

// Chooses processors and memory and starts DPDK: without PCI unless eal_args name a device, without
// files, the calling thread as lcore 0 on the processors that are no workers'.
__attribute__((warn_unused_result)) int eal_start(
        const struct config *config, struct eal *eal, struct fault *fault);
void eal_stop(struct eal *eal);
