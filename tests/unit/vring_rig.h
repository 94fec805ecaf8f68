/* SPDX-License-Identifier: BSD-3-Clause */
// A ring with a driver at its other end, for tests.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vring.h"
#include "vring_driver.h"

#define RIG_MAX_FRAME 1900u
#define RIG_BURST 64u
#define RIG_PORT 4711
#define RIG_LENS 65536u // lengths of the frames under way, by id

struct rte_mempool;

struct rig_kind {
	const char *name;
	uint16_t size;
	uint16_t first_idx; // split: where the indices begin
	bool packed, receive, version_1, mergeable, indirect, event_idx;
	bool inflight; // with a region of buffers in flight
	const void *arg; // the test's own
};

struct vring_rig {
	struct rte_mempool *pool;
	struct guest guest;
	struct driver driver;
	struct vring *vring;
	struct vring_config config;
	uint16_t header; // bytes before a frame
	int call_fd;
	uint8_t *inflight; // shared with children
	const void *arg;
	uint32_t n_plain; // frames of rig_send_plain
	uint32_t lens[RIG_LENS];
};

// Tests, each with a ring of its own kind; *state is the vring_rig.
#define RIG_TESTS 80
struct rig_suite {
	size_t n;
	struct CMUnitTest tests[RIG_TESTS];
	struct rig_kind kinds[RIG_TESTS];
	char names[RIG_TESTS][80];
};
void rig_add(struct rig_suite *suite, const char *name, void (*test)(void **state),
        struct rig_kind kind);
// Runs them on DPDK without hugepages or devices. Each test must return all buffers to the pool.
int rig_run(const char *name, struct rig_suite *suite);
// Rounds of a random test: `n`, or so many times as much as the environment's ORRERY_TEST_EFFORT
// says.
uint32_t rig_rounds(uint32_t n);
// Stops the ring and starts it where it was.
void rig_restart(struct vring_rig *rig);
// Transmit ring: frames of 60 bytes in one buffer each, and what takes them and gives them back.
void rig_send_plain(struct vring_rig *rig, uint32_t n);
void rig_receive(struct vring_rig *rig, uint16_t n);
