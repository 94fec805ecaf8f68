/* SPDX-License-Identifier: BSD-3-Clause */
// The back end's side of one front end, from its connection to its end: what was negotiated, the
// guest's memory, and each ring's way from announced to running. Messages are checked here for what
// they mean; a front end that breaks the rules is told from one that is merely gone.
//
// A ring runs while it is started (kick announced), enabled, and has size, addresses, memory and
// features. Nothing of a running ring is changed: before a message changes rings or memory, the
// hook `quiesce` takes the port away from its worker, and the rings that run are stopped; later
// device_start starts those that may run. As long as nothing runs, `quiesce` is not called.
//
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"
#include "fault.h"
#include "guest_memory.h"
#include "vring.h"

#define DEVICE_PAIRS_MAX 8
// What one guest may have mapped, bytes: a sparse file costs it nothing, and addresses are few.
#define DEVICE_MEMORY_MAX (1ull << 40)

#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)
#define VIRTIO_NET_F_MQ (1ull << 22)
#define VIRTIO_F_ANY_LAYOUT (1ull << 27)
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VHOST_USER_F_PROTOCOL_FEATURES (1ull << 30)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_RING_PACKED (1ull << 34)

struct caller;
struct mapping;
struct mapping_pool;

// Descriptors that devices keep open, and how many they may.
struct fd_budget {
	uint32_t n_used; // also those promised to ports that wait for their peer
	uint32_t n_max;
	uint32_t n_kicks_spare; // kicks are not kept when fewer than this are left
};

struct device_config {
	struct mapping_pool *mappings;
	struct fd_budget *budget;
	struct caller *caller; // for calls of its rings, by control and by its worker
	uint32_t ring_size_max;
	uint16_t n_pairs;
	uint16_t mtu;
	uint16_t max_frame; // bytes
	uint16_t port_id;
	void (*quiesce)(void *arg); // when it returns, no worker uses a ring
	void *arg;
};

// Ring 2i is the guest's receive ring of pair i, 2i + 1 its transmit ring.
struct device_ring {
	struct vring *vring; // while it runs, else NULL
	bool started, enabled, has_addr;
	bool kicks; // a kick was announced with a descriptor, kept or not
	int kick_fd; // of transmit rings; -1: none
	int call_fd; // -1: none
	uint16_t size;
	struct vring_base base;
	uint64_t desc_addr, avail_addr, used_addr;
};

struct device_counters {
	uint64_t rx_bad, tx_bad; // frames that were none, or too long
	uint64_t no_mbuf; // bursts left in a ring for want of buffers
	uint64_t calls;
};

struct device_region {
	uint64_t guest_addr;
	struct mapping *mapping;
};

struct device_inflight {
	struct mapping *mapping; // NULL: none
	uint8_t *host;
	uint64_t size;
	uint16_t n_rings, ring_size;
};

struct device {
	const struct device_config *config; // borrowed
	uint64_t features, protocol_features;
	bool has_features;
	uint8_t status;
	uint32_t front_end_mtu; // NET_SET_MTU, 0: not told
	uint64_t memory_bytes;
	struct guest_memory *memory; // NULL before the first region
	struct device_region *regions; // [memory->n_regions] in no order
	struct device_inflight inflight;
	struct device_counters stopped; // of rings that ended
	struct device_ring rings[2 * DEVICE_PAIRS_MAX];
};

void device_init(struct device *device, const struct device_config *config);
// Stops what runs and gives everything back. Counters stay.
void device_fini(struct device *device);

// Carries out the connection's message, and answers. 0, -ECONNRESET, or -EPROTO with a fault: the
// front end broke the rules, or asked for what cannot be.
__attribute__((warn_unused_result)) int device_handle(
        struct device *device, struct connection *connection, struct fault *fault);
// Starts rings that may run. Nothing is started before a transmit ring may run. -EPROTO with a
// fault: a ring lies where it must not.
__attribute__((warn_unused_result)) int device_start(struct device *device, struct fault *fault);
bool device_runs(const struct device *device);

// The first ring that a worker stopped for what the guest did: true, and the reason.
bool device_find_fault(const struct device *device, struct fault *fault);
// Whether the guest took its memory away.
bool device_lost_memory(const struct device *device);
void device_get_counters(const struct device *device, struct device_counters *ret_counters);
uint64_t device_offered_features(void);
