/* SPDX-License-Identifier: BSD-3-Clause */
// Ports on any DPDK device: physical NICs as uplinks, tap, memif, pcap, ring, null. One queue pair
// a port, few ports (RTE_MAX_ETHPORTS is 32 in the distribution's DPDK). A device is named by
// devargs and plugged in for the port; one that was there before is used and left in place.
#include <errno.h>
#include <fcntl.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port_ops.h"

#define RING_SIZE_DEFAULT 1024
#define MTU_DEFAULT 1500
#define TAG_BYTES 8u // two VLAN tags beyond the MTU still fit a buffer

struct port_driver {
	uint16_t n_workers;
	uint32_t ring_size;
	struct rte_mempool *const *pools; // borrowed
	bool in_use[RTE_MAX_ETHPORTS]; // by device: a port of ours has it
};

enum notify { NOTIFY_NONE, NOTIFY_LEVEL, NOTIFY_INTERRUPT };

struct ethdev_queue {
	struct port_queue base;
	// constant while published
	uint16_t dev_id;
	uint16_t port_id;
	bool plugged; // by us: unplugged again
	bool multi_segment;
	enum notify notify;
	// worker writes, control reads
	_Atomic uint64_t tx_full;
	_Atomic uint64_t tx_errors;
};

static struct ethdev_queue *queue_of(struct port_queue *queue)
{
	return (struct ethdev_queue *)queue; // its first member
}

// One writer: no locked instruction is needed.
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	        memory_order_relaxed);
}

static int open_driver(const struct port_driver_config *config, struct port_driver **ret_driver,
        struct fault *fault)
{
	struct port_driver *driver = calloc(1, sizeof(*driver));

	if (driver == NULL)
		return fault_set(fault, -ENOMEM, NULL, "ethdev: out of memory");
	driver->n_workers = config->n_workers;
	driver->ring_size = config->ring_size > 0 ? config->ring_size : RING_SIZE_DEFAULT;
	driver->pools = config->pools;
	*ret_driver = driver;
	return 0;
}

static void close_driver(struct port_driver *driver, bool keep)
{
	free(driver);
}

static struct port_queue *worker_queue(struct port_driver *driver, uint16_t worker)
{
	return NULL; // a queue a port
}

// ---- devices

// The device called `name`, or DPDK's port on the device called so. -ENODEV if there is none.
static int find_device(const char *name, uint16_t *ret_dev_id)
{
	struct rte_eth_dev_info info;
	uint16_t dev_id;

	if (rte_eth_dev_get_port_by_name(name, ret_dev_id) == 0)
		return 0;
	RTE_ETH_FOREACH_DEV(dev_id)
	{
		if (rte_eth_dev_info_get(dev_id, &info) == 0 && info.device != NULL &&
		        strcmp(rte_dev_name(info.device), name) == 0) {
			*ret_dev_id = dev_id;
			return 0;
		}
	}
	return -ENODEV;
}

// Finds the device that the devargs name, or plugs it in.
static int plug(
        const char *devargs, const char *ref, struct ethdev_queue *queue, struct fault *fault)
{
	char name[sizeof(((struct port_config *)NULL)->devargs)];
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(devargs, ","), devargs);
	if (name[0] == '\0')
		return fault_set(fault, -EINVAL, "devargs",
		        "port '%s': an ethdev port needs devargs, as in net_tap0,iface=x", ref);
	if (find_device(name, &queue->dev_id) == 0)
		return 0;
	if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
		return fault_set(fault, -ENOSPC, "devargs",
		        "port '%s': all %d devices that this DPDK was built for are in use "
		        "(RTE_MAX_ETHPORTS); use af_xdp ports for pods",
		        ref, RTE_MAX_ETHPORTS);
	err = rte_dev_probe(devargs);
	if (err < 0)
		return fault_set(fault, err, "devargs",
		        "port '%s': device '%s' cannot be opened: %s", ref, devargs,
		        strerror(-err));
	queue->plugged = true;
	if (find_device(name, &queue->dev_id) < 0)
		return fault_set(fault, -ENODEV, "devargs",
		        "port '%s': device '%s' is no network device", ref, devargs);
	return 0;
}

static void unplug(struct ethdev_queue *queue)
{
	struct rte_eth_dev_info info = {.device = NULL};

	if (rte_eth_dev_is_valid_port(queue->dev_id) == 0)
		return;
	(void)rte_eth_dev_info_get(queue->dev_id, &info);
	(void)rte_eth_dev_stop(queue->dev_id);
	if (!queue->plugged)
		return;
	(void)rte_eth_dev_close(queue->dev_id);
	if (info.device != NULL)
		(void)rte_dev_remove(info.device);
}

static bool is_virtual(const struct rte_eth_dev_info *info)
{
	return strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0;
}

static bool is_tap(const struct rte_eth_dev_info *info)
{
	return strcmp(info->driver_name, "net_tap") == 0;
}

// A tap's descriptor is its packet queue; a NIC's tells of an interrupt that must be armed. Other
// virtual devices have none.
static void find_notification(struct ethdev_queue *queue, const struct rte_eth_dev_info *info)
{
	int fd;

	queue->base.fd = -1;
	queue->notify = NOTIFY_NONE;
	if (is_virtual(info) && !is_tap(info))
		return;
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(queue->dev_id, 0 /* queue */);
	if (fd < 0)
		return;
	if (is_tap(info)) {
		queue->notify = NOTIFY_LEVEL;
	} else {
		if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || // disarm must not wait
		        rte_eth_dev_rx_intr_enable(queue->dev_id, 0 /* queue */) < 0)
			return;
		(void)rte_eth_dev_rx_intr_disable(queue->dev_id, 0 /* queue */);
		queue->notify = NOTIFY_INTERRUPT;
	}
	queue->base.fd = fd;
}

static int configure(struct port *port, struct ethdev_queue *queue, struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = {.rxmode.mtu = port->mtu};
	int err;

	conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	queue->multi_segment = conf.txmode.offloads != 0;
	conf.intr_conf.rxq = !is_virtual(info) || is_tap(info);
	err = rte_eth_dev_configure(queue->dev_id, 1, 1, &conf);
	if (err < 0 && conf.intr_conf.rxq) {
		conf.intr_conf.rxq = 0;
		err = rte_eth_dev_configure(queue->dev_id, 1, 1, &conf);
	}
	return err;
}

static int set_up_queues(const struct port_driver *driver, const struct port *port, uint16_t dev_id)
{
	uint16_t n_rx = (uint16_t)RTE_MIN(driver->ring_size, (uint32_t)UINT16_MAX);
	uint16_t n_tx = n_rx;
	int socket = rte_eth_dev_socket_id(dev_id);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(dev_id, &n_rx, &n_tx);

	if (err == 0)
		err = rte_eth_rx_queue_setup(dev_id, 0, n_rx, (unsigned)socket, NULL /* conf */,
		        driver->pools[port->worker]);
	if (err == 0)
		err = rte_eth_tx_queue_setup(dev_id, 0, n_tx, (unsigned)socket, NULL /* conf */);
	return err;
}

// What a device may do without.
static int tolerate(int err)
{
	return err == -ENOTSUP || err == -ENOSYS ? 0 : err;
}

static int check_mtu(const struct port_driver *driver, const struct port *port,
        const struct rte_eth_dev_info *info, struct fault *fault)
{
	uint32_t room =
	        rte_pktmbuf_data_room_size(driver->pools[port->worker]) - RTE_PKTMBUF_HEADROOM;

	if (port->mtu < info->min_mtu || port->mtu > info->max_mtu)
		return fault_set(fault, -EINVAL, "mtu", "port '%s': mtu %u; %s takes %u to %u",
		        port->ref, port->mtu, info->driver_name, info->min_mtu, info->max_mtu);
	if (port->mtu + (uint32_t)RTE_ETHER_HDR_LEN + TAG_BYTES > room)
		return fault_set(fault, -EINVAL, "mtu",
		        "port '%s': mtu %u exceeds the frame buffers' %u", port->ref, port->mtu,
		        room - RTE_ETHER_HDR_LEN - TAG_BYTES);
	return 0;
}

static int start(const struct port_driver *driver, struct port *port, struct ethdev_queue *queue,
        struct fault *fault)
{
	uint16_t dev_id = queue->dev_id;
	struct rte_eth_dev_info info;
	const char *step = "read";
	int err;

	err = rte_eth_dev_info_get(dev_id, &info);
	if (err == 0) {
		err = check_mtu(driver, port, &info, fault);
		if (err < 0)
			return err;
		step = "configured";
		err = configure(port, queue, &info);
	}
	if (err == 0)
		err = set_up_queues(driver, port, dev_id);
	if (err == 0) {
		step = "given its mtu";
		err = tolerate(rte_eth_dev_set_mtu(dev_id, port->mtu));
	}
	if (err == 0) {
		step = "started";
		err = rte_eth_dev_start(dev_id);
	}
	if (err == 0) {
		step = "made promiscuous";
		err = tolerate(rte_eth_promiscuous_enable(dev_id));
	}
	if (err < 0)
		return fault_set(fault, err, "devargs", "port '%s': %s cannot be %s: %s", port->ref,
		        info.driver_name, step, strerror(-err));
	(void)rte_eth_stats_reset(dev_id);
	find_notification(queue, &info);
	return 0;
}

// ---- life of a port

static void fill_mac(const struct port_config *config, struct port *port, uint16_t dev_id)
{
	static const uint8_t none[ETH_ALEN];
	struct rte_ether_addr addr;

	// Whoever is behind the device: told, or for a tap and the like the device's own address.
	memcpy(port->mac, config->mac, sizeof(port->mac));
	if (memcmp(port->mac, none, sizeof(none)) == 0 && rte_eth_macaddr_get(dev_id, &addr) == 0)
		memcpy(port->mac, addr.addr_bytes, sizeof(port->mac));
}

static int create(struct port_driver *driver, const struct port_config *config, struct port *port,
        struct fault *fault)
{
	struct ethdev_queue *queue = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*queue), 64));
	int err;

	if (queue == NULL)
		return fault_set(fault, -ENOMEM, NULL, "port '%s': out of memory", config->ref);
	memset(queue, 0, sizeof(*queue));
	err = plug(config->devargs, config->ref, queue, fault);
	if (err < 0) {
		free(queue);
		return err;
	}
	if (driver->in_use[queue->dev_id]) {
		free(queue);
		return fault_set(fault, -EBUSY, "devargs",
		        "port '%s': device '%s' already belongs to a port", config->ref,
		        config->devargs);
	}
	snprintf(port->ref, sizeof(port->ref), "%s", config->ref);
	snprintf(port->owner, sizeof(port->owner), "%s", config->owner);
	port->mtu = config->mtu > 0 ? config->mtu : MTU_DEFAULT;
	err = start(driver, port, queue, fault);
	if (err < 0) {
		unplug(queue);
		free(queue);
		return err;
	}
	fill_mac(config, port, queue->dev_id);
	driver->in_use[queue->dev_id] = true;
	queue->port_id = (uint16_t)port->id;
	queue->base.ops = &ethdev_ops;
	queue->base.worker = port->worker;
	queue->base.hot_idx = UINT32_MAX;
	port->ops = &ethdev_ops;
	port->driver = driver;
	port->queue = &queue->base;
	port->ifname[0] = '\0';
	port->netns_inode = 0;
	return 0;
}

static void destroy(struct port *port, bool keep)
{
	struct ethdev_queue *queue = queue_of(port->queue);

	port->driver->in_use[queue->dev_id] = false;
	unplug(queue);
	free(queue);
	port->queue = NULL;
}

static int scan(struct port_driver *driver, void (*found)(const struct port_found *port, void *arg),
        void *arg, struct fault *fault)
{
	return 0; // devices end with the process
}

static int adopt(struct port_driver *driver, const struct port_found *found, struct port *port,
        struct fault *fault)
{
	return fault_set(
	        fault, -ENOTSUP, NULL, "port '%s': an ethdev port cannot be adopted", found->ref);
}

static int set_carrier(struct port *port, bool up, struct fault *fault)
{
	uint16_t dev_id = queue_of(port->queue)->dev_id;
	int err = up ? rte_eth_dev_set_link_up(dev_id) : rte_eth_dev_set_link_down(dev_id);

	return err < 0 ? fault_set(fault, err, NULL, "port '%s': carrier %s: %s", port->ref,
	                         up ? "up" : "down", strerror(-err))
	               : 0;
}

static void get_stats(struct port *port, struct port_stats *ret_stats)
{
	struct ethdev_queue *queue = queue_of(port->queue);
	struct rte_eth_stats stats;

	memset(ret_stats, 0, sizeof(*ret_stats));
	ret_stats->tx_full = atomic_load_explicit(&queue->tx_full, memory_order_relaxed);
	ret_stats->tx_errors = atomic_load_explicit(&queue->tx_errors, memory_order_relaxed);
	if (rte_eth_stats_get(queue->dev_id, &stats) < 0)
		return;
	ret_stats->rx_dropped = stats.imissed + stats.rx_nombuf;
	ret_stats->rx_errors = stats.ierrors;
	ret_stats->tx_errors += stats.oerrors;
}

static size_t driver_stats(
        struct port_driver *driver, const char **names, uint64_t *values, size_t n)
{
	return 0;
}

// ---- worker

static uint16_t rx_burst(struct port_queue *base, struct rte_mbuf **pkts, uint16_t n)
{
	struct ethdev_queue *queue = queue_of(base);
	uint16_t n_rx = rte_eth_rx_burst(queue->dev_id, 0 /* queue */, pkts, n);

	for (uint16_t i = 0; i < n_rx; i++)
		pkts[i]->port = queue->port_id; // the device said its own number
	return n_rx;
}

// For devices that take one buffer a frame. Returns the number of frames left in `pkts`.
static uint16_t linearize(struct ethdev_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t n_left = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (pkts[i]->nb_segs == 1 || rte_pktmbuf_linearize(pkts[i]) == 0)
			pkts[n_left++] = pkts[i];
		else
			rte_pktmbuf_free(pkts[i]);
	}
	if (n_left < n)
		count(&queue->tx_errors, n - n_left);
	return n_left;
}

static void tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct ethdev_queue *queue = queue_of(port->queue);
	uint16_t n_tx;

	if (!queue->multi_segment)
		n = linearize(queue, pkts, n);
	n_tx = rte_eth_tx_burst(queue->dev_id, 0 /* queue */, pkts, n);
	if (n_tx < n) {
		rte_pktmbuf_free_bulk(pkts + n_tx, n - n_tx);
		count(&queue->tx_full, n - n_tx);
	}
}

static void tx_flush(struct port_queue *base)
{
	// the device was told in tx_burst
}

static bool arm(struct port_queue *base)
{
	struct ethdev_queue *queue = queue_of(base);

	if (queue->notify != NOTIFY_INTERRUPT)
		return false;
	if (rte_eth_dev_rx_intr_enable(queue->dev_id, 0 /* queue */) < 0)
		return true;
	// A frame that came before is not told of. A device that cannot count stays awake.
	return rte_eth_rx_queue_count(queue->dev_id, 0 /* queue */) != 0;
}

static void disarm(struct port_queue *base)
{
	struct ethdev_queue *queue = queue_of(base);
	uint64_t events; // an eventfd's, or in 4 bytes a uio device's

	if (queue->notify != NOTIFY_INTERRUPT)
		return;
	(void)rte_eth_dev_rx_intr_disable(queue->dev_id, 0 /* queue */);
	if (read(base->fd, &events, sizeof(events)) < 0 && errno == EINVAL &&
	        read(base->fd, &events, sizeof(uint32_t)) < 0)
		return; // nothing had happened
}

const struct port_ops ethdev_ops = {
        .name = "ethdev",
        .open = open_driver,
        .close = close_driver,
        .worker_queue = worker_queue,
        .create = create,
        .destroy = destroy,
        .scan = scan,
        .adopt = adopt,
        .set_carrier = set_carrier,
        .get_stats = get_stats,
        .driver_stats = driver_stats,
        .rx_burst = rx_burst,
        .tx_burst = tx_burst,
        .tx_flush = tx_flush,
        .arm = arm,
        .disarm = disarm,
};
