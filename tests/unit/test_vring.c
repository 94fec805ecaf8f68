/* SPDX-License-Identifier: BSD-3-Clause */
// Virtqueues against a driver written from the specification: frames byte by byte through chains of
// every form, indices and wrap counters that turn over, calls and kicks.
#include <assert.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "rng.h"
#include "vring_driver.h"
#include "vring_rig.h"

// One chain in flight and what lies in it.
#define MAX_CHAINS 256u
#define SLOT_SIZE 0x4000u // guest memory for one chain's buffers and tables
#define MAX_BUFFERS 40u
#define ROUNDS 500u // of tests at random: indices turn over often

struct slot {
	bool used;
	struct buffer buffers[MAX_BUFFERS];
	uint16_t n;
	uint32_t frame_id, frame_len;
};

struct bed {
	struct vring_rig *rig;
	struct slot slots[MAX_CHAINS];
	struct rng rng;
	uint32_t next_sent, next_received; // frame ids
};

static uint32_t below(struct bed *bed, uint32_t n)
{
	assert(n > 0);
	return (uint32_t)(rng_next(&bed->rng) % n);
}

static uint64_t slot_addr(uint32_t i)
{
	return GUEST_BUFFERS_ADDR + (uint64_t)i * SLOT_SIZE;
}

// What a frame of an id holds: its length and bytes follow from the id.
static void fill_frame(uint32_t id, uint8_t *frame, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)((id * 2654435761u >> 11) + i * 7 + (i >> 8) * 31);
}

static uint32_t pick_len(struct bed *bed, uint32_t max)
{
	uint32_t lens[] = {14 + below(bed, 50), 60 + below(bed, 70), 14 + below(bed, max - 13),
	        max - below(bed, 10)};

	return lens[below(bed, 4)];
}

// `len` bytes cut into buffers, one after the other with random gaps, from the slot's start.
static void cut(struct bed *bed, uint32_t i, uint32_t len, uint16_t max_buffers)
{
	struct slot *slot = &bed->slots[i];
	uint64_t addr = slot_addr(i) + below(bed, 64);
	uint16_t n = below(bed, 2) == 0 ? 1 : (uint16_t)(1 + below(bed, max_buffers));

	slot->n = 0;
	while (len > 0) {
		uint32_t here =
		        slot->n + 1 == n ? len : below(bed, RTE_MIN(len, 2 * len / n + 1) + 1);

		if (below(bed, 8) == 0 && slot->n + 1 < n)
			here = RTE_MIN(len, below(bed, 12)); // the header apart, or less
		slot->buffers[slot->n++] = (struct buffer){addr, here};
		addr += here + below(bed, 20);
		len -= here;
	}
}

static bool offer(struct bed *bed, uint32_t i, bool write)
{
	struct slot *slot = &bed->slots[i];
	struct offer offer = {.buffers = slot->buffers, .n = slot->n, .write = write, .token = i};

	if (bed->rig->config.indirect && below(bed, 3) == 0) {
		offer.table = slot_addr(i) + SLOT_SIZE - 16 * MAX_BUFFERS;
		if (!bed->rig->config.packed)
			offer.n_direct = (uint16_t)below(bed, slot->n);
	}
	slot->used = driver_add(&bed->rig->driver, &offer);
	return slot->used;
}

static void write_slot(struct bed *bed, const struct slot *slot, const uint8_t *data)
{
	for (uint16_t k = 0; k < slot->n; k++) {
		guest_write(&bed->rig->guest, slot->buffers[k].addr, data, slot->buffers[k].len);
		data += slot->buffers[k].len;
	}
}

static void read_slot(struct bed *bed, const struct slot *slot, uint8_t *data, uint32_t len)
{
	for (uint16_t k = 0; k < slot->n && len > 0; k++) {
		uint32_t here = RTE_MIN(len, slot->buffers[k].len);

		guest_read(&bed->rig->guest, slot->buffers[k].addr, data, here);
		data += here;
		len -= here;
	}
	assert_int_equal(len, 0);
}

static int free_slot(struct bed *bed, uint32_t n)
{
	uint32_t start = below(bed, n);

	for (uint32_t k = 0; k < n; k++) {
		if (!bed->slots[(start + k) % n].used)
			return (int)((start + k) % n);
	}
	return -1;
}

// --- transmit ring: driver -> device ----------------------------------------------------------

static void send_some(struct bed *bed, uint32_t n)
{
	uint8_t data[12 + RIG_MAX_FRAME] = {0};
	uint16_t header = bed->rig->header;

	while (n-- > 0) {
		int i = free_slot(bed, RTE_MIN(MAX_CHAINS, bed->rig->driver.size));
		uint32_t len = pick_len(bed, RIG_MAX_FRAME);

		if (i < 0)
			break;
		fill_frame(bed->next_sent, data + header, len);
		cut(bed, (uint32_t)i, header + len,
		        RTE_MIN(MAX_BUFFERS - 8, bed->rig->driver.size));
		write_slot(bed, &bed->slots[i], data);
		bed->slots[i].frame_len = len;
		if (!offer(bed, (uint32_t)i, false))
			break;
		bed->slots[i].frame_id = bed->next_sent++;
		bed->rig->lens[bed->slots[i].frame_id % RIG_LENS] = len;
	}
	driver_publish(&bed->rig->driver);
}

static void check_frame(struct bed *bed, const struct rte_mbuf *m)
{
	uint32_t len = bed->rig->lens[bed->next_received % RIG_LENS];
	uint8_t expected[RIG_MAX_FRAME];

	fill_frame(bed->next_received++, expected, len);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->data_len, len);
	assert_int_equal(m->nb_segs, 1);
	assert_null(m->next);
	assert_int_equal(m->ol_flags, 0);
	assert_int_equal(m->port, RIG_PORT);
	assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), expected, len);
}

static void receive_some(struct bed *bed, uint16_t n)
{
	struct rte_mbuf *pkts[RIG_BURST];
	uint32_t token, len, given_back = bed->next_received;

	n = vring_dequeue(bed->rig->vring, bed->rig->pool, pkts, n);
	for (uint16_t i = 0; i < n; i++)
		check_frame(bed, pkts[i]);
	rte_pktmbuf_free_bulk(pkts, n);
	assert_int_equal(vring_get_fault(bed->rig->vring), VRING_FAULT_NONE);
	while (driver_take(&bed->rig->driver, &token, &len)) {
		assert_int_equal(len, 0);
		assert_true(bed->slots[token].used);
		assert_int_equal(bed->slots[token].frame_id, given_back++); // in order
		bed->slots[token].used = false;
	}
	assert_int_equal(given_back, bed->next_received);
}

static void test_dequeue(void **state)
{
	struct bed bed = {.rig = *state};

	rng_seed(&bed.rng, 1, bed.rig->driver.size);
	for (uint32_t n = rig_rounds(ROUNDS); n > 0; n--) {
		send_some(&bed, below(&bed, 40));
		receive_some(&bed, (uint16_t)below(&bed, RIG_BURST + 1));
		if (below(&bed, 16) == 0)
			rig_restart(bed.rig); // goes on where it was
	}
	receive_some(&bed, RIG_BURST);
	while (bed.next_received != bed.next_sent)
		receive_some(&bed, RIG_BURST);
	assert_int_equal(vring_get_counters(bed.rig->vring)->bad_pkts, 0);
	assert_true(bed.next_sent > 3 * ROUNDS);
}

// --- receive ring: device -> driver -----------------------------------------------------------

static void fill_ring(struct bed *bed, uint32_t n)
{
	while (n-- > 0) {
		int i = free_slot(bed, RTE_MIN(MAX_CHAINS, bed->rig->driver.size));
		uint32_t room = bed->rig->header + RIG_MAX_FRAME + below(bed, 100);

		if (i < 0)
			break;
		if (bed->rig->config.mergeable && below(bed, 2) == 0)
			room = bed->rig->header + 1 + below(bed, 600);
		cut(bed, (uint32_t)i, room, RTE_MIN(MAX_BUFFERS - 8, bed->rig->driver.size / 2));
		if (!offer(bed, (uint32_t)i, true))
			break;
	}
	driver_publish(&bed->rig->driver);
}

static struct rte_mbuf *make_frame(struct bed *bed, uint32_t id, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed->rig->pool), *last = m;
	uint8_t data[RIG_MAX_FRAME];
	uint32_t done = 0;

	assert_non_null(m);
	fill_frame(id, data, len);
	while (done < len) {
		uint32_t here = below(bed, 3) > 0 ? len - done : 1 + below(bed, len - done);

		if (done > 0) {
			last->next = rte_pktmbuf_alloc(bed->rig->pool);
			last = last->next;
			assert_non_null(last);
			m->nb_segs++;
		}
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), data + done, here);
		last->data_len = (uint16_t)here;
		done += here;
	}
	m->pkt_len = len;
	return m;
}

static void give_some(struct bed *bed, uint16_t n)
{
	struct rte_mbuf *pkts[RIG_BURST];
	uint16_t n_done;

	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = pick_len(bed, RIG_MAX_FRAME);

		pkts[i] = make_frame(bed, bed->next_sent + i, len);
		bed->rig->lens[(bed->next_sent + i) % RIG_LENS] = len;
	}
	n_done = vring_enqueue(bed->rig->vring, pkts, n);
	assert_int_equal(vring_get_fault(bed->rig->vring), VRING_FAULT_NONE);
	assert_true(n_done <= n);
	bed->next_sent += n_done;
	rte_pktmbuf_free_bulk(pkts, n);
}

// A frame that the device gave, gathered from its buffers.
static bool read_frame(struct bed *bed)
{
	uint8_t data[12 + RIG_MAX_FRAME] = {0}, expected[RIG_MAX_FRAME];
	uint32_t token = 0, len = 0, done = 0, n_buffers = 1, frame_len, header = bed->rig->header;

	for (uint32_t k = 0; k < n_buffers; k++) {
		if (!driver_take(&bed->rig->driver, &token, &len)) {
			assert_int_equal(k, 0); // all buffers of a frame at once
			return false;
		}
		assert_true(bed->slots[token].used);
		assert_true(done + len <= sizeof(data));
		read_slot(bed, &bed->slots[token], data + done, len);
		bed->slots[token].used = false;
		done += len;
		if (k == 0 && header == 12)
			n_buffers = data[10] + 256u * data[11];
		assert_true(n_buffers >= 1);
	}
	frame_len = bed->rig->lens[bed->next_received % RIG_LENS];
	assert_int_equal(done, header + frame_len);
	for (int i = 0; i < 10; i++)
		assert_int_equal(data[i], 0);
	fill_frame(bed->next_received++, expected, frame_len);
	assert_memory_equal(data + header, expected, frame_len);
	return true;
}

static void test_enqueue(void **state)
{
	struct bed bed = {.rig = *state};

	rng_seed(&bed.rng, 2, bed.rig->driver.size);
	for (uint32_t n = rig_rounds(ROUNDS); n > 0; n--) {
		fill_ring(&bed, below(&bed, 60));
		give_some(&bed, (uint16_t)below(&bed, RIG_BURST + 1));
		while (read_frame(&bed))
			continue;
		if (below(&bed, 16) == 0)
			rig_restart(bed.rig);
		assert_int_equal(bed.next_received, bed.next_sent);
	}
	assert_int_equal(vring_get_counters(bed.rig->vring)->bad_pkts, 0);
	assert_true(bed.next_sent > 3 * ROUNDS);
}

// --- calls and kicks --------------------------------------------------------------------------

static uint64_t calls_made(struct vring_rig *rig)
{
	uint64_t n = 0;

	vring_call(rig->vring);
	return read(rig->call_fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_calls(void **state)
{
	struct bed bed = {.rig = *state};
	struct vring_rig *rig = bed.rig;

	rng_seed(&bed.rng, 3, 0);
	assert_int_equal(calls_made(rig), 1); // after the start, whatever was used before
	assert_int_equal(calls_made(rig), 0); // nothing used
	for (uint32_t n = rig_rounds(ROUNDS); n > 0; n--) {
		driver_calls_off(&rig->driver);
		rig_send_plain(rig, 2);
		rig_receive(rig, 2);
		assert_int_equal(calls_made(rig), 0);
		driver_calls_on(&rig->driver, 0);
		assert_int_equal(calls_made(rig), 0);
		rig_send_plain(rig, 1);
		rig_receive(rig, 1);
		assert_int_equal(calls_made(rig), 1);
		assert_int_equal(calls_made(rig), 0);
		if (!rig->config.event_idx)
			continue;
		driver_calls_on(&rig->driver, 2); // at the third
		for (int k = 0; k < 5; k++) {
			rig_send_plain(rig, 1);
			rig_receive(rig, 1);
			assert_int_equal(calls_made(rig), k == 2);
		}
	}
}

// A call that fails is made later, though nothing more is used.
static void test_failed_calls(void **state)
{
	struct vring_rig *rig = *state;
	int no_eventfd = open("/", O_PATH | O_CLOEXEC);

	assert_true(no_eventfd >= 0);
	assert_int_equal(calls_made(rig), 1);
	vring_set_call(rig->vring, no_eventfd);
	assert_false(vring_call(rig->vring));
	assert_false(vring_call(rig->vring));
	assert_int_equal(dup2(rig->call_fd, no_eventfd), no_eventfd);
	assert_true(vring_call(rig->vring));
	assert_int_equal(calls_made(rig), 1); // that one
	assert_int_equal(calls_made(rig), 0);
	vring_set_call(rig->vring, rig->call_fd);
	close(no_eventfd);
}

static void test_kicks(void **state)
{
	struct vring_rig *rig = *state;

	for (uint32_t n = rig_rounds(ROUNDS); n > 0; n--) {
		vring_disarm(rig->vring);
		assert_false(vring_pending(rig->vring));
		rig_send_plain(rig, 1);
		assert_false(driver_wants_kick(&rig->driver));
		assert_true(vring_pending(rig->vring));
		assert_true(vring_arm(rig->vring)); // there is something already
		rig_receive(rig, 1);
		assert_false(vring_arm(rig->vring));
		rig_send_plain(rig, 2);
		assert_true(driver_wants_kick(&rig->driver));
		rig_receive(rig, 2);
	}
}

// --- every kind of ring -----------------------------------------------------------------------

// Rings for frames; an index that turns over soon, or starts at 0.
static const struct rig_kind frame_kinds[] = {
        {.name = "plain", .size = 256, .version_1 = true, .first_idx = 65000},
        {.name = "legacy header", .size = 128},
        {.name = "mergeable, indirect",
                .size = 256,
                .version_1 = true,
                .mergeable = true,
                .indirect = true,
                .first_idx = 65000},
        {.name = "mergeable, small, events",
                .size = 64,
                .version_1 = true,
                .mergeable = true,
                .event_idx = true,
                .first_idx = 65000},
        {.name = "indirect, large", .size = 32768, .version_1 = true, .indirect = true},
};
static const struct rig_kind call_kinds[] = {
        {.name = "flags", .size = 16, .version_1 = true},
        {.name = "events", .size = 16, .version_1 = true, .event_idx = true, .first_idx = 65000},
};
static const bool layouts[] = {false, true};

int main(void)
{
	struct rig_suite suite = {.n = 0};

	for (size_t l = 0; l < RTE_DIM(layouts); l++) {
		for (size_t i = 0; i < RTE_DIM(frame_kinds); i++) {
			struct rig_kind kind = frame_kinds[i];

			kind.packed = layouts[l];
			rig_add(&suite, "dequeue", test_dequeue, kind);
			kind.receive = true;
			rig_add(&suite, "enqueue", test_enqueue, kind);
		}
		for (size_t i = 0; i < RTE_DIM(call_kinds); i++) {
			struct rig_kind kind = call_kinds[i];

			kind.packed = layouts[l];
			rig_add(&suite, "calls", test_calls, kind);
			rig_add(&suite, "calls that fail", test_failed_calls, kind);
			rig_add(&suite, "kicks", test_kicks, kind);
		}
	}
	return rig_run("vring", &suite);
}
