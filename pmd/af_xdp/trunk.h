/* SPDX-License-Identifier: BSD-3-Clause */
// A worker's AF_XDP socket on its trunk. Frames are copied between the socket's memory (UMEM) and
// mbufs: a frame can stay in the switch for as long as a link is long, a UMEM chunk never does.
//
// Threads. create, destroy and stats: control. The rest: the owning worker. Counters: the worker
// writes, control reads.
#pragma once

#include <stdint.h>

#include "fault.h"
#include "port_ops.h"

#define TRUNK_RING_DEFAULT 2048u
#define TRUNK_FRAME_MAX 3600u // longest frame, tag included: what fits a chunk on the way in

struct trunk;

// What the worker side counts for a port; the driver keeps them by port id.
struct trunk_port_counters {
	_Atomic uint64_t tx_full; // no chunk free: the kernel did not keep up
	_Atomic uint64_t tx_errors; // too long or too short for the trunk
};

struct trunk_config {
	const struct port_ops *ops;
	uint16_t worker;
	const char *ifname; // socket end, in the thread's namespace
	struct rte_mempool *pool; // borrowed
	uint32_t ring_size; // power of two; 0: default
	uint32_t max_ports;
	struct trunk_port_counters *port_counters; // borrowed, [max_ports]
};

__attribute__((warn_unused_result)) int trunk_create(
        const struct trunk_config *config, struct trunk **ret_trunk, struct fault *fault);
void trunk_destroy(struct trunk *trunk);
int trunk_fd(const struct trunk *trunk);
struct port_queue *trunk_queue(struct trunk *trunk);

// worker; see port_ops.h
uint16_t trunk_rx_burst(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n);
void trunk_tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n);
void trunk_tx_flush(struct port_queue *queue);

// X(field, name, what it means)
#define TRUNK_COUNTERS(X)                                                                        \
	X(rx_dropped, "xsk_rx_dropped", "the kernel dropped: too long for a chunk, or no chunk") \
	X(rx_ring_full, "xsk_rx_ring_full", "the switch did not keep up with the pods")          \
	X(rx_fill_ring_empty, "xsk_rx_fill_ring_empty", "no chunk free for a frame of a pod")    \
	X(rx_invalid_descs, "xsk_rx_invalid_descs", "")                                          \
	X(tx_invalid_descs, "xsk_tx_invalid_descs", "")                                          \
	X(tx_ring_empty, "xsk_tx_ring_empty", "kicks with nothing to send")                      \
	X(rx_no_mbuf, "trunk_rx_no_mbuf", "no frame buffer left in the worker's pool")           \
	X(rx_bad_frame, "trunk_rx_bad_frame", "without a port's id, or longer than a buffer")    \
	X(tx_full, "trunk_tx_full", "no chunk free for a frame to a pod")                        \
	X(tx_errors, "trunk_tx_errors", "frames longer or shorter than the trunk carries")       \
	X(tx_kicks, "trunk_tx_kicks", "system calls to send")                                    \
	X(tx_again, "trunk_tx_again", "of these: the kernel sent a part and wants another")      \
	X(tx_refused, "trunk_tx_refused", "of these: failed (out of memory, interface down)")

struct trunk_counters {
#define X(field, name, text) uint64_t field;
	TRUNK_COUNTERS(X)
#undef X
};

void trunk_stats(const struct trunk *trunk, struct trunk_counters *ret_counters);
