/* SPDX-License-Identifier: BSD-3-Clause */
// The AF_XDP socket of a worker: rings, chunks and copying.
#include "trunk.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "programs.h"

#define CHUNK_SIZE 4096u
// Between a chunk's kernel headroom and the frame, so that the port's id before the frame and the
// frame's first bytes share a cache line pair.
#define CHUNK_HEADROOM 8u
#define TAG_OFFSET (2 * ETH_ALEN)
#define TAG_SIZE 4u
#define KICKS_MAX 8 // system calls a flush; the kernel sends 32 frames a call
#define SEND_BUFFER (8 << 20) // bytes of frames between the socket and the pods' stacks

#ifndef XDP_MAX_TX_SKB_BUDGET // Linux 6.17
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

typedef _Atomic uint64_t counter_t;

struct trunk {
	struct port_queue queue; // first: the worker knows the trunk by it
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	struct xsk_ring_prod tx;
	struct xsk_ring_cons completion;
	uint8_t *umem_area;
	struct rte_mempool *pool;
	struct trunk_port_counters *port_counters;
	uint32_t max_ports;
	int fd;
	uint32_t n_tx_chunks;
	uint32_t n_tx_free;

	alignas(64) counter_t rx_no_mbuf; // worker writes, control reads
	counter_t rx_bad_frame;
	counter_t tx_full;
	counter_t tx_errors;
	counter_t tx_kicks;
	counter_t tx_again;
	counter_t tx_refused;

	alignas(64) struct xsk_socket *socket; // control
	struct xsk_umem *umem;
	size_t umem_bytes;
	uint32_t tx_free[]; // chunk numbers, a stack: the chunk used last is the one in the cache
};

static void count(counter_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	        memory_order_relaxed);
}

static uint64_t counted(const counter_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

// --- life ---------------------------------------------------------------------------------------

// Chunks [0, n_rx) receive, [n_rx, n_rx + n_tx) send.
static int create_umem(struct trunk *trunk, uint32_t ring_size, uint32_t n_rx, uint32_t n_tx)
{
	const struct xsk_umem_config config = {
	        .fill_size = ring_size * 2,
	        .comp_size = ring_size,
	        .frame_size = CHUNK_SIZE,
	        .frame_headroom = CHUNK_HEADROOM,
	};
	uint32_t idx;
	int ret;

	trunk->umem_bytes = (size_t)(n_rx + n_tx) * CHUNK_SIZE;
	trunk->umem_area = mmap(NULL, trunk->umem_bytes, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (trunk->umem_area == MAP_FAILED) {
		trunk->umem_area = NULL;
		return -ENOMEM;
	}
	madvise(trunk->umem_area, trunk->umem_bytes, MADV_HUGEPAGE); // only a saving
	ret = xsk_umem__create(&trunk->umem, trunk->umem_area, trunk->umem_bytes, &trunk->fill,
	        &trunk->completion, &config);
	if (ret < 0)
		return ret;
	if (xsk_ring_prod__reserve(&trunk->fill, n_rx, &idx) != n_rx)
		return -EINVAL;
	for (uint32_t i = 0; i < n_rx; i++)
		*xsk_ring_prod__fill_addr(&trunk->fill, idx + i) = (uint64_t)i * CHUNK_SIZE;
	xsk_ring_prod__submit(&trunk->fill, n_rx);
	for (uint32_t i = 0; i < n_tx; i++)
		trunk->tx_free[i] = n_rx + n_tx - 1 - i;
	trunk->n_tx_free = trunk->n_tx_chunks = n_tx;
	return 0;
}

static int create_socket(struct trunk *trunk, const char *ifname, uint32_t ring_size)
{
	const struct xsk_socket_config config = {
	        .rx_size = ring_size,
	        .tx_size = ring_size,
	        .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	        .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	int size = SEND_BUFFER, budget = (int)ring_size;
	int ret = xsk_socket__create(&trunk->socket, ifname, 0 /* queue */, trunk->umem, &trunk->rx,
	        &trunk->tx, &config);

	if (ret < 0)
		return ret;
	trunk->fd = xsk_socket__fd(trunk->socket);
	// both only help: fewer refusals, and (Linux 6.17) one call for all frames
	(void)!setsockopt(trunk->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	(void)!setsockopt(trunk->fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	return 0;
}

int trunk_create(const struct trunk_config *config, struct trunk **ret_trunk, struct fault *fault)
{
	uint32_t ring_size = config->ring_size != 0 ? config->ring_size : TRUNK_RING_DEFAULT;
	uint32_t n_rx = ring_size + ring_size / 2, n_tx = ring_size;
	struct trunk *trunk;
	int ret;

	if (ring_size < 64 || ring_size > 32768 || (ring_size & (ring_size - 1)) != 0)
		return fault_set(fault, -EINVAL, "ring_size",
		        "%u is not a power of two from 64 to 32768", ring_size);
	trunk = aligned_alloc(
	        64, (sizeof(*trunk) + n_tx * sizeof(trunk->tx_free[0]) + 63) / 64 * 64);
	if (trunk == NULL)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	memset(trunk, 0, sizeof(*trunk));
	trunk->fd = -1;
	trunk->pool = config->pool;
	trunk->max_ports = config->max_ports;
	trunk->port_counters = config->port_counters;
	ret = create_umem(trunk, ring_size, n_rx, n_tx);
	if (ret < 0) {
		fault_set(fault, ret, NULL, "AF_XDP memory of worker %u (%zu bytes): %s",
		        config->worker, trunk->umem_bytes, strerror(-ret));
		goto err;
	}
	ret = create_socket(trunk, config->ifname, ring_size);
	if (ret < 0) {
		fault_set(fault, ret, NULL, "AF_XDP socket of worker %u: %s", config->worker,
		        strerror(-ret));
		goto err;
	}
	trunk->queue = (struct port_queue){
	        .ops = config->ops,
	        .worker = config->worker,
	        .fd = trunk->fd,
	        .hot_idx = UINT32_MAX,
	};
	*ret_trunk = trunk;
	return 0;
err:
	trunk_destroy(trunk);
	return ret;
}

void trunk_destroy(struct trunk *trunk)
{
	if (trunk == NULL)
		return;
	if (trunk->socket != NULL)
		xsk_socket__delete(trunk->socket);
	if (trunk->umem != NULL)
		xsk_umem__delete(trunk->umem);
	if (trunk->umem_area != NULL)
		munmap(trunk->umem_area, trunk->umem_bytes);
	free(trunk);
}

int trunk_fd(const struct trunk *trunk)
{
	return trunk->fd;
}

struct port_queue *trunk_queue(struct trunk *trunk)
{
	return &trunk->queue;
}

static struct trunk *trunk_of(struct port_queue *queue)
{
	return (struct trunk *)queue;
}

// --- receive ------------------------------------------------------------------------------------

// The other core wrote the frames: fetch the lines of the whole burst before the first is needed.
static void prefetch_frames(const struct trunk *trunk, uint32_t idx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *frame =
		        trunk->umem_area + xsk_ring_cons__rx_desc(&trunk->rx, idx + i)->addr;

		rte_prefetch0(frame - sizeof(struct af_xdp_meta));
		rte_prefetch0(frame + 64 - sizeof(struct af_xdp_meta));
	}
}

// Copies a frame out of its chunk. False: not one that a host end sent, or too long for the buffer.
static bool rx_frame(const struct trunk *trunk, const struct xdp_desc *desc, struct rte_mbuf *m)
{
	const uint8_t *frame = trunk->umem_area + desc->addr;
	struct af_xdp_meta meta;

	memcpy(&meta, frame - sizeof(meta), sizeof(meta));
	if (meta.magic != AF_XDP_META_MAGIC || meta.port_id >= trunk->max_ports ||
	        desc->len > rte_pktmbuf_tailroom(m))
		return false;
	rte_memcpy(rte_pktmbuf_mtod(m, void *), frame, desc->len);
	m->data_len = (uint16_t)desc->len;
	m->pkt_len = desc->len;
	m->port = (uint16_t)meta.port_id;
	return true;
}

// Gives the chunks of the `n` frames from `idx` on back to the kernel. There is always room: the
// ring holds more than there are chunks.
static void refill(struct trunk *trunk, uint32_t idx, unsigned n)
{
	uint32_t fill_idx = 0;

	if (xsk_ring_prod__reserve(&trunk->fill, n, &fill_idx) != n)
		return;
	for (unsigned i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&trunk->fill, fill_idx + i) =
		        xsk_ring_cons__rx_desc(&trunk->rx, idx + i)->addr &
		        ~(uint64_t)(CHUNK_SIZE - 1);
	xsk_ring_prod__submit(&trunk->fill, n);
	xsk_ring_cons__release(&trunk->rx, n);
}

uint16_t trunk_rx_burst(struct port_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct trunk *trunk = trunk_of(queue);
	unsigned n_found, n_good = 0;
	uint32_t idx = 0;

	n_found = xsk_ring_cons__peek(&trunk->rx, n, &idx);
	if (n_found == 0)
		return 0;
	prefetch_frames(trunk, idx, n_found);
	if (rte_pktmbuf_alloc_bulk(trunk->pool, pkts, n_found) != 0) {
		// taken off the ring all the same: what waits there only gets older
		count(&trunk->rx_no_mbuf, n_found);
		refill(trunk, idx, n_found);
		return 0;
	}
	for (unsigned i = 0; i < n_found; i++) {
		struct rte_mbuf *m = pkts[i];

		if (rx_frame(trunk, xsk_ring_cons__rx_desc(&trunk->rx, idx + i), m)) {
			pkts[n_good++] = m;
		} else {
			rte_pktmbuf_free(m);
			count(&trunk->rx_bad_frame, 1);
		}
	}
	refill(trunk, idx, n_found);
	return (uint16_t)n_good;
}

// --- transmit -----------------------------------------------------------------------------------

// Chunks that the kernel is done with.
static void reap(struct trunk *trunk)
{
	uint32_t idx = 0;
	unsigned n = xsk_ring_cons__peek(&trunk->completion, trunk->n_tx_chunks, &idx);

	for (unsigned i = 0; i < n; i++)
		trunk->tx_free[trunk->n_tx_free++] =
		        (uint32_t)(*xsk_ring_cons__comp_addr(&trunk->completion, idx + i) /
		                   CHUNK_SIZE);
	if (n > 0)
		xsk_ring_cons__release(&trunk->completion, n);
}

// Frames in the ring that the kernel has not taken.
static uint32_t unsent(const struct trunk *trunk)
{
	return trunk->tx.cached_prod - __atomic_load_n(trunk->tx.consumer, __ATOMIC_ACQUIRE);
}

// One system call: the kernel sends from the ring, through the pods' stacks. False: it refuses, and
// what is in the ring goes with a later frame's kick. True: it took what it could for now.
static bool kick(struct trunk *trunk)
{
	count(&trunk->tx_kicks, 1);
	if (sendto(trunk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
		return true;
	if (errno != EAGAIN && errno != EBUSY && errno != EINTR && errno != ENOBUFS) {
		count(&trunk->tx_refused, 1);
		return false;
	}
	count(&trunk->tx_again, 1);
	return true;
}

static bool room_for_one(struct trunk *trunk)
{
	if (trunk->n_tx_free > 0)
		return true;
	reap(trunk);
	if (trunk->n_tx_free > 0)
		return true;
	kick(trunk);
	reap(trunk);
	return trunk->n_tx_free > 0;
}

// The frame in one piece behind the room for the tag, then its addresses move to the front.
static void copy_segments(uint8_t *chunk, const struct rte_mbuf *m)
{
	uint8_t addresses[TAG_OFFSET];
	uint8_t *at = chunk + TAG_SIZE;

	for (; m != NULL; m = m->next) {
		rte_memcpy(at, rte_pktmbuf_mtod(m, const void *), m->data_len);
		at += m->data_len;
	}
	memcpy(addresses, chunk + TAG_SIZE, TAG_OFFSET);
	memcpy(chunk, addresses, TAG_OFFSET);
}

// Copies the frame with the port's tag behind its addresses. Returns the length.
static uint32_t copy_tagged(uint8_t *chunk, const struct rte_mbuf *m, uint32_t port_id)
{
	uint16_t proto = AF_XDP_TAG_PROTO;
	uint32_t len = m->pkt_len;
	const uint8_t *frame;

	if (m->nb_segs == 1) { // with its addresses: ETH_HLEN was checked
		frame = rte_pktmbuf_mtod(m, const uint8_t *);
		memcpy(chunk, frame, TAG_OFFSET);
		rte_memcpy(chunk + TAG_OFFSET + TAG_SIZE, frame + TAG_OFFSET,
		        m->data_len - TAG_OFFSET);
	} else {
		copy_segments(chunk, m);
	}
	if (len < AF_XDP_SHORT_SIZE) {
		proto = AF_XDP_TAG_SHORT;
		memset(chunk + TAG_SIZE + len, 0, AF_XDP_SHORT_SIZE - len);
		chunk[TAG_SIZE + AF_XDP_SHORT_SIZE - 1] = (uint8_t)len;
		len = AF_XDP_SHORT_SIZE;
	}
	chunk[TAG_OFFSET] = (uint8_t)(proto >> 8);
	chunk[TAG_OFFSET + 1] = (uint8_t)proto;
	chunk[TAG_OFFSET + 2] = (uint8_t)(port_id >> 8);
	chunk[TAG_OFFSET + 3] = (uint8_t)port_id;
	return len + TAG_SIZE;
}

// Puts a frame into the ring. False: no chunk.
static bool tx_frame(struct trunk *trunk, const struct rte_mbuf *m, uint32_t port_id)
{
	struct xdp_desc *desc;
	uint32_t chunk, len, idx = 0;

	if (!room_for_one(trunk) || xsk_ring_prod__reserve(&trunk->tx, 1, &idx) != 1)
		return false;
	chunk = trunk->tx_free[--trunk->n_tx_free];
	len = copy_tagged(trunk->umem_area + (size_t)chunk * CHUNK_SIZE, m, port_id);
	desc = xsk_ring_prod__tx_desc(&trunk->tx, idx);
	desc->addr = (uint64_t)chunk * CHUNK_SIZE;
	desc->len = len;
	desc->options = 0;
	xsk_ring_prod__submit(&trunk->tx, 1);
	return true;
}

void trunk_tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct trunk *trunk = trunk_of(port->queue);
	struct trunk_port_counters *counters = &trunk->port_counters[port->id];

	for (unsigned i = 0; i < n; i++) {
		const struct rte_mbuf *m = pkts[i];

		if (m->pkt_len < ETH_HLEN || m->pkt_len + TAG_SIZE > TRUNK_FRAME_MAX) {
			count(&trunk->tx_errors, 1);
			count(&counters->tx_errors, 1);
		} else if (!tx_frame(trunk, m, port->id)) {
			count(&trunk->tx_full, 1);
			count(&counters->tx_full, 1);
		}
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

void trunk_tx_flush(struct port_queue *queue)
{
	struct trunk *trunk = trunk_of(queue);
	uint32_t left = unsent(trunk), before = left + 1;
	bool taken = true;

	// on as long as it gets on
	for (unsigned i = 0; taken && left > 0 && left != before && i < KICKS_MAX; i++) {
		before = left;
		taken = kick(trunk);
		left = unsent(trunk);
	}
	reap(trunk);
	// What the kernel has not taken, for want of buffers perhaps: the worker calls again in its
	// next loop, and does not sleep before.
	queue->tx_dirty = taken && left > 0;
}

// --- counters -----------------------------------------------------------------------------------

void trunk_stats(const struct trunk *trunk, struct trunk_counters *ret_counters)
{
	struct xdp_statistics xdp = {0};
	socklen_t size = sizeof(xdp);

	(void)!getsockopt(trunk->fd, SOL_XDP, XDP_STATISTICS, &xdp, &size);
	*ret_counters = (struct trunk_counters){
	        .rx_dropped = xdp.rx_dropped,
	        .rx_ring_full = xdp.rx_ring_full,
	        .rx_fill_ring_empty = xdp.rx_fill_ring_empty_descs,
	        .rx_invalid_descs = xdp.rx_invalid_descs,
	        .tx_invalid_descs = xdp.tx_invalid_descs,
	        .tx_ring_empty = xdp.tx_ring_empty_descs,
	        .rx_no_mbuf = counted(&trunk->rx_no_mbuf),
	        .rx_bad_frame = counted(&trunk->rx_bad_frame),
	        .tx_full = counted(&trunk->tx_full),
	        .tx_errors = counted(&trunk->tx_errors),
	        .tx_kicks = counted(&trunk->tx_kicks),
	        .tx_again = counted(&trunk->tx_again),
	        .tx_refused = counted(&trunk->tx_refused),
	};
}
