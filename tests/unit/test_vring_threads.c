/* SPDX-License-Identifier: BSD-3-Clause */
// A driver and a device at work at the same time, each in a thread of its own. Both sleep when
// there is nothing to do, and are woken by eventfds as the ring's notifications ask: a wake-up that
// is lost ends the test. Every frame comes once, in order and whole.
//
// Only the device's thread uses mbufs, and both sides store and load what they share in the same
// units, so that the thread sanitizer sees the order that the ring gives.
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "rng.h"
#include "vring_rig.h"

#define N_FRAMES 15000u
#define MAX_LEN 300u
#define SLOT_SIZE 512u // of guest memory, for one chain

struct bed {
	struct vring_rig *rig;
	struct rng device_rng, driver_rng;
	uint32_t n_frames;
	int kick_fd;
	uint32_t n_device_sleeps, n_driver_sleeps;
	bool failed; // atomic
};

static uint32_t pick(struct rng *rng, uint32_t n)
{
	return (uint32_t)(rng_next(rng) % n);
}

// Ends the test, from either thread: cmocka's asserts are for the first.
static void check(struct bed *bed, bool good)
{
	if (good)
		return;
	__atomic_store_n(&bed->failed, true, __ATOMIC_RELAXED);
	pthread_exit(NULL);
}

// Several times: a process that was stopped finds that its time is up.
static void sleep_on(struct bed *bed, int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	eventfd_t n;

	for (int i = 0; i < 20 && !__atomic_load_n(&bed->failed, __ATOMIC_RELAXED); i++) {
		if (poll(&poll_fd, 1, 1000) == 1) {
			check(bed, eventfd_read(fd, &n) == 0);
			return;
		}
	}
	check(bed, false); // nobody woke us
}

static uint32_t frame_len(uint32_t id)
{
	return 14 + (id * 2654435761u >> 8) % (MAX_LEN - 14);
}

static void fill_frame(uint32_t id, uint8_t *frame)
{
	for (uint32_t i = 0; i < frame_len(id); i++)
		frame[i] = (uint8_t)(id * 37 + i * 7);
	memcpy(frame, &id, sizeof(id));
}

static void check_frame(struct bed *bed, uint32_t id, const uint8_t *data, uint32_t len)
{
	uint8_t frame[MAX_LEN];

	fill_frame(id, frame);
	check(bed, len == frame_len(id) && memcmp(data, frame, len) == 0);
}

// --- device -----------------------------------------------------------------------------------

static uint16_t dequeue(struct bed *bed, uint32_t id)
{
	struct rte_mbuf *pkts[RIG_BURST];
	uint16_t n = vring_dequeue(bed->rig->vring, bed->rig->pool, pkts,
	        (uint16_t)(1 + pick(&bed->device_rng, RIG_BURST)));

	for (uint16_t i = 0; i < n; i++)
		check_frame(bed, id + i, rte_pktmbuf_mtod(pkts[i], uint8_t *), pkts[i]->pkt_len);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint16_t enqueue(struct bed *bed, uint32_t id)
{
	uint32_t n = RTE_MIN(1 + pick(&bed->device_rng, RIG_BURST), bed->n_frames - id);
	struct rte_mbuf *pkts[RIG_BURST];
	uint16_t n_done;

	check(bed, rte_pktmbuf_alloc_bulk(bed->rig->pool, pkts, n) == 0);
	for (uint32_t i = 0; i < n; i++) {
		fill_frame(id + i, rte_pktmbuf_mtod(pkts[i], uint8_t *));
		pkts[i]->pkt_len = frame_len(id + i);
		pkts[i]->data_len = (uint16_t)pkts[i]->pkt_len;
	}
	n_done = vring_enqueue(bed->rig->vring, pkts, (uint16_t)n);
	rte_pktmbuf_free_bulk(pkts, n);
	return n_done;
}

static void *device(void *arg)
{
	struct bed *bed = arg;
	struct vring *vring = bed->rig->vring;
	uint32_t n_done = 0;

	while (n_done < bed->n_frames) {
		uint16_t n = bed->rig->config.receive ? enqueue(bed, n_done) : dequeue(bed, n_done);

		check(bed, vring_get_fault(vring) == VRING_FAULT_NONE);
		n_done += n;
		vring_call(vring);
		if (n > 0)
			continue;
		if (!vring_arm(vring)) {
			bed->n_device_sleeps++;
			sleep_on(bed, bed->kick_fd);
		}
		vring_disarm(vring);
	}
	return NULL;
}

// --- driver -----------------------------------------------------------------------------------

struct guest_side {
	struct bed *bed;
	uint32_t n_offered, n_back;
};

static uint64_t slot_addr(const struct guest_side *side, uint32_t token)
{
	return GUEST_BUFFERS_ADDR + token % side->bed->rig->driver.size * SLOT_SIZE;
}

// One or two buffers a chain.
static bool offer_one(struct guest_side *side)
{
	struct vring_rig *rig = side->bed->rig;
	uint64_t addr = slot_addr(side, side->n_offered);
	uint8_t data[12 + MAX_LEN] = {0};
	uint32_t len = 12 + (rig->config.receive ? MAX_LEN : frame_len(side->n_offered));
	uint32_t cut = side->n_offered % 3 == 0 ? 12 : len;
	struct buffer buffers[] = {{addr, cut}, {addr + cut, len - cut}};
	struct offer offer = {.buffers = buffers,
	        .n = cut < len ? 2 : 1,
	        .write = rig->config.receive,
	        .token = side->n_offered};

	if (rig->driver.n_free < 2)
		return false;
	if (!rig->config.receive) {
		fill_frame(side->n_offered, data + 12);
		guest_write(&rig->guest, addr, data, len);
	}
	side->n_offered++;
	return driver_add(&rig->driver, &offer);
}

static bool take_one(struct guest_side *side)
{
	struct vring_rig *rig = side->bed->rig;
	uint8_t data[12 + MAX_LEN];
	uint32_t token, len;

	if (!driver_take(&rig->driver, &token, &len))
		return false;
	check(side->bed, token == side->n_back);
	if (rig->config.receive) {
		check(side->bed, len > 12 && len <= sizeof(data));
		guest_read(&rig->guest, slot_addr(side, token), data, len);
		check_frame(side->bed, side->n_back, data + 12, len - 12);
	} else {
		check(side->bed, len == 0);
	}
	side->n_back++;
	return true;
}

static void sleep_until_used(struct guest_side *side)
{
	struct driver *driver = &side->bed->rig->driver;

	// later than at once, if there is event_idx: at any of those that are with the device
	driver_calls_on(
	        driver, (uint16_t)pick(&side->bed->driver_rng, side->n_offered - side->n_back));
	// either the device sees this and calls, or we see what it has used
	atomic_thread_fence(memory_order_seq_cst);
	if (!take_one(side)) {
		side->bed->n_driver_sleeps++;
		sleep_on(side->bed, side->bed->rig->call_fd);
	}
	driver_calls_off(driver);
}

static void *drive(void *arg)
{
	struct guest_side side = {.bed = arg};
	struct bed *bed = arg;
	struct driver *driver = &bed->rig->driver;

	driver_calls_off(driver);
	while (side.n_back < bed->n_frames) {
		uint32_t n = 1 + pick(&bed->driver_rng, driver->size);

		while (n-- > 0 && side.n_offered < bed->n_frames && offer_one(&side))
			continue;
		driver_publish(driver);
		if (driver_wants_kick(driver))
			check(bed, eventfd_write(bed->kick_fd, 1) == 0);
		if (!take_one(&side)) {
			if (pick(&bed->driver_rng, 2) == 0 && side.n_offered > side.n_back)
				sleep_until_used(&side);
			continue;
		}
		while (pick(&bed->driver_rng, 64) != 0 && take_one(&side))
			continue;
	}
	return NULL;
}

// DPDK keeps the first thread, and those that it starts, on one processor.
static void free_processors(pthread_t thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

static void test_threads(void **state)
{
	struct bed bed = {.rig = *state, .n_frames = rig_rounds(N_FRAMES)};
	pthread_t threads[2];

	rng_seed(&bed.device_rng, 11, 0);
	rng_seed(&bed.driver_rng, 11, 1);
	bed.kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(bed.kick_fd >= 0);
	vring_disarm(bed.rig->vring);
	assert_int_equal(pthread_create(&threads[0], NULL, device, &bed), 0);
	free_processors(threads[0]);
	assert_int_equal(pthread_create(&threads[1], NULL, drive, &bed), 0);
	free_processors(threads[1]);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	close(bed.kick_fd);
	assert_false(bed.failed);
	assert_true(bed.n_device_sleeps > 0 && bed.n_driver_sleeps > 0);
}

int main(void)
{
	struct rig_suite suite = {.n = 0};

	for (unsigned i = 0; i < 16; i++) {
		struct rig_kind kind = {.name = i & 4 ? "events" : "flags",
		        .packed = i & 1,
		        .receive = i & 2,
		        .event_idx = i & 4,
		        .size = i & 8 ? 256 : 16,
		        .first_idx = 65500,
		        .version_1 = true,
		        .mergeable = true};

		if (kind.packed)
			kind.size -= 3; // no power of two
		rig_add(&suite, kind.receive ? "receive" : "transmit", test_threads, kind);
	}
	return rig_run("vring_threads", &suite);
}
