/* SPDX-License-Identifier: BSD-3-Clause */
// A worker's loop. Each step takes frames in or hands them on; between two steps the worker owes
// nothing to anybody.
#include "worker.h"

#include <errno.h>
#include <rte_cycles.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "datapath.h"
#include "fib6_cache.h"
#include "region.h"

// Bounds on one loop, so that what is due in the wheel waits for little else.
#define LOOP_RX_FRAMES 64 // then the loop goes on; the other queues come first next time
#define LOOP_RX_POLLS 64
#define LOOP_EXPIRE_BURSTS 8

#define COLD_CHECK_NS 20000
#define SWEEP_NS 5000000
#define QUEUES_SPARE 256 // queues that belong to no single port

static void *map_queue_list(uint32_t n)
{
	return region_map(n * sizeof(struct port_queue *));
}

static uint64_t ns_to_tsc(const struct worker *w, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * w->tsc_hz / 1000000000);
}

int worker_init(struct worker *w, const struct datapath_config *config, struct fault *fault)
{
	int ret;

	w->adaptive = config->poll == POLL_ADAPTIVE;
	w->idle_spin_tsc = ns_to_tsc(w, config->idle_spin_ns);
	w->wake_early_tsc = ns_to_tsc(w, config->wake_early_ns);
	w->cold_check_tsc = ns_to_tsc(w, COLD_CHECK_NS);
	w->sweep_tsc = ns_to_tsc(w, config->sweep_ns != 0 ? config->sweep_ns : SWEEP_NS);
	w->max_ifaces = config->max_ifaces;
	w->max_nodes = config->max_nodes;
	w->max_ports = config->max_ports;
	w->max_queues = config->max_ports + QUEUES_SPARE;
	w->wheel.current_due = WHEEL_NEVER;
	w->hot = map_queue_list(w->max_queues);
	w->swept = map_queue_list(w->max_queues);
	w->watches = region_map(w->max_queues * sizeof(w->watches[0]));
	w->dirty = map_queue_list(w->max_queues);
	w->ifaces = region_map(config->max_ifaces * sizeof(*w->ifaces));
	w->fib_cache = fib6_cache_create();
	w->icmp = icmp_state_create(config->max_nodes, config->icmp_rate_pps, w->tsc_hz);
	if (w->hot == NULL || w->swept == NULL || w->watches == NULL || w->dirty == NULL ||
	        w->ifaces == NULL || w->icmp == NULL || w->fib_cache == NULL ||
	        link_table_init(&w->links, config->max_ifaces, w->tsc_hz) < 0)
		return fault_set(fault, -ENOMEM, "max_ifaces",
		        "worker %u: no memory for the tables of %u interfaces", w->idx,
		        config->max_ifaces);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		return fault_set(fault, -errno, NULL, "worker %u: cannot open an epoll set: %s",
		        w->idx, strerror(errno));
	ret = doorbell_init(&w->doorbell);
	if (ret < 0)
		return fault_set(fault, ret, NULL, "worker %u: cannot open an eventfd: %s", w->idx,
		        strerror(-ret));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->doorbell.fd, &event) < 0)
		return fault_set(fault, -errno, NULL, "worker %u: cannot watch its eventfd: %s",
		        w->idx, strerror(errno));
	ret = wheel_init(&w->wheel, ns_to_tsc(w, config->wheel_horizon_ns),
	        ns_to_tsc(w, config->wheel_slot_ns), rte_rdtsc(),
	        config->n_workers * config->pool_frames);
	if (ret < 0)
		return fault_set(fault, ret, "wheel_horizon_ns",
		        "worker %u: no wheel of %llu ns in slots of %llu ns: %s", w->idx,
		        (unsigned long long)config->wheel_horizon_ns,
		        (unsigned long long)config->wheel_slot_ns, strerror(-ret));
	return 0;
}

static void free_frames(struct worker *w)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned n;

	while (w->wheel.memory != NULL && (n = wheel_drain(&w->wheel, pkts, BURST_MAX)) != 0)
		rte_pktmbuf_free_bulk(pkts, n);
	for (unsigned i = 0; w->inbound != NULL && i < w->n_workers; i++) {
		while (w->inbound[i] != NULL && (n = rte_ring_sc_dequeue_burst(w->inbound[i],
		                                         (void **)pkts, BURST_MAX, NULL)) != 0)
			rte_pktmbuf_free_bulk(pkts, n);
	}
}

void worker_fini(struct worker *w)
{
	free_frames(w);
	wheel_fini(&w->wheel);
	link_table_fini(&w->links);
	icmp_state_destroy(w->icmp);
	fib6_cache_destroy(w->fib_cache);
	region_unmap(w->ifaces, w->max_ifaces * sizeof(*w->ifaces));
	region_unmap(w->hot, w->max_queues * sizeof(struct port_queue *));
	region_unmap(w->swept, w->max_queues * sizeof(struct port_queue *));
	region_unmap(w->watches, w->max_queues * sizeof(w->watches[0]));
	region_unmap(w->dirty, w->max_queues * sizeof(struct port_queue *));
	doorbell_fini(&w->doorbell);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	w->epoll_fd = -1;
}

// The time that frames just received are stamped with.
static inline void read_clock(struct worker *w)
{
	if (likely(!w->clock_given))
		w->now_tsc = rte_rdtsc();
}

static void step_commands(struct worker *w)
{
	const struct command *command;

	while (unlikely((command = mailbox_first(&w->mailbox)) != NULL)) {
		switch (command->op) {
		case COMMAND_ADD_QUEUE:
			queues_add(w, command->queue);
			break;
		case COMMAND_DEL_QUEUE:
			queues_del(w, command->queue);
			break;
		}
		mailbox_pop(&w->mailbox);
	}
}

// Links take frames only while there are buffers to receive into.
static void check_pool(struct worker *w)
{
	w->pool_low = rte_ring_count(w->pool_ring) < w->pool_reserve;
}

static unsigned step_receive(struct worker *w)
{
	unsigned n_moved = 0, n_polls;

	queues_check_cold(w);
	n_polls = RTE_MIN(w->n_hot, (uint32_t)LOOP_RX_POLLS);
	for (; n_polls > 0 && n_moved < LOOP_RX_FRAMES; n_polls--) {
		struct rte_mbuf *pkts[BURST_MAX];
		struct port_queue *queue;
		unsigned n;

		if (w->next_hot >= w->n_hot)
			w->next_hot = 0;
		queue = w->hot[w->next_hot];
		n = queue->ops->rx_burst(queue, pkts, BURST_MAX);
		if (n == 0) {
			if (!queues_try_cold(w, queue))
				w->next_hot++;
			continue;
		}
		read_clock(w);
		queue->last_rx_tsc = w->now_tsc;
		w->last_rx_tsc = w->now_tsc;
		check_pool(w);
		input_burst(w, pkts, n);
		n_moved += n;
		w->next_hot++;
	}
	return n_moved;
}

static unsigned step_relayed(struct worker *w)
{
	unsigned n = relay_receive(w);

	if (n != 0)
		w->last_rx_tsc = w->now_tsc;
	return n;
}

static void note_lateness(struct worker *w, uint64_t arrival_tsc)
{
	uint64_t late_tsc = w->now_tsc - arrival_tsc;

	// Control resets it now and then; a reset that falls in between is overwritten by a value
	// that was true a moment ago.
	if (late_tsc > counter_read(&w->counters.wheel_late_max_tsc))
		atomic_store_explicit(
		        &w->counters.wheel_late_max_tsc, late_tsc, memory_order_relaxed);
}

static unsigned step_expire(struct worker *w)
{
	unsigned n_moved = 0;

	for (unsigned i = 0; i < LOOP_EXPIRE_BURSTS; i++) {
		struct rte_mbuf *pkts[BURST_MAX];
		unsigned n = wheel_expire(&w->wheel, w->now_tsc, pkts, BURST_MAX);

		if (n == 0)
			break;
		note_lateness(w, frame_of(pkts[0])->time_tsc);
		n_moved += n;
		n = link_leave(w, pkts, n);
		if (n != 0)
			arrive_burst(w, pkts, n);
	}
	return n_moved;
}

static void step_transmit(struct worker *w)
{
	unsigned n_again = 0;

	for (unsigned i = 0; i < w->n_dirty; i++) {
		struct port_queue *queue = w->dirty[i];

		queue->tx_dirty = false;
		if (queue->ops->tx_flush != NULL)
			queue->ops->tx_flush(queue);
		if (queue->tx_dirty) // the driver wants another try
			w->dirty[n_again++] = queue;
	}
	w->n_dirty = n_again;
	relay_flush(w);
}

static void count_loop(struct worker *w, unsigned n_moved)
{
	counter_add(&w->counters.loops, 1);
	if (n_moved != 0)
		counter_add(&w->counters.busy_loops, 1);
	atomic_store_explicit(&w->counters.wheel_pkts, w->wheel.n_frames, memory_order_relaxed);
}

unsigned worker_loop(struct worker *w)
{
	unsigned n_moved;

	// Acquire: what the view points at was written before it was published.
	w->view = atomic_load_explicit(w->published, memory_order_acquire);
	if (w->view == NULL)
		return 0;
	step_commands(w);
	check_pool(w); // what frees buffers may be other workers
	wheel_set_now(&w->wheel, w->now_tsc);
	n_moved = step_receive(w);
	n_moved += step_relayed(w);
	n_moved += step_expire(w);
	step_transmit(w);
	count_loop(w, n_moved);
	return n_moved;
}

int worker_main(void *worker)
{
	struct worker *w = worker;
	unsigned n_moved = 0;

	// A sleep ends when it should, not up to 50 us later. Fails on no kernel that we run on.
	(void)prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	rte_rcu_qsbr_thread_online(w->qsbr, w->idx);
	w->now_tsc = rte_rdtsc();
	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		uint64_t start_tsc = rte_rdtsc();

		if (n_moved != 0)
			counter_add(&w->counters.busy_cycles, start_tsc - w->now_tsc);
		w->now_tsc = start_tsc;
		n_moved = worker_loop(w);
		rte_rcu_qsbr_quiescent(w->qsbr, w->idx);
		if (n_moved == 0 && w->adaptive)
			queues_sleep(w);
	}
	rte_rcu_qsbr_thread_offline(w->qsbr, w->idx);
	return 0;
}
