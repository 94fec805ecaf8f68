/* SPDX-License-Identifier: BSD-3-Clause */
// The hub and its shards: namespaces, the pairs between them, the trunks.
#include "hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "netns.h"
#include "rtnl.h"

// The trunk takes the longest frame of a pod (AF_XDP_MTU_MAX, two VLAN tags) and our tag. XDP on
// the socket end limits the MTU of the peer end to what a page holds.
#define TRUNK_MTU 3520u
#define PEER_MTU 3500u

struct shard {
	struct rtnl *rtnl; // NULL: not made
	int netns_fd;
};

struct hub {
	char instance[64];
	uint16_t n_workers;
	struct bpf *bpf;
	int netns_fd;
	bool is_new;
	struct rtnl *rtnl;
	struct offloads offloads;
	struct shard shards[AF_XDP_MAX_SHARDS]; // 0 unused: the hub is that shard
};

static void hub_name(char name[NETNS_NAME_SIZE], const char *instance)
{
	snprintf(name, NETNS_NAME_SIZE, "orrery-%s", instance);
}

static void shard_name(char name[NETNS_NAME_SIZE], const char *instance, uint32_t shard)
{
	snprintf(name, NETNS_NAME_SIZE, "orrery-%s.%u", instance, shard);
}

static int open_rtnl_in(int netns_fd, struct rtnl **ret_rtnl)
{
	int home = netns_enter(netns_fd), ret;

	if (home < 0)
		return home;
	ret = rtnl_open(ret_rtnl);
	netns_leave(home);
	return ret;
}

static void put_up(struct rtnl *rtnl, uint32_t ifindex)
{
	rtnl_put_link_set(rtnl,
	        &(struct rtnl_link_set){
	                .ifindex = ifindex, .change_up = true, .up = true, .xdp_fd = -1},
	        "up");
}

// --- shards -------------------------------------------------------------------------------------

// The pair from the hub into the shard; one that is there is kept.
static int add_shard_pair(struct hub *hub, uint32_t idx)
{
	char name[16];
	const struct rtnl_veth veth = {
	        .name = name,
	        .ifindex = AF_XDP_SHARD_IFINDEX + idx,
	        .mtu = TRUNK_MTU,
	        .up = true,
	        .peer_name = "hub",
	        .peer_ifindex = AF_XDP_HUB_IFINDEX,
	        .peer_mtu = TRUNK_MTU,
	        .peer_netns_fd = hub->shards[idx].netns_fd,
	};
	struct rtnl_link link;
	int ret;

	if (rtnl_link_get(hub->rtnl, veth.ifindex, &link) == 0)
		return 0;
	snprintf(name, sizeof(name), "shard%u", idx);
	rtnl_put_veth(hub->rtnl, &veth, "pair");
	ret = rtnl_send(hub->rtnl, NULL);
	if (ret < 0)
		return ret;
	put_up(hub->shards[idx].rtnl, AF_XDP_HUB_IFINDEX);
	return rtnl_send(hub->shards[idx].rtnl, NULL);
}

static int attach_shard_program(const struct hub *hub, uint32_t idx)
{
	int home = netns_enter(hub->shards[idx].netns_fd), ret;

	if (home < 0)
		return home;
	ret = bpf_attach_shard(hub->bpf, AF_XDP_HUB_IFINDEX);
	netns_leave(home);
	return ret;
}

static void close_shard(struct shard *shard)
{
	rtnl_close(shard->rtnl);
	shard->rtnl = NULL;
	if (shard->netns_fd >= 0)
		close(shard->netns_fd);
	shard->netns_fd = -1;
}

// Takes the descriptor of the shard's namespace, on failure too.
static int open_shard(struct hub *hub, uint32_t idx, int netns_fd, struct fault *fault)
{
	struct shard *shard = &hub->shards[idx];
	int ret;

	shard->netns_fd = netns_fd;
	ret = open_rtnl_in(netns_fd, &shard->rtnl);
	if (ret == 0)
		ret = add_shard_pair(hub, idx);
	if (ret == 0)
		ret = attach_shard_program(hub, idx);
	if (ret < 0) {
		close_shard(shard);
		return fault_set(fault, ret, NULL, "shard %u of instance '%s': %s", idx,
		        hub->instance, strerror(-ret));
	}
	return 0;
}

struct rtnl *hub_shard(struct hub *hub, uint32_t port_id, struct fault *fault)
{
	uint32_t idx = port_id >> AF_XDP_SHARD_BITS;
	char name[NETNS_NAME_SIZE];
	bool created;
	int fd;

	if (idx == 0)
		return hub->rtnl;
	if (hub->shards[idx].rtnl != NULL)
		return hub->shards[idx].rtnl;
	shard_name(name, hub->instance, idx);
	fd = netns_create(name, &created, fault);
	if (fd < 0 || open_shard(hub, idx, fd, fault) < 0)
		return NULL;
	return hub->shards[idx].rtnl;
}

struct rtnl *hub_shard_if_any(const struct hub *hub, uint32_t port_id)
{
	uint32_t idx = port_id >> AF_XDP_SHARD_BITS;

	return idx == 0 ? hub->rtnl : hub->shards[idx].rtnl;
}

int hub_open_rtnl(const struct hub *hub, uint32_t shard, struct rtnl **ret_rtnl)
{
	return open_rtnl_in(shard == 0 ? hub->netns_fd : hub->shards[shard].netns_fd, ret_rtnl);
}

// Shards of an earlier switch.
static int open_old_shards(struct hub *hub, struct fault *fault)
{
	for (uint32_t i = 1; i < AF_XDP_MAX_SHARDS; i++) {
		char name[NETNS_NAME_SIZE];
		int fd, ret;

		shard_name(name, hub->instance, i);
		fd = netns_open(name);
		if (fd < 0)
			continue;
		ret = open_shard(hub, i, fd, fault);
		if (ret < 0)
			return ret;
	}
	return 0;
}

// --- hub ----------------------------------------------------------------------------------------

struct old_trunks {
	uint32_t ifindexes[AF_XDP_MAX_WORKERS];
	uint32_t n;
};

static void find_old_trunk(const struct rtnl_link *link, void *arg)
{
	struct old_trunks *old = arg;

	if (link->ifindex >= AF_XDP_TRUNK_IFINDEX &&
	        link->ifindex < AF_XDP_TRUNK_IFINDEX + AF_XDP_MAX_WORKERS &&
	        old->n < AF_XDP_MAX_WORKERS)
		old->ifindexes[old->n++] = link->ifindex;
}

static int remove_old_trunks(struct hub *hub)
{
	struct old_trunks old = {.n = 0};
	int ret = rtnl_link_dump(hub->rtnl, find_old_trunk, &old);

	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < old.n; i++)
		rtnl_put_link_del(hub->rtnl, old.ifindexes[i], "old trunk");
	return rtnl_send(hub->rtnl, NULL);
}

// Any interface tells how the kernel numbers the features; the first trunk is there.
static int read_offloads(struct hub *hub, const char *ifname)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	ret = offloads_init(&hub->offloads, fd, ifname);
	close(fd);
	return ret;
}

int hub_create(const struct hub_config *config, struct hub **ret_hub, struct fault *fault)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	char name[NETNS_NAME_SIZE];
	int ret;

	if (hub == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	hub->bpf = config->bpf;
	hub->n_workers = config->n_workers;
	hub->netns_fd = -1;
	for (uint32_t i = 0; i < AF_XDP_MAX_SHARDS; i++)
		hub->shards[i].netns_fd = -1;
	snprintf(hub->instance, sizeof(hub->instance), "%s", config->instance);
	hub_name(name, hub->instance);
	ret = netns_create(name, &hub->is_new, fault);
	if (ret < 0)
		goto err;
	hub->netns_fd = ret;
	ret = open_rtnl_in(hub->netns_fd, &hub->rtnl);
	if (ret == 0 && !hub->is_new) {
		log_notice(
		        "namespace '%s' is there: taking over what an earlier switch left", name);
		ret = remove_old_trunks(hub);
	}
	if (ret < 0) {
		fault_set(fault, ret, NULL, "network namespace '%s': %s", name, strerror(-ret));
		goto err;
	}
	ret = open_old_shards(hub, fault);
	if (ret < 0)
		goto err;
	*ret_hub = hub;
	return 0;
err:
	hub_destroy(hub, !hub->is_new); // what was there stays for a switch that can use it
	return ret;
}

void hub_destroy(struct hub *hub, bool keep)
{
	char name[NETNS_NAME_SIZE];

	if (hub == NULL)
		return;
	for (uint32_t i = 0; i < AF_XDP_MAX_SHARDS; i++) {
		if (hub->shards[i].rtnl == NULL)
			continue;
		close_shard(&hub->shards[i]);
		shard_name(name, hub->instance, i);
		if (!keep)
			netns_remove(name);
	}
	rtnl_close(hub->rtnl);
	if (hub->netns_fd >= 0) {
		close(hub->netns_fd);
		hub_name(name, hub->instance);
		if (!keep)
			netns_remove(name);
	}
	free(hub);
}

bool hub_is_new(const struct hub *hub)
{
	return hub->is_new;
}

const struct offloads *hub_offloads(const struct hub *hub)
{
	return &hub->offloads;
}

// --- trunks -------------------------------------------------------------------------------------

static int add_trunk_pair(struct hub *hub, uint16_t worker, const char *ifname)
{
	char peer_name[16];
	const struct rtnl_veth veth = {
	        .name = ifname,
	        .ifindex = AF_XDP_TRUNK_IFINDEX + worker,
	        .mtu = TRUNK_MTU,
	        .up = true,
	        .peer_name = peer_name,
	        .peer_ifindex = AF_XDP_PEER_IFINDEX + worker,
	        .peer_mtu = PEER_MTU,
	        .peer_netns_fd = -1,
	};

	snprintf(peer_name, sizeof(peer_name), "peer%u", worker);
	rtnl_put_veth(hub->rtnl, &veth, "trunk");
	put_up(hub->rtnl, veth.peer_ifindex);
	rtnl_put_link_set(hub->rtnl,
	        &(struct rtnl_link_set){
	                .ifindex = veth.ifindex, .xdp_fd = bpf_socket_prog_fd(hub->bpf)},
	        "XDP");
	return rtnl_send(hub->rtnl, NULL);
}

// In the hub's namespace.
static int add_trunk_inside(struct hub *hub, const struct trunk_config *config,
        struct trunk **ret_trunk, struct fault *fault)
{
	struct trunk_config named = *config;
	char ifname[16];
	struct trunk *trunk;
	int ret;

	snprintf(ifname, sizeof(ifname), "trunk%u", config->worker);
	named.ifname = ifname;
	ret = add_trunk_pair(hub, config->worker, ifname);
	if (ret == 0 && hub->offloads.n_words == 0)
		ret = read_offloads(hub, ifname);
	if (ret < 0)
		return fault_set(fault, ret, NULL,
		        "trunk of worker %u: %s (veth and XDP are needed)", config->worker,
		        strerror(-ret));
	ret = trunk_create(&named, &trunk, fault);
	if (ret < 0)
		return ret;
	ret = bpf_attach_hub(hub->bpf, AF_XDP_PEER_IFINDEX + config->worker);
	if (ret == 0)
		ret = bpf_set_trunk(hub->bpf, config->worker, AF_XDP_PEER_IFINDEX + config->worker,
		        trunk_fd(trunk));
	if (ret < 0) {
		trunk_destroy(trunk);
		return fault_set(fault, ret, NULL,
		        "programs of worker %u: %s (CONFIG_NET_CLS_BPF, CONFIG_NET_SCH_INGRESS and "
		        "CONFIG_NET_CLS_ACT are needed)",
		        config->worker, strerror(-ret));
	}
	*ret_trunk = trunk;
	return 0;
}

int hub_add_trunk(struct hub *hub, const struct trunk_config *config, struct trunk **ret_trunk,
        struct fault *fault)
{
	int home = netns_enter(hub->netns_fd), ret;

	if (home < 0)
		return fault_set(fault, home, NULL, "hub namespace: %s", strerror(-home));
	ret = add_trunk_inside(hub, config, ret_trunk, fault);
	netns_leave(home);
	return ret;
}

void hub_drops(const struct hub *hub, struct hub_drops *ret_drops)
{
	struct rtnl_link link;

	memset(ret_drops, 0, sizeof(*ret_drops));
	for (uint32_t worker = 0; worker < hub->n_workers; worker++) {
		if (rtnl_link_get(hub->rtnl, AF_XDP_TRUNK_IFINDEX + worker, &link) < 0)
			continue;
		ret_drops->in += link.rx_dropped;
		ret_drops->out += link.tx_dropped;
	}
}
