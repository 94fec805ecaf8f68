/* SPDX-License-Identifier: BSD-3-Clause */
// A virtqueue, device side (virtio 1.2 sections 2.7 split and 2.8 packed; 5.1.6 network device):
// frames are copied from a guest's transmit ring into mbufs, and from mbufs into a guest's receive
// ring. split.c and packed.c hold one layout each: a descriptor can be followed from ring to mbuf
// in one file.
//
// Everything that lies in guest memory is hostile and may change while it is read: each index,
// address and length is loaded once, checked, and then used from the copy. What breaks the rules
// sets `fault`; the ring then moves no frame any more and its port is taken down by control.
// Packets that are merely useless (too long, no header, an offload that was not offered) are
// dropped and counted.
//
// Threads. vring_start, vring_stop and vring_set_call: control, while no worker uses the ring. The
// rest: the owning worker. Nothing here blocks, allocates (but mbufs) or logs; the system
// call of vring_call is the only one.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest_memory.h"
#include "port_watch.h"

#define VRING_SIZE_MAX 32768 // virtio 1.2 sections 2.7 and 2.8
// Descriptors of one frame: bounds what a guest can have its worker do for it.
#define VRING_CHAIN_MAX 256

struct caller;
struct rte_mbuf;
struct rte_mempool;

// Why a ring was stopped: what the guest did.
enum vring_fault {
	VRING_FAULT_NONE,
	VRING_FAULT_INDEX, // split: the available index ran more than a ring ahead
	VRING_FAULT_HEAD, // split: a descriptor number beyond the ring
	VRING_FAULT_ADDRESS, // a buffer outside the shared memory
	VRING_FAULT_CHAIN, // a chain with a loop, or longer than the ring or VRING_CHAIN_MAX
	VRING_FAULT_INDIRECT, // an indirect table that is nested, empty, cut off or not negotiated
	VRING_FAULT_DIRECTION, // a buffer to read where one to write belongs, or the reverse
	VRING_FAULT_ID, // packed: a buffer id beyond the ring
	VRING_FAULT_ROOM, // a receive buffer too small for a header
	VRING_N_FAULTS,
};

// What was negotiated and announced for one ring. Addresses are the front end's (user_addr).
struct vring_config {
	const struct guest_memory *memory; // borrowed until vring_stop
	bool packed;
	bool event_idx; // VIRTIO_F_EVENT_IDX
	bool indirect; // VIRTIO_F_INDIRECT_DESC
	bool mergeable; // VIRTIO_NET_F_MRG_RXBUF
	bool version_1; // else a legacy header of 10 bytes unless mergeable
	bool receive; // the guest's receive ring: vring_enqueue; else vring_dequeue
	uint16_t size; // descriptors; power of two for split
	uint16_t first_avail; // SET_VRING_BASE: next available descriptor; packed: bits 0-14
	bool avail_wrap; // packed: wrap counter that goes with it
	uint16_t first_used; // packed: next used descriptor, and its wrap counter
	bool used_wrap;
	uint64_t desc_addr, avail_addr, used_addr; // packed: ring, driver area, device area
	int call_fd; // borrowed, an eventfd; -1: the guest polls
	struct caller *caller; // borrowed, for call_fd
	void *inflight; // this ring's part of the shared region (INFLIGHT_SHMFD), NULL: not
	                // negotiated
	uint16_t max_frame; // longest frame that is taken or given, bytes; a buffer of the pool
	                    // holds it
	uint16_t port; // m->port of the frames taken
};

// Written by the worker, read by control.
struct vring_counters {
	_Atomic uint64_t
	        bad_pkts; // dropped: no frame in it, offload not offered, longer than a buffer
	_Atomic uint64_t no_mbuf; // left in the ring for want of a buffer, bursts
	_Atomic uint64_t full; // frames for which the receive ring had no room
	_Atomic uint64_t calls; // of its eventfd
};

// Opaque but for what the inlines below touch. Heap or inside another object; 64-byte aligned.
struct vring;

// In the manner of sizeof: what vring_start needs.
size_t vring_size(void);

// Takes the ring where it was left: packed at config->first_used, split at its used index. That is
// right even when the front end's base is not (after a crash), because buffers go back in order and
// before a call returns: what lies behind it was not touched. With `inflight`, a region whose ring
// was not stopped by vring_stop decides (resume.h). -EINVAL (size), -EFAULT (a part of the ring
// outside the shared memory or misaligned), -ENOMEM. The ring is stopped before. It starts
// disarmed, and the first vring_call calls in any case.
__attribute__((warn_unused_result)) int vring_start(
        struct vring *vring, const struct vring_config *config);
// Where to go on: what GET_VRING_BASE answers. Writes what the guest has not been told yet.
struct vring_base {
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
};
struct vring_base vring_stop(struct vring *vring);
// Calls at once.
void vring_set_call(struct vring *vring, int call_fd);

// Up to `n` frames (64 a call, fewer of those in long chains) that the guest sent, each in one mbuf
// from `pool`. Their buffers are given back to the guest before it returns.
uint16_t vring_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n);
// Copies frames (single- or multi-segment) to the guest, in order, and returns how many are done
// with: the first ones. For the others there is no room now, or the guest's chains are so long that
// they take too much time. Frames that no buffer here can hold are done with too, and counted in
// bad_pkts. The mbufs stay the caller's.
uint16_t vring_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n);

// Whether something is available to take: one load of guest memory. vring_watch: the word that says
// so, once nothing is; good until the next vring_dequeue.
bool vring_pending(const struct vring *vring);
struct port_watch vring_watch(const struct vring *vring);

// Tells the guest of used buffers if there are any that it wants to be told of (flags or event
// index). At most one system call, which does not wait for the guest. False: it could not be made,
// and is due at the next vring_call.
bool vring_call(struct vring *vring);
// Asks the guest to kick when it makes something available; true if something is there already.
bool vring_arm(struct vring *vring);
// Asks it not to.
void vring_disarm(struct vring *vring);

enum vring_fault vring_get_fault(const struct vring *vring);
const struct vring_counters *vring_get_counters(const struct vring *vring);
// "a buffer outside the shared memory"; never NULL.
const char *vring_fault_text(enum vring_fault fault);
