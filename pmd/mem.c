/* SPDX-License-Identifier: BSD-3-Clause */
// Ports in memory. Not part of the switch.
#include "mem.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MTU_DEFAULT 1500

struct mem_queue {
	struct port_queue base; // first: a port_queue is one of these
	struct rte_ring *rx;
	_Atomic bool armed;
	uint64_t flushes;
};

struct mem_port {
	struct port *port;
	struct rte_ring *tx;
	uint64_t tx_full;
	bool no_carrier;
	uint64_t n_carrier; // times it was set
};

struct port_driver {
	uint16_t n_workers;
	uint32_t max_ports;
	uint32_t ring_size;
	struct mem_queue *queues; // [n_workers]
	struct mem_port *ports; // [max_ports]
};

static struct mem_queue *queue_of(struct port_queue *queue)
{
	return (struct mem_queue *)queue;
}

static struct rte_ring *make_ring(uint32_t size)
{
	struct rte_ring *ring = aligned_alloc(RTE_CACHE_LINE_SIZE,
	        RTE_ALIGN((size_t)rte_ring_get_memsize(size), RTE_CACHE_LINE_SIZE));

	if (ring != NULL && rte_ring_init(ring, "mem", size, RING_F_SP_ENQ | RING_F_SC_DEQ) < 0) {
		free(ring);
		return NULL;
	}
	return ring;
}

static void free_ring(struct rte_ring *ring)
{
	void *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	free(ring);
}

static void mem_close(struct port_driver *driver, bool keep)
{
	for (uint16_t i = 0; driver->queues != NULL && i < driver->n_workers; i++) {
		free_ring(driver->queues[i].rx);
		if (driver->queues[i].base.fd >= 0)
			close(driver->queues[i].base.fd);
	}
	for (uint32_t i = 0; driver->ports != NULL && i < driver->max_ports; i++)
		free_ring(driver->ports[i].tx);
	free(driver->queues);
	free(driver->ports);
	free(driver);
}

static int mem_open(const struct port_driver_config *config, struct port_driver **ret_driver,
        struct fault *fault)
{
	struct port_driver *driver = calloc(1, sizeof(*driver));

	if (driver == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	driver->n_workers = config->n_workers;
	driver->max_ports = config->max_ports;
	driver->ring_size = config->ring_size != 0 ? config->ring_size : MEM_RING_SIZE;
	driver->queues = calloc(config->n_workers, sizeof(*driver->queues));
	driver->ports = calloc(config->max_ports, sizeof(*driver->ports));
	for (uint16_t i = 0; driver->queues != NULL && i < config->n_workers; i++) {
		struct mem_queue *queue = &driver->queues[i];

		queue->base.ops = &mem_ops;
		queue->base.worker = i;
		queue->base.fd = -1;
		queue->base.hot_idx = UINT32_MAX;
		queue->rx = make_ring(driver->ring_size);
		if (queue->rx == NULL)
			goto fail;
	}
	if (driver->queues == NULL || driver->ports == NULL)
		goto fail;
	*ret_driver = driver;
	return 0;
fail:
	mem_close(driver, false);
	return fault_set(fault, -ENOMEM, NULL, "no memory");
}

static struct port_queue *mem_worker_queue(struct port_driver *driver, uint16_t worker)
{
	return &driver->queues[worker].base;
}

static int mem_create(struct port_driver *driver, const struct port_config *config,
        struct port *port, struct fault *fault)
{
	struct mem_port *mem;

	if (port->id >= driver->max_ports)
		return fault_set(fault, -ENOSPC, "id", "port id %u: the driver has %u", port->id,
		        driver->max_ports);
	mem = &driver->ports[port->id];
	mem->tx = make_ring(driver->ring_size);
	if (mem->tx == NULL)
		return fault_set(fault, -ENOMEM, NULL, "port '%s': no memory", config->ref);
	mem->port = port;
	mem->tx_full = 0;
	port->ops = &mem_ops;
	port->driver = driver;
	port->queue = &driver->queues[port->worker].base;
	port->mtu = config->mtu != 0 ? config->mtu : MTU_DEFAULT;
	memcpy(port->mac, config->mac, sizeof(port->mac));
	snprintf(port->ref, sizeof(port->ref), "%s", config->ref);
	return 0;
}

static void mem_destroy(struct port *port, bool keep)
{
	struct mem_port *mem = &port->driver->ports[port->id];

	free_ring(mem->tx);
	memset(mem, 0, sizeof(*mem));
}

static int mem_set_carrier(struct port *port, bool up, struct fault *fault)
{
	struct mem_port *mem = &port->driver->ports[port->id];

	mem->no_carrier = !up;
	mem->n_carrier++;
	return 0;
}

static void mem_get_stats(struct port *port, struct port_stats *ret_stats)
{
	*ret_stats = (struct port_stats){.tx_full = port->driver->ports[port->id].tx_full};
}

static uint16_t mem_rx_burst(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	return (uint16_t)rte_ring_sc_dequeue_burst(
	        queue_of(queue)->rx, (void **)pkts, n, NULL /* left */);
}

static void mem_tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct mem_port *mem = &port->driver->ports[port->id];
	unsigned n_sent = rte_ring_sp_enqueue_burst(mem->tx, (void *const *)pkts, n, NULL);

	mem->tx_full += n - n_sent;
	rte_pktmbuf_free_bulk(pkts + n_sent, n - n_sent);
}

static void mem_tx_flush(struct port_queue *queue)
{
	queue_of(queue)->flushes++;
}

static void notify(struct mem_queue *queue)
{
	uint64_t one = 1;

	// Full barrier: the frames are in the ring before `armed` is read; see mem_arm.
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_exchange(&queue->armed, false) && write(queue->base.fd, &one, sizeof(one)) < 0)
		return; // full: readable anyway
}

static bool mem_arm(struct port_queue *queue)
{
	struct mem_queue *mem = queue_of(queue);

	atomic_exchange(&mem->armed, true);
	return !rte_ring_empty(mem->rx);
}

static void mem_disarm(struct port_queue *queue)
{
	uint64_t count;

	atomic_exchange(&queue_of(queue)->armed, false);
	if (read(queue->fd, &count, sizeof(count)) < 0)
		return; // was not readable
}

int mem_enable_notify(struct port_driver *driver)
{
	for (uint16_t i = 0; i < driver->n_workers; i++) {
		struct port_queue *queue = &driver->queues[i].base;

		queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (queue->fd < 0)
			return -errno;
	}
	return 0;
}

static bool mem_pending(struct port_queue *queue)
{
	return !rte_ring_empty(queue_of(queue)->rx);
}

// What a worker asks of a queue.
static const struct port_ops swept_ops = {
        .name = "mem",
        .rx_burst = mem_rx_burst,
        .tx_flush = mem_tx_flush,
        .pending = mem_pending,
};

void mem_enable_sweep(struct port_driver *driver)
{
	for (uint16_t i = 0; i < driver->n_workers; i++)
		driver->queues[i].base.ops = &swept_ops;
}

uint16_t mem_inject(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct mem_queue *queue = queue_of(port->queue);
	unsigned n_taken;

	for (uint16_t i = 0; i < n; i++)
		pkts[i]->port = (uint16_t)port->id;
	n_taken = rte_ring_sp_enqueue_burst(queue->rx, (void *const *)pkts, n, NULL);
	if (queue->base.fd >= 0)
		notify(queue);
	return (uint16_t)n_taken;
}

uint16_t mem_collect(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	return (uint16_t)rte_ring_sc_dequeue_burst(
	        port->driver->ports[port->id].tx, (void **)pkts, n, NULL /* left */);
}

struct rte_mbuf *mem_frame(struct rte_mempool *pool, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	void *data;

	if (m == NULL)
		return NULL;
	data = rte_pktmbuf_append(m, len);
	if (data == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memset(data, 0, len);
	return m;
}

bool mem_carrier(const struct port *port)
{
	return !port->driver->ports[port->id].no_carrier;
}

uint64_t mem_carrier_changes(const struct port *port)
{
	return port->driver->ports[port->id].n_carrier;
}

uint64_t mem_flushes(const struct port *port)
{
	return queue_of(port->queue)->flushes;
}

const struct port_ops mem_ops = {
        .name = "mem",
        .open = mem_open,
        .close = mem_close,
        .worker_queue = mem_worker_queue,
        .create = mem_create,
        .destroy = mem_destroy,
        .set_carrier = mem_set_carrier,
        .get_stats = mem_get_stats,
        .rx_burst = mem_rx_burst,
        .tx_burst = mem_tx_burst,
        .tx_flush = mem_tx_flush,
        .arm = mem_arm,
        .disarm = mem_disarm,
};
