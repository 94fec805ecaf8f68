/* SPDX-License-Identifier: BSD-3-Clause */
// Host ends of an earlier switch, by their aliases.
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "hub.h"
#include "port_ops.h"
#include "reaper.h"
#include "rtnl.h"

struct scan {
	struct reaper *reaper;
	struct port_found *found;
	size_t n, size;
	bool no_memory;
};

// Its port was removed, but the switch did not live to see the interface go.
static void inherit_doomed(struct scan *scan, const struct rtnl_link *link)
{
	struct doomed doomed = {.id = link->ifindex - AF_XDP_PORT_IFINDEX};
	struct alias alias;

	if (alias_parse(link->alias, &alias) == 0) {
		doomed.netns_inode = alias.netns_inode;
		memcpy(doomed.ifname, alias.ifname, sizeof(doomed.ifname));
	}
	reaper_inherit(scan->reaper, &doomed, link->group);
}

static void scan_link(const struct rtnl_link *link, void *arg)
{
	struct scan *scan = arg;
	struct port_found *found;
	struct alias alias;

	if (link->ifindex < AF_XDP_PORT_IFINDEX ||
	        link->ifindex > AF_XDP_PORT_IFINDEX + PORT_ID_MAX)
		return;
	if (reaper_is_doomed(link)) {
		inherit_doomed(scan, link);
		return;
	}
	if (alias_parse(link->alias, &alias) < 0)
		return; // half made when the switch ended; removed when the id is used
	if (scan->n == scan->size) {
		size_t size = scan->size != 0 ? scan->size * 2 : 256;

		found = realloc(scan->found, size * sizeof(*found));
		if (found == NULL) {
			scan->no_memory = true;
			return;
		}
		scan->found = found;
		scan->size = size;
	}
	found = &scan->found[scan->n++];
	*found = (struct port_found){
	        .id = link->ifindex - AF_XDP_PORT_IFINDEX,
	        .mtu = (uint16_t)link->mtu,
	        .no_carrier = !link->up,
	};
	memcpy(found->ref, alias.ref, sizeof(found->ref));
	memcpy(found->owner, alias.owner, sizeof(found->owner));
	memcpy(found->mac, alias.mac, sizeof(found->mac));
	memcpy(found->ifname, alias.ifname, sizeof(found->ifname));
}

int scan_ports(const struct hub *hub, struct reaper *reaper,
        void (*found)(const struct port_found *port, void *arg), void *arg, struct fault *fault)
{
	struct scan scan = {.reaper = reaper};
	int ret = 0;

	for (uint32_t i = 0; i < AF_XDP_MAX_SHARDS && ret == 0; i++) {
		struct rtnl *shard = hub_shard_if_any(hub, i * AF_XDP_SHARD_PORTS);

		if (shard != NULL)
			ret = rtnl_link_dump(shard, scan_link, &scan);
	}
	reaper_wake(reaper);
	if (ret == 0 && scan.no_memory)
		ret = -ENOMEM;
	if (ret < 0)
		fault_set(fault, ret, NULL, "af_xdp: looking for ports of an earlier switch: %s",
		        strerror(-ret));
	for (size_t i = 0; i < scan.n && ret == 0; i++)
		found(&scan.found[i], arg);
	free(scan.found);
	return ret;
}
