/* SPDX-License-Identifier: BSD-3-Clause */
// The af_xdp driver's operations: the driver's life, and that of its ports.
#include "af_xdp.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "bpf.h"
#include "hub.h"
#include "log.h"
#include "netns.h"
#include "pod_end.h"
#include "reaper.h"
#include "rtnl.h"
#include "scan.h"
#include "trunk.h"

#define VLAN_TAGS_BYTES 8u // of a pod's own, outside its MTU

struct port_driver {
	struct bpf *bpf;
	struct hub *hub;
	struct reaper *reaper;
	uint16_t n_workers;
	uint32_t max_ports;
	uint16_t mtu_max;
	struct trunk_port_counters *port_counters; // [max_ports]
	struct trunk *trunks[AF_XDP_MAX_WORKERS];
};

// --- the driver ---------------------------------------------------------------------------------

static int check_config(const struct port_driver_config *config, struct fault *fault)
{
	if (config->n_workers == 0 || config->n_workers > AF_XDP_MAX_WORKERS)
		return fault_set(fault, -EINVAL, "workers",
		        "af_xdp: %u workers, 1 to %u are possible", config->n_workers,
		        AF_XDP_MAX_WORKERS);
	if (config->max_ports == 0 || config->max_ports > PORT_ID_MAX + 1)
		return fault_set(fault, -EINVAL, "max_ports",
		        "af_xdp: %u ports, 1 to %u are possible", config->max_ports,
		        PORT_ID_MAX + 1);
	return 0;
}

// A frame must fit one buffer of every pool.
static uint16_t mtu_max_of(const struct port_driver_config *config)
{
	uint32_t mtu = AF_XDP_MTU_MAX;

	for (uint16_t i = 0; i < config->n_workers; i++) {
		uint32_t room = rte_pktmbuf_data_room_size(config->pools[i]) - RTE_PKTMBUF_HEADROOM;

		if (room < mtu + ETH_HLEN + VLAN_TAGS_BYTES)
			mtu = room > ETH_HLEN + VLAN_TAGS_BYTES ? room - ETH_HLEN - VLAN_TAGS_BYTES
			                                        : 0;
	}
	return (uint16_t)mtu;
}

static void af_xdp_close(struct port_driver *driver, bool keep)
{
	if (driver == NULL)
		return;
	// without `keep` what is doomed goes with the namespaces
	reaper_destroy(driver->reaper, keep);
	for (uint16_t i = 0; i < driver->n_workers; i++)
		trunk_destroy(driver->trunks[i]);
	hub_destroy(driver->hub, keep);
	bpf_destroy(driver->bpf);
	free(driver->port_counters);
	free(driver);
}

static int open_trunks(
        struct port_driver *driver, const struct port_driver_config *config, struct fault *fault)
{
	for (uint16_t i = 0; i < driver->n_workers; i++) {
		const struct trunk_config trunk = {
		        .ops = &af_xdp_ops,
		        .worker = i,
		        .pool = config->pools[i],
		        .ring_size = config->ring_size,
		        .max_ports = driver->max_ports,
		        .port_counters = driver->port_counters,
		};
		int ret = hub_add_trunk(driver->hub, &trunk, &driver->trunks[i], fault);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int af_xdp_open(const struct port_driver_config *config, struct port_driver **ret_driver,
        struct fault *fault)
{
	struct port_driver *driver;
	int ret = check_config(config, fault);

	if (ret < 0)
		return ret;
	driver = calloc(1, sizeof(*driver));
	if (driver == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	driver->n_workers = config->n_workers;
	driver->max_ports = config->max_ports;
	driver->mtu_max = mtu_max_of(config);
	driver->port_counters = calloc(config->max_ports, sizeof(*driver->port_counters));
	if (driver->port_counters == NULL) {
		ret = fault_set(fault, -ENOMEM, NULL, "out of memory");
		goto err;
	}
	ret = bpf_create(driver->max_ports, &driver->bpf, fault);
	if (ret < 0)
		goto err;
	ret = hub_create(
	        &(struct hub_config){
	                .instance = config->instance,
	                .n_workers = config->n_workers,
	                .bpf = driver->bpf,
	        },
	        &driver->hub, fault);
	if (ret < 0)
		goto err;
	ret = reaper_create(driver->hub, driver->max_ports, &driver->reaper, fault);
	if (ret < 0)
		goto err;
	ret = open_trunks(driver, config, fault);
	if (ret < 0)
		goto err;
	*ret_driver = driver;
	return 0;
err:
	// pods of an earlier switch must not lose their interfaces because this one cannot start
	af_xdp_close(driver, driver->hub != NULL && !hub_is_new(driver->hub));
	return ret;
}

static struct port_queue *af_xdp_worker_queue(struct port_driver *driver, uint16_t worker)
{
	return worker < driver->n_workers ? trunk_queue(driver->trunks[worker]) : NULL;
}

// --- ports --------------------------------------------------------------------------------------

static int check_port(const struct port_driver *driver, const struct port_config *config,
        const struct port *port, struct fault *fault)
{
	uint32_t mtu = config->mtu != 0 ? config->mtu : AF_XDP_MTU_DEFAULT;
	uint32_t mtu_min = config->n_addrs > 0 ? AF_XDP_MTU_IPV6_MIN : AF_XDP_MTU_MIN;

	if (port->id >= driver->max_ports)
		return fault_set(fault, -ENOSPC, NULL, "port '%s': id %u, the limit is %u ports",
		        config->ref, port->id, driver->max_ports);
	if (port->worker >= driver->n_workers)
		return fault_set(
		        fault, -EINVAL, NULL, "port '%s': no worker %u", config->ref, port->worker);
	if (config->netns_fd < 0)
		return fault_set(fault, -EINVAL, "netns",
		        "port '%s': an af_xdp port needs the pod's network namespace", config->ref);
	if (config->ifname[0] == '\0')
		return fault_set(fault, -EINVAL, "ifname",
		        "port '%s': an af_xdp port needs the interface's name in the pod",
		        config->ref);
	if (mtu > driver->mtu_max)
		return fault_set(fault, -EINVAL, "mtu", "port '%s': mtu %u exceeds %u (%s)",
		        config->ref, mtu, driver->mtu_max,
		        driver->mtu_max < AF_XDP_MTU_MAX ? "what a frame buffer holds"
		                                         : "what XDP on a veth carries");
	if (mtu < mtu_min)
		return fault_set(fault, -EINVAL, "mtu", "port '%s': mtu %u is below %u%s",
		        config->ref, mtu, mtu_min,
		        config->n_addrs > 0 ? ", the least for IPv6" : "");
	return 0;
}

// Locally administered, the same for the same port every time (FNV-1a of its reference).
static void mac_from_ref(uint8_t mac[ETH_ALEN], const char *ref)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *ref != '\0'; ref++)
		hash = (hash ^ (uint8_t)*ref) * 0x100000001b3ull;
	hash ^= hash >> 32;
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

static void fill_port(
        struct port_driver *driver, const struct port_config *config, struct port *port)
{
	static const uint8_t none[ETH_ALEN];

	port->ops = &af_xdp_ops;
	port->driver = driver;
	port->queue = trunk_queue(driver->trunks[port->worker]);
	port->mtu = config->mtu != 0 ? config->mtu : AF_XDP_MTU_DEFAULT;
	memcpy(port->mac, config->mac, ETH_ALEN);
	if (memcmp(port->mac, none, ETH_ALEN) == 0)
		mac_from_ref(port->mac, config->ref);
	memcpy(port->ref, config->ref, sizeof(port->ref));
	memcpy(port->owner, config->owner, sizeof(port->owner));
	memcpy(port->ifname, config->ifname, sizeof(port->ifname));
	port->netns_inode = netns_inode(config->netns_fd);
}

static uint32_t host_ifindex(const struct port *port)
{
	return AF_XDP_PORT_IFINDEX + port->id;
}

static void set_entry(const struct port *port, bool carrier)
{
	struct af_xdp_port_entry entry = {
	        .worker = (uint8_t)port->worker,
	        .flags = AF_XDP_PORT_VALID | (carrier ? AF_XDP_PORT_CARRIER : 0),
	};

	memcpy(entry.mac, port->mac, ETH_ALEN);
	bpf_set_port(port->driver->bpf, port->id, &entry);
}

// The veth, its peer in the pod, and the program on the host end. `alias` names the port to the
// next switch.
static int make_veth(struct rtnl *shard, const struct port *port, int netns_fd, const char *alias,
        const char **ret_what)
{
	char name[16];
	const struct rtnl_veth veth = {
	        .name = name,
	        .ifindex = host_ifindex(port),
	        .mtu = port->mtu,
	        .peer_name = port->ifname,
	        .peer_mtu = port->mtu,
	        .peer_mac = port->mac,
	        .peer_netns_fd = netns_fd,
	};

	snprintf(name, sizeof(name), "p%u", port->id);
	rtnl_put_veth(shard, &veth, "veth");
	rtnl_put_link_set(shard,
	        &(struct rtnl_link_set){
	                .ifindex = veth.ifindex,
	                .change_up = true,
	                .up = true,
	                .alias = alias,
	                .xdp_fd = bpf_host_prog_fd(port->driver->bpf),
	        },
	        "XDP on the veth");
	return rtnl_send(shard, ret_what);
}

static void delete_veth(struct rtnl *shard, uint32_t ifindex)
{
	int ret;

	rtnl_put_link_del(shard, ifindex, "veth");
	ret = rtnl_send(shard, NULL);
	// gone with the pod's namespace is gone too
	if (ret < 0 && ret != -ENODEV)
		log_warning("interface %u: cannot remove: %s", ifindex, strerror(-ret));
}

static int make_or_remake_veth(struct rtnl *shard, const struct port *port, int netns_fd,
        const char *alias, struct fault *fault)
{
	struct reaper *reaper = port->driver->reaper;
	const char *what = "";
	struct rtnl_link stale;
	uint32_t doomed;
	int ret;

	if (reaper_is_pending(reaper, port->id) && reaper_wait(reaper, port->id) < 0)
		return fault_set(fault, -EBUSY, NULL,
		        "port '%s': the kernel has not removed the last interface of id %u yet",
		        port->ref, port->id);
	// an interface that an earlier switch left under this id, and nobody adopted
	if (rtnl_link_get(shard, host_ifindex(port), &stale) == 0) {
		log_notice("port '%s': removing what id %u was before ('%s')", port->ref, port->id,
		        stale.alias);
		delete_veth(shard, host_ifindex(port));
	}
	ret = make_veth(shard, port, netns_fd, alias, &what);
	// perhaps it is the interface of a port that was removed just now
	if (ret == -EEXIST && reaper_find(reaper, port->netns_inode, port->ifname, &doomed) == 0 &&
	        reaper_wait(reaper, doomed) == 0)
		ret = make_veth(shard, port, netns_fd, alias, &what);
	if (ret == -EEXIST)
		return fault_set(fault, ret, "ifname",
		        "port '%s': the pod has an interface '%s' already", port->ref,
		        port->ifname);
	if (ret < 0) {
		if (strcmp(what, "veth") != 0)
			delete_veth(shard, host_ifindex(port));
		return fault_set(
		        fault, ret, NULL, "port '%s': %s: %s", port->ref, what, strerror(-ret));
	}
	return 0;
}

// Leaves the host end and so the pod's end to the reaper.
static void doom_veth(const struct port *port)
{
	struct doomed doomed = {.id = port->id, .netns_inode = port->netns_inode};
	int ret;

	memcpy(doomed.ifname, port->ifname, sizeof(doomed.ifname));
	ret = reaper_doom(port->driver->reaper, &doomed);
	// gone with the pod's namespace is gone too
	if (ret < 0 && ret != -ENODEV)
		log_warning(
		        "port '%s': cannot remove its interface: %s", port->ref, strerror(-ret));
}

static void forget_counters(struct port_driver *driver, uint32_t id)
{
	atomic_store_explicit(&driver->port_counters[id].tx_full, 0, memory_order_relaxed);
	atomic_store_explicit(&driver->port_counters[id].tx_errors, 0, memory_order_relaxed);
}

static int af_xdp_create(struct port_driver *driver, const struct port_config *config,
        struct port *port, struct fault *fault)
{
	struct alias alias = {0};
	char text[ALIAS_SIZE];
	struct rtnl *shard;
	int ret = check_port(driver, config, port, fault);

	if (ret < 0)
		return ret;
	fill_port(driver, config, port);
	memcpy(alias.ref, port->ref, sizeof(alias.ref));
	memcpy(alias.owner, port->owner, sizeof(alias.owner));
	memcpy(alias.ifname, port->ifname, sizeof(alias.ifname));
	memcpy(alias.mac, port->mac, sizeof(alias.mac));
	alias.netns_inode = port->netns_inode;
	ret = alias_format(&alias, text, fault);
	if (ret < 0)
		return ret;
	shard = hub_shard(driver->hub, port->id, fault);
	if (shard == NULL)
		return fault != NULL && fault->code < 0 ? fault->code : -EIO;
	ret = make_or_remake_veth(shard, port, config->netns_fd, text, fault);
	if (ret < 0)
		return ret;
	forget_counters(driver, port->id);
	set_entry(port, true /* carrier */);
	ret = pod_end_setup(config, hub_offloads(driver->hub), fault);
	if (ret < 0) {
		bpf_set_port(driver->bpf, port->id, NULL);
		doom_veth(port);
		reaper_wake(driver->reaper);
	}
	return ret;
}

static void af_xdp_destroy(struct port *port, bool keep)
{
	bpf_set_port(port->driver->bpf, port->id, NULL);
	if (!keep)
		doom_veth(port);
}

static void af_xdp_settle(struct port_driver *driver)
{
	reaper_wake(driver->reaper);
}

static bool af_xdp_lingers(struct port_driver *driver, uint32_t id)
{
	return reaper_is_pending(driver->reaper, id);
}

// --- adoption -----------------------------------------------------------------------------------

static int af_xdp_scan(struct port_driver *driver,
        void (*found)(const struct port_found *port, void *arg), void *arg, struct fault *fault)
{
	return scan_ports(driver->hub, driver->reaper, found, arg, fault);
}

static int adopt_fault(const struct port_found *found, int ret, struct fault *fault)
{
	return fault_set(fault, ret, NULL, "port '%s': cannot adopt its interface: %s", found->ref,
	        strerror(-ret));
}

static int af_xdp_adopt(struct port_driver *driver, const struct port_found *found,
        struct port *port, struct fault *fault)
{
	struct rtnl *shard;
	struct rtnl_link link;
	struct alias alias = {0};
	int ret;

	if (port->id != found->id || port->id >= driver->max_ports ||
	        port->worker >= driver->n_workers)
		return adopt_fault(found, -EINVAL, fault);
	shard = hub_shard_if_any(driver->hub, port->id);
	ret = shard != NULL ? rtnl_link_get(shard, host_ifindex(port), &link) : -ENODEV;
	if (ret == 0)
		ret = alias_parse(link.alias, &alias);
	if (ret < 0)
		return adopt_fault(found, ret, fault);
	port->ops = &af_xdp_ops;
	port->driver = driver;
	port->queue = trunk_queue(driver->trunks[port->worker]);
	port->mtu = found->mtu;
	memcpy(port->mac, found->mac, sizeof(port->mac));
	memcpy(port->ref, found->ref, sizeof(port->ref));
	memcpy(port->owner, found->owner, sizeof(port->owner));
	memcpy(port->ifname, found->ifname, sizeof(port->ifname));
	port->netns_inode = alias.netns_inode;
	forget_counters(driver, port->id);
	set_entry(port, !found->no_carrier);
	// our program in place of the old one, which looks into the old switch's maps
	rtnl_put_link_set(shard,
	        &(struct rtnl_link_set){
	                .ifindex = host_ifindex(port),
	                .xdp_fd = bpf_host_prog_fd(driver->bpf),
	        },
	        "XDP");
	ret = rtnl_send(shard, NULL);
	if (ret < 0) {
		bpf_set_port(driver->bpf, port->id, NULL);
		return adopt_fault(found, ret, fault);
	}
	return 0;
}

// --- carrier and counters -----------------------------------------------------------------------

static int af_xdp_set_carrier(struct port *port, bool up, struct fault *fault)
{
	struct rtnl *shard = hub_shard_if_any(port->driver->hub, port->id);
	int ret = -ENODEV;

	if (shard != NULL) {
		rtnl_put_link_set(shard,
		        &(struct rtnl_link_set){.ifindex = host_ifindex(port),
		                .change_up = true,
		                .up = up,
		                .xdp_fd = -1},
		        "carrier");
		ret = rtnl_send(shard, NULL);
	}
	if (ret < 0)
		return fault_set(
		        fault, ret, NULL, "port '%s': carrier: %s", port->ref, strerror(-ret));
	set_entry(port, up);
	return 0;
}

static void af_xdp_get_stats(struct port *port, struct port_stats *ret_stats)
{
	const struct trunk_port_counters *counters = &port->driver->port_counters[port->id];
	struct af_xdp_port_drops drops = bpf_port_drops(port->driver->bpf, port->id);
	struct rtnl *shard = hub_shard_if_any(port->driver->hub, port->id);
	struct rtnl_link link = {0};
	int ret = shard != NULL ? rtnl_link_get(shard, host_ifindex(port), &link) : -ENODEV;

	if (ret < 0)
		memset(&link, 0, sizeof(link));
	*ret_stats = (struct port_stats){
	        .rx_dropped = link.rx_dropped + drops.in,
	        .rx_errors = link.rx_errors,
	        .tx_full = atomic_load_explicit(&counters->tx_full, memory_order_relaxed),
	        .tx_errors = atomic_load_explicit(&counters->tx_errors, memory_order_relaxed),
	        .tx_peer_dropped = link.tx_dropped + drops.out,
	        .gone = ret == -ENODEV,
	};
}

struct stats_out {
	const char **names;
	uint64_t *values;
	size_t n, size;
};

static void put_stat(struct stats_out *out, const char *name, uint64_t value)
{
	if (out->n == out->size)
		return;
	out->names[out->n] = name;
	out->values[out->n++] = value;
}

static void put_trunk_stats(const struct port_driver *driver, struct stats_out *out)
{
	struct trunk_counters sum = {0};

	for (uint16_t i = 0; i < driver->n_workers; i++) {
		struct trunk_counters one;

		trunk_stats(driver->trunks[i], &one);
#define X(field, name, text) sum.field += one.field;
		TRUNK_COUNTERS(X)
#undef X
	}
#define X(field, name, text) put_stat(out, name, sum.field);
	TRUNK_COUNTERS(X)
#undef X
}

static size_t af_xdp_driver_stats(
        struct port_driver *driver, const char **names, uint64_t *values, size_t n)
{
	static const char *const bpf_names[AF_XDP_COUNTER_COUNT] = {
#define X(symbol, name, text) [AF_XDP_##symbol] = name,
	        AF_XDP_COUNTERS(X)
#undef X
	};
	struct stats_out out = {.names = names, .values = values, .size = n};
	uint64_t counters[AF_XDP_COUNTER_COUNT];
	struct hub_drops drops;

	put_trunk_stats(driver, &out);
	hub_drops(driver->hub, &drops);
	put_stat(&out, "trunk_in_dropped", drops.in);
	put_stat(&out, "trunk_out_dropped", drops.out);
	bpf_counters(driver->bpf, counters);
	for (size_t i = 0; i < AF_XDP_COUNTER_COUNT; i++)
		put_stat(&out, bpf_names[i], counters[i]);
	return out.n;
}

const struct port_ops af_xdp_ops = {
        .name = "af_xdp",
        .open = af_xdp_open,
        .close = af_xdp_close,
        .worker_queue = af_xdp_worker_queue,
        .create = af_xdp_create,
        .destroy = af_xdp_destroy,
        .settle = af_xdp_settle,
        .lingers = af_xdp_lingers,
        .scan = af_xdp_scan,
        .adopt = af_xdp_adopt,
        .set_carrier = af_xdp_set_carrier,
        .get_stats = af_xdp_get_stats,
        .driver_stats = af_xdp_driver_stats,
        .rx_burst = trunk_rx_burst,
        .tx_burst = trunk_tx_burst,
        .tx_flush = trunk_tx_flush,
};
