/* SPDX-License-Identifier: BSD-3-Clause */
// Packed virtqueues (virtio 1.2 section 2.8) are refused so far.
#include <errno.h>

#include "ring_state.h"

static int packed_start(struct vring *vring, const struct vring_config *config)
{
	return -EOPNOTSUPP;
}

const struct layout packed_layout = {.start = packed_start};

uint16_t packed_dequeue(
        struct vring *vring, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	return 0;
}

uint16_t packed_enqueue(struct vring *vring, struct rte_mbuf *const *pkts, uint16_t n)
{
	return 0;
}

bool packed_pending(const struct vring *vring)
{
	return false;
}

const void *packed_next(const struct vring *vring)
{
	return vring;
}
