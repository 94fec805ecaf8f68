/* SPDX-License-Identifier: BSD-3-Clause */
// Bursts between a worker and the rings of one port.
#include "queue.h"

#include <rte_hash_crc.h>
#include <rte_mbuf.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vring.h"

#define ETHERTYPE_IPV6 0x86dd
#define CHUNK 32 // frames that are spread over the pairs at a time

static struct queue *queue_of(struct port_queue *base)
{
	return (struct queue *)base; // its first member
}

static struct vring *ring_in(const struct queue *queue, uint32_t pair)
{
	// acquire: the ring was made before it was given
	return atomic_load_explicit(&queue->pairs[pair].in, memory_order_acquire);
}

static struct vring *ring_out(const struct queue *queue, uint32_t pair)
{
	return atomic_load_explicit(&queue->pairs[pair].out, memory_order_acquire);
}

// --- control -------------------------------------------------------------------------------------

void queue_init(struct queue *queue, uint16_t worker, uint16_t n_pairs, struct rte_mempool *pool,
        struct queue_alarm *alarm)
{
	queue->base.ops = &vhost_user_ops;
	queue->base.worker = worker;
	queue->base.fd = -1;
	queue->base.hot_idx = UINT32_MAX;
	queue->pool = pool;
	queue->n_pairs = (uint8_t)n_pairs;
	queue->alarm = alarm;
	for (uint32_t i = 0; i < DEVICE_PAIRS_MAX; i++)
		queue->kick_fds[i] = -1;
}

void queue_set_rings(struct queue *queue, const struct device *device)
{
	uint8_t n_out = 0;

	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		struct vring *out = device->rings[2 * i].vring;

		atomic_store_explicit(
		        &queue->pairs[i].in, device->rings[2 * i + 1].vring, memory_order_release);
		atomic_store_explicit(&queue->pairs[i].out, out, memory_order_release);
		if (out != NULL && n_out == i)
			n_out++;
	}
	atomic_store_explicit(&queue->n_out, n_out, memory_order_release);
}

void queue_clear_rings(struct queue *queue)
{
	atomic_store_explicit(&queue->n_out, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		atomic_store_explicit(&queue->pairs[i].in, NULL, memory_order_relaxed);
		atomic_store_explicit(&queue->pairs[i].out, NULL, memory_order_relaxed);
	}
}

struct queue *queue_take_alarmed(struct queue_alarm *alarm)
{
	uint64_t n_events;
	ssize_t n = read(alarm->event_fd, &n_events, sizeof(n_events));

	(void)n; // nothing there: the list tells
	return atomic_exchange_explicit(&alarm->first, NULL, memory_order_acquire);
}

// --- worker --------------------------------------------------------------------------------------

static void __attribute__((noinline, cold)) raise_alarm(struct queue *queue)
{
	struct queue_alarm *alarm = queue->alarm;
	struct queue *first = atomic_load_explicit(&alarm->first, memory_order_relaxed);
	const uint64_t one = 1;
	ssize_t n;

	if (atomic_load_explicit(&queue->alarmed, memory_order_relaxed))
		return;
	atomic_store_explicit(&queue->alarmed, true, memory_order_relaxed);
	do {
		atomic_store_explicit(&queue->next_alarmed, first, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
	        &alarm->first, &first, queue, memory_order_release, memory_order_relaxed));
	n = write(alarm->event_fd, &one, sizeof(one)); // once for each time a guest is cut off
	(void)n;
}

// Looked at when a ring did less than it might have.
static void check_fault(struct queue *queue, const struct vring *ring)
{
	if (unlikely(vring_get_fault(ring) != VRING_FAULT_NONE))
		raise_alarm(queue);
}

uint16_t queue_rx_burst(struct port_queue *base, struct rte_mbuf **pkts, uint16_t n)
{
	struct queue *queue = queue_of(base);
	uint16_t n_rx = 0;

	for (uint32_t i = 0; i < queue->n_pairs && n_rx < n; i++) {
		uint32_t pair = queue->next_pair;
		struct vring *ring = ring_in(queue, pair);
		uint16_t got;

		queue->next_pair = (uint8_t)(pair + 1u < queue->n_pairs ? pair + 1u : 0);
		if (ring == NULL)
			continue;
		got = vring_dequeue(ring, queue->pool, pkts + n_rx, (uint16_t)(n - n_rx));
		vring_call(ring); // also for buffers of frames that were dropped
		if (got == 0)
			check_fault(queue, ring);
		n_rx = (uint16_t)(n_rx + got);
	}
	return n_rx;
}

static void drop(struct queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	atomic_store_explicit(&queue->tx_full,
	        atomic_load_explicit(&queue->tx_full, memory_order_relaxed) + n,
	        memory_order_relaxed); // a single writer
}

// No retry: a guest that does not fill its ring costs nothing but its own frames.
static void send_to(struct queue *queue, uint32_t pair, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *ring = ring_out(queue, pair);
	uint16_t n_sent = 0;

	if (ring != NULL) {
		n_sent = vring_enqueue(ring, pkts, n);
		if (n_sent > 0)
			rte_pktmbuf_free_bulk(pkts, n_sent);
		if (n_sent == n)
			return;
		check_fault(queue, ring);
	}
	drop(queue, pkts + n_sent, (uint16_t)(n - n_sent));
}

// The same for all frames of a flow: IPv6 addresses and ports, else the Ethernet addresses.
static uint32_t flow_hash(const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t hash = 0;

	if (m->data_len < 14)
		return 0;
	if (m->data_len >= 58 && frame[12] == ETHERTYPE_IPV6 >> 8 &&
	        frame[13] == (ETHERTYPE_IPV6 & 0xff))
		hash = rte_hash_crc(frame + 22, 36, frame[20]);
	else
		hash = rte_hash_crc(frame, 12, 0);
	return hash;
}

static void spread(struct queue *queue, uint32_t n_out, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *batches[DEVICE_PAIRS_MAX][CHUNK];
	uint16_t n_batch[DEVICE_PAIRS_MAX] = {0};

	for (uint16_t i = 0; i < n; i++) {
		// the upper bits of the product spread as well as a remainder, without a division
		uint32_t pair = (uint32_t)((uint64_t)flow_hash(pkts[i]) * n_out >> 32);

		batches[pair][n_batch[pair]++] = pkts[i];
	}
	for (uint32_t pair = 0; pair < n_out; pair++) {
		if (n_batch[pair] > 0)
			send_to(queue, pair, batches[pair], n_batch[pair]);
	}
}

void queue_tx_burst(struct port *port, struct rte_mbuf **pkts, uint16_t n)
{
	struct queue *queue = queue_of(port->queue);
	uint32_t n_out = atomic_load_explicit(&queue->n_out, memory_order_relaxed);

	if (likely(n_out == 1)) {
		send_to(queue, 0, pkts, n);
		return;
	}
	if (n_out == 0) {
		drop(queue, pkts, n);
		return;
	}
	for (uint16_t done = 0; done < n; done += CHUNK)
		spread(queue, n_out, pkts + done, (uint16_t)RTE_MIN(n - done, CHUNK));
}

void queue_tx_flush(struct port_queue *base)
{
	struct queue *queue = queue_of(base);

	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		struct vring *ring = ring_out(queue, i);

		if (ring != NULL && !vring_call(ring))
			base->tx_dirty = true; // no later frame may come: in the next loop
	}
}

bool queue_arm(struct port_queue *base)
{
	struct queue *queue = queue_of(base);
	bool pending = false;

	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		struct vring *ring = ring_in(queue, i);

		if (ring != NULL && vring_arm(ring))
			pending = true;
	}
	return pending;
}

void queue_disarm(struct port_queue *base)
{
	struct queue *queue = queue_of(base);

	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		struct vring *ring = ring_in(queue, i);
		uint64_t n_kicks;
		struct iovec iov = {.iov_base = &n_kicks, .iov_len = sizeof(n_kicks)};
		ssize_t n;

		if (ring != NULL)
			vring_disarm(ring);
		if (queue->kick_fds[i] < 0)
			continue;
		// the guest shares the descriptor's flags: it must not make us wait
		n = preadv2(queue->kick_fds[i], &iov, 1, -1 /* offset */, RWF_NOWAIT);
		(void)n;
	}
}

bool queue_pending(struct port_queue *base)
{
	const struct queue *queue = queue_of(base);

	for (uint32_t i = 0; i < queue->n_pairs; i++) {
		const struct vring *ring = ring_in(queue, i);

		if (ring != NULL && vring_pending(ring))
			return true;
	}
	return false;
}

bool queue_watch(struct port_queue *base, struct port_watch *ret_watch)
{
	const struct queue *queue = queue_of(base);
	const struct vring *ring = ring_in(queue, 0);

	if (queue->n_pairs != 1 || ring == NULL)
		return false;
	*ret_watch = vring_watch(ring);
	return true;
}
