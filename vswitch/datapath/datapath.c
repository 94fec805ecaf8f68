/* SPDX-License-Identifier: BSD-3-Clause */
// The data path's control side: what workers share, publication, and sums of their counters. This
// is the only file of the folder that may allocate or block.
#include "datapath.h"

#include <assert.h>
#include <errno.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "port_ops.h"
#include "region.h"
#include "tsc_hz.h"
#include "worker.h"

#define RELAY_RING_SIZE 2048
#define POOL_CACHE_SIZE 256
#define POOL_RESERVE_MAX 2048
#define WAIT_STEP_NS 20000
#define WAIT_SPINS 2000 // a grace period takes a loop or two of each worker: about this long

struct datapath {
	const struct view *_Atomic published;
	struct rte_rcu_qsbr *qsbr;
	uint64_t tsc_hz;
	uint16_t n_workers;
	bool running;
	const unsigned *lcores; // copy
	unsigned *lcores_memory;
	uint32_t max_ports;
	struct port *_Atomic *ports; // [max_ports]
	_Atomic uint32_t *port_ifaces; // [max_ports] their interfaces, DP_NONE: no such port
	struct worker *workers; // [n_workers]
};

static void sleep_ns(long ns)
{
	struct timespec time = {.tv_nsec = ns};

	nanosleep(&time, NULL);
}

static int register_frame(struct fault *fault)
{
	static const struct rte_mbuf_dynfield field = {
	        .name = "orrery_frame",
	        .size = sizeof(struct frame),
	        .align = alignof(struct frame),
	};

	if (rte_mbuf_dynfield_register_offset(&field, FRAME_OFFSET) == (int)FRAME_OFFSET)
		return 0;
	return fault_set(fault, -rte_errno, NULL,
	        "the packet buffer's dynamic field at %zu is taken by something else: %s",
	        (size_t)FRAME_OFFSET, rte_strerror(rte_errno));
}

static int check_config(const struct datapath_config *config, struct fault *fault)
{
	if (config->n_workers == 0 || config->n_workers > DP_WORKERS_MAX)
		return fault_set(fault, -EINVAL, "n_workers", "%u workers: expected 1 to %u",
		        config->n_workers, DP_WORKERS_MAX);
	if (config->max_ports > PORT_ID_MAX + 1)
		return fault_set(fault, -EINVAL, "max_ports", "%u ports: at most %u",
		        config->max_ports, PORT_ID_MAX + 1);
	if (config->frame_bytes + RTE_PKTMBUF_HEADROOM > UINT16_MAX)
		return fault_set(fault, -EINVAL, "frame_bytes", "%u bytes a frame: at most %u",
		        config->frame_bytes, UINT16_MAX - RTE_PKTMBUF_HEADROOM);
	return 0;
}

static int create_pool(struct worker *w, const struct datapath_config *config, struct fault *fault)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	int socket = config->lcores != NULL ? (int)rte_lcore_to_socket_id(config->lcores[w->idx])
	                                    : SOCKET_ID_ANY;
	uint16_t room = (uint16_t)RTE_ALIGN(
	        config->frame_bytes + RTE_PKTMBUF_HEADROOM, RTE_CACHE_LINE_SIZE);
	unsigned cache = RTE_MIN((uint32_t)POOL_CACHE_SIZE, config->pool_frames * 2 / 3);

	snprintf(name, sizeof(name), "orrery-frames-%u", w->idx);
	w->pool = rte_pktmbuf_pool_create_by_ops(
	        name, config->pool_frames, cache, FRAME_PRIV_SIZE, room, socket, "ring_mp_mc");
	if (w->pool == NULL)
		return fault_set(fault, -rte_errno, "pool_frames",
		        "worker %u: no memory for %u frames of %u bytes: %s", w->idx,
		        config->pool_frames, config->frame_bytes, rte_strerror(rte_errno));
	w->pool_ring = w->pool->pool_data; // of these ops: a ring
	w->pool_reserve = RTE_MIN(config->pool_frames / 8, (uint32_t)POOL_RESERVE_MAX);
	return 0;
}

static struct rte_ring *create_ring(void)
{
	ssize_t size = rte_ring_get_memsize(RELAY_RING_SIZE);
	struct rte_ring *ring = rte_zmalloc(NULL, (size_t)size, RTE_CACHE_LINE_SIZE);

	if (ring == NULL)
		return NULL;
	if (rte_ring_init(ring, "orrery-relay", RELAY_RING_SIZE, RING_F_SP_ENQ | RING_F_SC_DEQ) <
	        0) {
		rte_free(ring);
		return NULL;
	}
	return ring;
}

// A ring from each worker to each other.
static int connect_workers(
        struct datapath *dp, const struct datapath_config *config, struct fault *fault)
{
	for (uint16_t to = 0; to < dp->n_workers; to++) {
		for (uint16_t from = 0; from < dp->n_workers; from++) {
			struct relay *relay = &dp->workers[from].relays[to];

			if (from == to)
				continue;
			relay->ring = create_ring();
			if (relay->ring == NULL)
				return fault_set(fault, -ENOMEM, "n_workers",
				        "no memory for the rings between %u workers",
				        dp->n_workers);
			dp->workers[to].inbound[from] = relay->ring;
			if (config->poll == POLL_ADAPTIVE)
				relay->bell = &dp->workers[to].doorbell;
		}
	}
	return 0;
}

static int create_worker(struct datapath *dp, uint16_t idx, const struct datapath_config *config,
        struct fault *fault)
{
	struct worker *w = &dp->workers[idx];
	int ret;

	w->published = &dp->published;
	w->qsbr = dp->qsbr;
	w->ports = dp->ports;
	w->port_ifaces = dp->port_ifaces;
	w->tsc_hz = dp->tsc_hz;
	w->relays = rte_zmalloc(NULL, dp->n_workers * sizeof(*w->relays), RTE_CACHE_LINE_SIZE);
	w->inbound =
	        rte_zmalloc(NULL, dp->n_workers * sizeof(struct rte_ring *), RTE_CACHE_LINE_SIZE);
	if (w->relays == NULL || w->inbound == NULL)
		return fault_set(fault, -ENOMEM, NULL, "worker %u: no memory", idx);
	ret = create_pool(w, config, fault);
	return ret < 0 ? ret : worker_init(w, config, fault);
}

static int create_shared(
        struct datapath *dp, const struct datapath_config *config, struct fault *fault)
{
	dp->ports = region_map(config->max_ports * sizeof(*dp->ports));
	dp->port_ifaces = region_map(config->max_ports * sizeof(*dp->port_ifaces));
	dp->qsbr =
	        rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(config->n_workers), RTE_CACHE_LINE_SIZE);
	dp->workers =
	        rte_zmalloc(NULL, config->n_workers * sizeof(*dp->workers), alignof(struct worker));
	dp->lcores_memory = calloc(config->n_workers, sizeof(unsigned));
	if (dp->ports == NULL || dp->port_ifaces == NULL || dp->qsbr == NULL ||
	        dp->workers == NULL || dp->lcores_memory == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for %u workers and %u ports",
		        config->n_workers, config->max_ports);
	for (uint32_t i = 0; i < config->max_ports; i++)
		atomic_init(&dp->port_ifaces[i], DP_NONE);
	if (config->lcores != NULL) {
		memcpy(dp->lcores_memory, config->lcores, config->n_workers * sizeof(unsigned));
		dp->lcores = dp->lcores_memory;
	}
	for (uint16_t i = 0; i < config->n_workers; i++) {
		dp->workers[i].idx = i;
		dp->workers[i].n_workers = config->n_workers;
		dp->workers[i].epoll_fd = -1;
		dp->workers[i].doorbell.fd = -1;
	}
	if (rte_rcu_qsbr_init(dp->qsbr, config->n_workers) != 0)
		return fault_set(fault, -EINVAL, "n_workers", "%u workers refused: %s",
		        config->n_workers, rte_strerror(rte_errno));
	return 0;
}

int datapath_create(
        const struct datapath_config *config, struct datapath **ret_dp, struct fault *fault)
{
	struct datapath *dp;
	int ret = check_config(config, fault);

	if (ret == 0)
		ret = register_frame(fault);
	if (ret < 0)
		return ret;
	dp = calloc(1, sizeof(*dp));
	if (dp == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	dp->tsc_hz = tsc_hz();
	dp->n_workers = config->n_workers;
	dp->max_ports = config->max_ports;
	ret = create_shared(dp, config, fault);
	for (uint16_t i = 0; ret == 0 && i < dp->n_workers; i++)
		ret = create_worker(dp, i, config, fault);
	if (ret == 0)
		ret = connect_workers(dp, config, fault);
	if (ret < 0) {
		datapath_destroy(dp);
		return ret;
	}
	*ret_dp = dp;
	return 0;
}

static void destroy_worker(struct worker *w)
{
	worker_fini(w);
	// The rings into this worker are its own; it has emptied them.
	for (uint16_t i = 0; w->inbound != NULL && i < w->n_workers; i++)
		rte_free(w->inbound[i]);
	rte_free(w->inbound);
	rte_free(w->relays);
}

void datapath_destroy(struct datapath *dp)
{
	if (dp == NULL)
		return;
	datapath_stop(dp);
	for (uint16_t i = 0; dp->workers != NULL && i < dp->n_workers; i++)
		destroy_worker(&dp->workers[i]);
	// After all frames came home: a worker's wheel may hold another's buffers.
	for (uint16_t i = 0; dp->workers != NULL && i < dp->n_workers; i++)
		rte_mempool_free(dp->workers[i].pool);
	rte_free(dp->workers);
	rte_free(dp->qsbr);
	region_unmap(dp->ports, dp->max_ports * sizeof(*dp->ports));
	region_unmap(dp->port_ifaces, dp->max_ports * sizeof(*dp->port_ifaces));
	free(dp->lcores_memory);
	free(dp);
}

int datapath_start(struct datapath *dp, struct fault *fault)
{
	assert(dp->lcores != NULL && !dp->running);
	dp->running = true; // from here on datapath_stop has something to do
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		struct worker *w = &dp->workers[i];
		int ret;

		atomic_store_explicit(&w->stop, false, memory_order_relaxed);
		ret = rte_rcu_qsbr_thread_register(dp->qsbr, i);
		if (ret == 0)
			ret = rte_eal_remote_launch(worker_main, w, dp->lcores[i]);
		if (ret != 0) {
			datapath_stop(dp);
			return fault_set(fault, ret < 0 ? ret : -EINVAL, "lcores",
			        "worker %u cannot run on lcore %u: %s", i, dp->lcores[i],
			        strerror(ret < 0 ? -ret : EINVAL));
		}
	}
	return 0;
}

void datapath_stop(struct datapath *dp)
{
	if (!dp->running)
		return;
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		// Release: pairs with the worker's last look before it sleeps.
		atomic_store_explicit(&dp->workers[i].stop, true, memory_order_release);
		doorbell_ring(&dp->workers[i].doorbell);
	}
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		(void)rte_eal_wait_lcore(dp->lcores[i]); // 0: a lcore that was never launched
		(void)rte_rcu_qsbr_thread_unregister(dp->qsbr, i);
	}
	dp->running = false;
}

uint64_t datapath_tsc_hz(const struct datapath *dp)
{
	return dp->tsc_hz;
}

struct rte_mempool *datapath_pool(const struct datapath *dp, uint16_t worker)
{
	return dp->workers[worker].pool;
}

uint16_t datapath_n_workers(const struct datapath *dp)
{
	return dp->n_workers;
}

void datapath_synchronize(struct datapath *dp)
{
	uint64_t token = rte_rcu_qsbr_start(dp->qsbr);

	// Mostly a few microseconds; then give way, a worker may need this very core.
	for (unsigned spins = 0; rte_rcu_qsbr_check(dp->qsbr, token, false /* wait */) == 0;
	        spins++) {
		if (spins < WAIT_SPINS)
			rte_pause();
		else
			sleep_ns(WAIT_STEP_NS);
	}
}

uint64_t datapath_publish(struct datapath *dp, const struct view *view)
{
	uint64_t start_tsc = rte_rdtsc();

	// Release: all that the view points at is there before the pointer.
	atomic_store_explicit(&dp->published, view, memory_order_release);
	datapath_synchronize(dp);
	return (uint64_t)((double)(rte_rdtsc() - start_tsc) * 1e9 / (double)dp->tsc_hz);
}

const struct view *datapath_published(const struct datapath *dp)
{
	return atomic_load_explicit(&dp->published, memory_order_acquire);
}

void datapath_set_port(struct datapath *dp, struct port *port)
{
	assert(port->id < dp->max_ports && port->worker < dp->n_workers);
	// Relaxed: the port's pointer, released after it, carries it to who looks at both; input
	// looks at this alone, and finds an interface that stays until a grace period after the
	// port.
	atomic_store_explicit(&dp->port_ifaces[port->id], port->iface_id, memory_order_relaxed);
	atomic_store_explicit(&dp->ports[port->id], port, memory_order_release);
}

void datapath_clear_port(struct datapath *dp, uint32_t port_id)
{
	assert(port_id < dp->max_ports);
	atomic_store_explicit(&dp->port_ifaces[port_id], DP_NONE, memory_order_relaxed);
	atomic_store_explicit(&dp->ports[port_id], NULL, memory_order_release);
}

// Has the worker carry out a command, and waits until it has.
static void command(struct datapath *dp, enum command_op op, struct port_queue *queue)
{
	struct worker *w = &dp->workers[queue->worker];
	const struct command message = {.op = op, .queue = queue};
	uint32_t ticket;

	if (!dp->running) { // no thread: the worker is ours
		if (op == COMMAND_ADD_QUEUE)
			queues_add(w, queue);
		else
			queues_del(w, queue);
		return;
	}
	while (!mailbox_post(&w->mailbox, &message, &ticket))
		sleep_ns(WAIT_STEP_NS);
	doorbell_ring(&w->doorbell);
	if (op == COMMAND_ADD_QUEUE)
		return; // whatever comes next for this queue comes after it
	for (unsigned i = 0; !mailbox_is_done(&w->mailbox, ticket); i++) {
		if (i < WAIT_SPINS)
			rte_pause();
		else
			sleep_ns(WAIT_STEP_NS);
	}
}

int datapath_add_queue(struct datapath *dp, struct port_queue *queue)
{
	struct worker *w = &dp->workers[queue->worker];
	struct epoll_event event = {.events = EPOLLONESHOT, .data.ptr = queue};

	// No events yet: the worker asks for them when the queue goes cold.
	if (queue->fd >= 0 && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, queue->fd, &event) < 0)
		return -errno;
	command(dp, COMMAND_ADD_QUEUE, queue);
	return 0;
}

void datapath_del_queue(struct datapath *dp, struct port_queue *queue)
{
	struct worker *w = &dp->workers[queue->worker];

	// First: an event that the worker has already is handled before it reads the command.
	if (queue->fd >= 0)
		(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, queue->fd, NULL);
	command(dp, COMMAND_DEL_QUEUE, queue);
}

void datapath_link_stats(const struct datapath *dp, uint32_t link_id, struct link_stats *ret_stats)
{
	memset(ret_stats, 0, sizeof(*ret_stats));
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		const struct link_state *state = &dp->workers[i].links.states[link_id];
		const struct link_drops *drops = &dp->workers[i].links.drops[link_id];
		// What left is read first: what was taken later can only be more.
		uint64_t left_pkts = counter_read(&state->left_pkts);
		uint64_t left_bytes = counter_read(&state->left_bytes);
		uint64_t tx_pkts = counter_read(&state->tx_pkts);
		uint64_t tx_bytes = counter_read(&state->tx_bytes);

		ret_stats->tx_pkts += tx_pkts;
		ret_stats->tx_bytes += tx_bytes;
		ret_stats->in_flight_pkts += tx_pkts - left_pkts;
		ret_stats->in_flight_bytes += tx_bytes - left_bytes;
		ret_stats->duplicates += counter_read(&drops->duplicates);
		for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
			ret_stats->drops[reason] += counter_read(&drops->reasons[reason]);
	}
}

void datapath_iface_stats(
        const struct datapath *dp, uint32_t iface_id, struct iface_stats *ret_stats)
{
	memset(ret_stats, 0, sizeof(*ret_stats));
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		const struct iface_counters *counters = &dp->workers[i].ifaces[iface_id];

		ret_stats->rx_pkts += counter_read(&counters->rx_pkts);
		ret_stats->rx_bytes += counter_read(&counters->rx_bytes);
		ret_stats->tx_pkts += counter_read(&counters->tx_pkts);
		ret_stats->tx_bytes += counter_read(&counters->tx_bytes);
	}
}

void datapath_worker_stats(
        const struct datapath *dp, uint16_t worker, struct worker_stats *ret_stats)
{
	struct worker_counters *counters = &dp->workers[worker].counters;
	uint64_t late_tsc =
	        atomic_exchange_explicit(&counters->wheel_late_max_tsc, 0, memory_order_relaxed);

	*ret_stats = (struct worker_stats){
	        .rx_pkts = counter_read(&counters->rx_pkts),
	        .rx_bytes = counter_read(&counters->rx_bytes),
	        .tx_pkts = counter_read(&counters->tx_pkts),
	        .tx_bytes = counter_read(&counters->tx_bytes),
	        .loops = counter_read(&counters->loops),
	        .busy_loops = counter_read(&counters->busy_loops),
	        .busy_cycles = counter_read(&counters->busy_cycles),
	        .sleeps = counter_read(&counters->sleeps),
	        .wakeups = counter_read(&counters->wakeups),
	        .late_wakeups = counter_read(&counters->late_wakeups),
	        .wheel_pkts = counter_read(&counters->wheel_pkts),
	        .wheel_late_max_ns = (uint64_t)((double)late_tsc * 1e9 / (double)dp->tsc_hz),
	        .ring_kicks = counter_read(&counters->ring_kicks),
	        .hot_queues = counter_read(&counters->hot_queues),
	        .went_cold = counter_read(&counters->went_cold),
	        .went_hot = counter_read(&counters->went_hot),
	        .icmp_sent = counter_read(&counters->icmp_sent),
	};
	for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
		ret_stats->drops[reason] = counter_read(&counters->drops[reason]);
}

uint64_t datapath_pool_in_use(const struct datapath *dp, uint16_t worker)
{
	return rte_mempool_in_use_count(dp->workers[worker].pool);
}

unsigned datapath_run_once(struct datapath *dp, uint16_t worker, uint64_t now_tsc)
{
	struct worker *w = &dp->workers[worker];

	assert(!dp->running);
	w->clock_given = now_tsc != 0;
	w->now_tsc = w->clock_given ? now_tsc : rte_rdtsc();
	return worker_loop(w);
}
