/* SPDX-License-Identifier: BSD-3-Clause */
// What the worker touches of a port: its rings, seen as the port's queue. All frames pass here and
// through vring.h.
//
// Control gives rings by queue_set_rings and takes them back by queue_clear_rings, after which it
// waits for the worker (port_host.del_queue) before it stops them.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "port_ops.h"

struct vring;

// Queues that have seen a ring stop for what the guest did: any worker puts, control takes all.
struct queue_alarm {
	struct queue *_Atomic first;
	int event_fd;
};

struct queue {
	// constant while polled, but for base and next_pair
	alignas(64) struct port_queue base; // first: the worker knows the queue by it
	struct rte_mempool *pool;
	uint8_t n_pairs;
	uint8_t next_pair; // worker
	_Atomic bool alarmed; // worker sets, control clears
	_Atomic uint8_t n_out; // receive rings that frames are spread over

	// control writes, worker reads
	alignas(64) struct {
		struct vring *_Atomic in; // the guest's transmit ring
		struct vring *_Atomic out; // its receive ring
	} pairs[DEVICE_PAIRS_MAX];
	int kick_fds[DEVICE_PAIRS_MAX]; // constant while polled; -1: none
	struct queue_alarm *alarm;

	// worker writes, control reads
	_Atomic uint64_t tx_full;
	struct queue *_Atomic next_alarmed;
};

static_assert(offsetof(struct queue, pairs) == 64, "a poll reads this line and the first pair");

void queue_init(struct queue *queue, uint16_t worker, uint16_t n_pairs, struct rte_mempool *pool,
        struct queue_alarm *alarm);
// Control.
void queue_set_rings(struct queue *queue, const struct device *device);
void queue_clear_rings(struct queue *queue);
// The queues that raised the alarm, a list by next_alarmed; each may do so again after its
// `alarmed` was cleared.
struct queue *queue_take_alarmed(struct queue_alarm *alarm);

// Worker: as in port_ops.h.
uint16_t queue_rx_burst(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n);
void queue_tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n);
void queue_tx_flush(struct port_queue *queue);
bool queue_arm(struct port_queue *queue);
void queue_disarm(struct port_queue *queue);
bool queue_pending(struct port_queue *queue);
bool queue_watch(struct port_queue *queue, struct port_watch *ret_watch);
