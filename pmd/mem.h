/* SPDX-License-Identifier: BSD-3-Clause */
// Ports in memory, for unit tests and benchmarks of the whole pipeline: frames are injected into
// the queue of a port's worker, as if its pod had sent them, and what the switch transmits is
// collected from the port. All ports of a worker share one queue, as on an AF_XDP trunk.
//
// Threads. inject and collect may run on another thread than the worker, one such thread a queue
// and a port. The rest as in port_ops.h. Both rings hold `ring_size` frames of the driver's
// configuration; what finds no room when transmitted is counted as tx_full.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "port_ops.h"

#define MEM_RING_SIZE 1024 // when the configuration says 0; power of two

// Gives the queues a descriptor each, readable when armed and frames wait, so that they can go
// cold. Before the queues are handed to the data path. Returns 0 or -errno.
__attribute__((warn_unused_result)) int mem_enable_notify(struct port_driver *driver);

// Lets the queues go cold without a descriptor: they are swept. As above.
void mem_enable_sweep(struct port_driver *driver);

// Frames as if from the port's pod; sets m->port. Returns how many the ring took, the caller keeps
// the rest.
uint16_t mem_inject(struct port *port, struct rte_mbuf **pkts, uint16_t n);
// Frames that the switch sent to the port's pod; the caller frees them.
uint16_t mem_collect(struct port *port, struct rte_mbuf **pkts, uint16_t n);
// A frame of `len` bytes from the pool, zeroed; NULL when the pool is empty or buffers are shorter.
struct rte_mbuf *mem_frame(struct rte_mempool *pool, uint16_t len);
// What the pod was shown last, and how often it was.
bool mem_carrier(const struct port *port);
uint64_t mem_carrier_changes(const struct port *port);
// How often tx_flush was called for the port's queue.
uint64_t mem_flushes(const struct port *port);
