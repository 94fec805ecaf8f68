/* SPDX-License-Identifier: BSD-3-Clause */
// A small routed world on the rig, for tests of the router:
//
//	A (port 0) --.                              .-- B (port 1)
//	             R0 if10 ------------- if11 R1 --
//	D (port 3) --'    `                    if12 --- if2 P, a pod (port 2)
//
// R0 is node 0 (fd00::a), R1 node 1 (fd00::b), P node 2; node 3 is a router that no link reaches.
// fd01::/64 is behind A, fd02::/64 B, fd03::/64 P, fd06::/64 D; fd04::/64 R0 itself owns, fd05::/64
// node 3.
#pragma once

#include "frames.h"
#include "rig.h"

#define R0_ADDR "fd00::a"
#define R1_ADDR "fd00::b"
#define WORLD_PORTS 4

struct world {
	struct rig rig;
	struct fib6 *fib;
	struct dp_nexthops *nexthops;
	uint64_t now_tsc;
};

void world_open(struct world *world);
void world_close(struct world *world);
// Sends what `bytes` holds into a port and runs until nothing moves.
void world_send(struct world *world, uint32_t port, const struct bytes *bytes);
void world_inject(struct world *world, uint32_t port, const struct bytes *bytes);
void world_run(struct world *world);
// The next frame out of a port; len 0: none.
struct bytes world_receive(struct world *world, uint32_t port);
// Exactly this comes out of the port, and nothing else out of any.
void world_expect(struct world *world, uint32_t port, const struct bytes *want);
void world_expect_nothing(struct world *world);
// One more drop for this reason than at the last call for it, and nothing came out.
void world_expect_drop(
        struct world *world, uint32_t port, const struct bytes *bytes, enum drop_reason reason);
