/* SPDX-License-Identifier: BSD-3-Clause */
// One worker: the thread that moves frames, and all that it alone may touch.
//
// A worker owns ports, queues and links (a link belongs to the worker of its far end). Nothing in
// here is locked: fields have one writer, named by the heading they stand under. What another
// worker must handle goes through a single-producer ring (relay.h); what control wants goes through
// the mailbox.
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "doorbell.h"
#include "icmp_state.h"
#include "link.h"
#include "mailbox.h"
#include "port_ops.h"
#include "relay.h"
#include "stage.h"
#include "wheel.h"

// Counters of this worker, see struct worker_stats.
struct worker_counters {
	counter_t rx_pkts, rx_bytes, tx_pkts, tx_bytes;
	counter_t loops, busy_loops, busy_cycles;
	counter_t sleeps, wakeups, late_wakeups;
	counter_t wheel_pkts, wheel_late_max_tsc;
	counter_t ring_kicks, hot_queues, went_cold, went_hot;
	counter_t icmp_sent;
	counter_t drops[DROP_REASON_COUNT];
};

struct iface_counters {
	counter_t rx_pkts, rx_bytes, tx_pkts, tx_bytes;
};

struct worker {
	// constant while the worker runs
	alignas(64) const struct view *_Atomic *published; // where control publishes
	struct rte_rcu_qsbr *qsbr;
	uint16_t idx;
	uint16_t n_workers;
	bool adaptive; // may sleep
	struct fib6_cache *fib_cache; // what its lookups found
	struct icmp_state *icmp; // rate limits of the routers' ICMPv6 errors
	struct rte_mempool *pool; // frames this worker receives and makes
	struct rte_ring *pool_ring; // its free frames, but for those in lcores' caches
	struct port *_Atomic *ports; // [max_ports], all workers' ports: worker_port()
	_Atomic uint32_t *port_ifaces; // [max_ports] the same ports' interfaces: dense, for input
	struct link_table links; // the links whose far end this worker owns
	struct iface_counters *ifaces; // [max_ifaces] frames through ports
	struct rte_ring **inbound; // [n_workers] by source, NULL for itself
	uint64_t tsc_hz;
	uint64_t idle_spin_tsc;
	uint64_t wake_early_tsc;
	uint64_t cold_check_tsc; // how often a worker that polls looks at its cold queues
	uint64_t sweep_tsc; // in this time it looks at all cold queues without descriptor
	uint32_t max_ifaces;
	uint32_t max_nodes;
	uint32_t max_ports;
	uint32_t max_queues; // room in `hot`, `swept` and `dirty`
	uint32_t pool_reserve; // frame buffers kept back from the links, for receiving
	int epoll_fd;

	// worker: every loop
	alignas(64) const struct view *view; // of this loop
	uint64_t now_tsc; // of this loop: read once and again after each receive
	bool clock_given; // now_tsc is the test's, not the clock's
	bool pool_low; // no frame buffers to spare: links take no more
	uint32_t n_hot;
	uint32_t n_queues;
	uint32_t n_swept; // cold ones without descriptor
	uint32_t next_swept; // where the next sweep goes on
	uint32_t next_hot; // where the next loop goes on in the hot list
	uint32_t n_dirty;
	uint64_t last_rx_tsc; // the last frame from a queue or a ring
	uint64_t cold_check_at_tsc;
	uint64_t swept_tsc; // the last sweep, of some
	struct port_queue **hot; // [n_hot]
	struct port_queue **swept; // [n_swept]
	struct port_watch *watches; // [n_swept] what to look at; word NULL: ask the queue
	struct port_queue **dirty; // [n_dirty] tx_flush is due
	struct relay *relays; // [n_workers] by destination

	alignas(64) struct wheel wheel;

	// worker writes, control reads
	alignas(64) struct worker_counters counters;

	// control writes, worker reads
	struct mailbox mailbox;
	alignas(64) _Atomic bool stop;

	// any thread: wakes a worker that sleeps
	alignas(64) struct doorbell doorbell;
};

// The port with this id, NULL if there is none (any more). Valid until the next quiescent report.
static inline struct port *worker_port(const struct worker *w, uint32_t port_id)
{
	return port_id < w->max_ports
	               ? atomic_load_explicit(&w->ports[port_id], memory_order_acquire)
	               : NULL;
}

// Control. Makes all that this worker alone uses; the caller has filled in the fields that workers
// share or that come from the configuration (datapath.c). Returns 0 or -errno; worker_fini takes
// half made workers too.
__attribute__((warn_unused_result)) int worker_init(
        struct worker *w, const struct datapath_config *config, struct fault *fault);
// Frees the frames it still holds, too.
void worker_fini(struct worker *w);

// The thread's main function: loops until `stop`.
int worker_main(void *worker);
// One loop at w->now_tsc. Returns the number of frames moved.
unsigned worker_loop(struct worker *w);

// queues.c: which queues are polled, and when the worker may sleep. Worker, but for add and del,
// which a control thread may call too while the worker has no thread.
void queues_add(struct worker *w, struct port_queue *queue);
void queues_del(struct worker *w, struct port_queue *queue);
// True when the queue left the hot list, for epoll or to be swept; the list's last queue has its
// place then.
bool queues_try_cold(struct worker *w, struct port_queue *queue);
// Looks for cold queues that have frames, now and then.
void queues_check_cold(struct worker *w);
// Sleeps if nothing is hot and nothing due: until the next departure, a frame or a doorbell.
void queues_sleep(struct worker *w);
