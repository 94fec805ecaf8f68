/* SPDX-License-Identifier: BSD-3-Clause */
// Removes the interfaces of destroyed ports in the background.
//
// The kernel takes some 20 ms to remove an interface, nearly all of it waiting for grace periods
// without any lock, and not much more for a few of them at once. So control only marks: the host
// end gets a link group that says "doomed", which outlives the process, and the reaper's thread has
// the kernel remove group after group. A group has interfaces of one shard, and few of them, since
// the kernel holds the lock of all network configuration for some 0.1 ms each.
//
// Thread: control calls, the reaper's own thread removes. It has sockets of its own and never
// touches an interface by index, so an id that is used again cannot be hit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct hub;
struct reaper;
struct rtnl_link;

// Borrows the hub. Ids are below `max_ports`.
__attribute__((warn_unused_result)) int reaper_create(
        struct hub *hub, uint32_t max_ports, struct reaper **ret_reaper, struct fault *fault);
// drain: only when all that is doomed is gone, for up to five seconds; what is left then has its
// mark for the next switch. Else it goes with its namespace.
void reaper_destroy(struct reaper *reaper, bool drain);

// What is known of a doomed interface.
struct doomed {
	uint32_t id; // of its port
	uint64_t netns_inode; // where the pod's end is, and its name there
	char ifname[16];
};

// Marks the host end. It is removed soon after reaper_wake. Returns 0, -ENODEV if there is no such
// interface, or -errno.
__attribute__((warn_unused_result)) int reaper_doom(
        struct reaper *reaper, const struct doomed *doomed);
void reaper_wake(struct reaper *reaper);
// One that an earlier switch marked.
bool reaper_is_doomed(const struct rtnl_link *link);
void reaper_inherit(struct reaper *reaper, const struct doomed *doomed, uint32_t group);

// Whether the interface of the last port with this id is still to be removed.
bool reaper_is_pending(const struct reaper *reaper, uint32_t id);
// The doomed interface that has this name in the pod. Returns 0 or -ENOENT.
__attribute__((warn_unused_result)) int reaper_find(
        const struct reaper *reaper, uint64_t netns_inode, const char *ifname, uint32_t *ret_id);
// Has it removed next and waits for that. Returns 0, or -ETIMEDOUT after two seconds.
__attribute__((warn_unused_result)) int reaper_wait(struct reaper *reaper, uint32_t id);
