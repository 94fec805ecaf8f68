/* SPDX-License-Identifier: BSD-3-Clause */
// The data path as the control thread sees it: workers, publication, queues and counters. All
// functions are for the control thread unless they say worker. The data path knows no names and no
// JSON.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "stats.h"
#include "view.h"

struct datapath;
struct port;
struct port_queue;
struct rte_mempool;

#define DP_SLOPE_MAX_S 10 // a slope acts for this long after its epoch, then the delay stands still

#define DP_WORKERS_MAX 64

enum poll_mode { POLL_ADAPTIVE, POLL_BUSY };

struct datapath_config {
	uint16_t n_workers;
	// [n_workers] EAL worker lcores; NULL: no threads, datapath_run_once drives
	const unsigned *lcores;
	enum poll_mode poll;
	uint32_t max_ifaces, max_nodes, max_targets, max_ports;
	uint64_t wheel_horizon_ns; // longest time a frame can be held
	uint64_t wheel_slot_ns; // grain of the wheel; rounded up to a power of two of cycles
	uint32_t pool_frames; // frame buffers a worker
	uint32_t frame_bytes; // largest frame: MTU + Ethernet header and tags
	uint64_t idle_spin_ns; // adaptive: polls this long after the last frame before it sleeps
	uint64_t wake_early_ns; // adaptive: wakes this long before the next departure
	uint64_t sweep_ns; // every cold queue without descriptor is looked at once in this time
	uint32_t icmp_rate_pps; // RFC 4443 section 2.4(f), a router; 0: default
};

__attribute__((warn_unused_result)) int datapath_create(
        const struct datapath_config *config, struct datapath **ret_dp, struct fault *fault);
// Stops the workers, frees what is in flight.
void datapath_destroy(struct datapath *dp);
// Starts the worker threads on their lcores; the first view must have been published.
__attribute__((warn_unused_result)) int datapath_start(struct datapath *dp, struct fault *fault);
void datapath_stop(struct datapath *dp);

uint64_t datapath_tsc_hz(const struct datapath *dp);
struct rte_mempool *datapath_pool(const struct datapath *dp, uint16_t worker);
uint16_t datapath_n_workers(const struct datapath *dp);

// Publishes `view` (the caller keeps it alive until the next publish returns) and waits until every
// worker has let go of the one before. Returns that time in ns.
uint64_t datapath_publish(struct datapath *dp, const struct view *view);
// worker: what is published now, valid until the worker's next quiescent report. For tests, whose
// queues look at it from their rx_burst.
const struct view *datapath_published(const struct datapath *dp);
// A grace period on its own, for slots and ports.
void datapath_synchronize(struct datapath *dp);

// Port table. Set before the interface's port_id names it; clear, then synchronize, then destroy
// it.
void datapath_set_port(struct datapath *dp, struct port *port);
void datapath_clear_port(struct datapath *dp, uint32_t port_id);
// Gives a queue to the worker it names, or takes it back: only that worker is told. `del` returns
// when the worker no longer touches the queue.
__attribute__((warn_unused_result)) int datapath_add_queue(
        struct datapath *dp, struct port_queue *queue);
void datapath_del_queue(struct datapath *dp, struct port_queue *queue);

void datapath_link_stats(const struct datapath *dp, uint32_t link_id, struct link_stats *ret_stats);
void datapath_iface_stats(
        const struct datapath *dp, uint32_t iface_id, struct iface_stats *ret_stats);
void datapath_worker_stats(
        const struct datapath *dp, uint16_t worker, struct worker_stats *ret_stats);
uint64_t datapath_pool_in_use(const struct datapath *dp, uint16_t worker);

// Tests and benchmarks without threads: one loop of one worker at time `now_tsc` (0: the clock).
// Returns frames moved.
unsigned datapath_run_once(struct datapath *dp, uint16_t worker, uint64_t now_tsc);
