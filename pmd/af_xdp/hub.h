/* SPDX-License-Identifier: BSD-3-Clause */
// The switch's own namespaces: the hub with the trunks and the first 256
// host ends, and a shard for every 256 more.
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf.h"
#include "fault.h"
#include "offloads.h"
#include "trunk.h"

struct hub;
struct rtnl;

struct hub_config {
	const char *instance;
	uint16_t n_workers;
	struct bpf *bpf; // borrowed
};

// Makes the hub, or takes over what an earlier switch left: its shards stay, its trunks go.
__attribute__((warn_unused_result)) int hub_create(
        const struct hub_config *config, struct hub **ret_hub, struct fault *fault);
// keep: the namespaces and all in them stay.
void hub_destroy(struct hub *hub, bool keep);
bool hub_is_new(const struct hub *hub); // nothing was there before

// Makes a worker's trunk with its socket and puts the programs on it. The caller destroys the
// trunk.
__attribute__((warn_unused_result)) int hub_add_trunk(struct hub *hub,
        const struct trunk_config *config, struct trunk **ret_trunk, struct fault *fault);

// Netlink in the shard of a port; makes the shard if it is not there. NULL with a fault.
struct rtnl *hub_shard(struct hub *hub, uint32_t port_id, struct fault *fault);
// The same, but NULL when the shard is not there.
struct rtnl *hub_shard_if_any(const struct hub *hub, uint32_t port_id);
// A socket of the caller's own in a shard that is there. Returns 0 or -errno.
__attribute__((warn_unused_result)) int hub_open_rtnl(
        const struct hub *hub, uint32_t shard, struct rtnl **ret_rtnl);
// The kernel's numbers of the offloads that a pod's end must not have.
const struct offloads *hub_offloads(const struct hub *hub);

// What the trunks' devices dropped, summed.
struct hub_drops {
	uint64_t in; // at the socket ends: the device's ring or the socket's (xsk_rx_*) was full
	uint64_t out; // the queue from a trunk to the pods was full
};
void hub_drops(const struct hub *hub, struct hub_drops *ret_drops);
