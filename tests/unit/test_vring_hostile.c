/* SPDX-License-Identifier: BSD-3-Clause */
// Rings of a guest that breaks the rules: each rule broken once, and the fault it is known by. The
// guest's memory lies between inaccessible pages: what leaves it ends the test.
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vring_rig.h"

#define NEXT 1
#define WRITE 2
#define INDIRECT 4
#define SIZE 16
#define TABLE GUEST_BUFFERS_ADDR
#define GOOD (GUEST_BUFFERS_ADDR + 0x10000)
#define NOWHERE (GUEST_APART_ADDR - 0x1000)
#define APART_LAST (GUEST_APART_ADDR + GUEST_APART_SIZE - 32)

struct entry {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t number; // split: next; packed: id
};

struct crime {
	const char *name;
	enum vring_fault fault;
	bool packed, receive, indirect, mergeable;
	struct entry ring[4], table[4];
	uint16_t head, n_avail; // split
};

static const struct crime crimes[] = {
        // split, transmit
        {.name = "index far ahead",
                .fault = VRING_FAULT_INDEX,
                .n_avail = SIZE + 1,
                .ring = {{GOOD, 72, 0, 0}}},
        {.name = "index behind",
                .fault = VRING_FAULT_INDEX,
                .n_avail = 0xffff,
                .ring = {{GOOD, 72, 0, 0}}},
        {.name = "head beyond the ring", .fault = VRING_FAULT_HEAD, .n_avail = 1, .head = SIZE},
        {.name = "next beyond the ring",
                .fault = VRING_FAULT_HEAD,
                .n_avail = 1,
                .ring = {{GOOD, 12, NEXT, SIZE}}},
        {.name = "buffer nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .ring = {{NOWHERE, 72, 0, 0}}},
        {.name = "buffer over the end",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .ring = {{APART_LAST, 72, 0, 0}}},
        {.name = "buffer that wraps",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .ring = {{UINT64_MAX - 10, 72, 0, 0}}},
        {.name = "second buffer nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .ring = {{GOOD, 12, NEXT, 1}, {NOWHERE, 60, 0, 0}}},
        {.name = "loop",
                .fault = VRING_FAULT_CHAIN,
                .n_avail = 1,
                .ring = {{GOOD, 1, NEXT, 1}, {GOOD, 1, NEXT, 0}}},
        {.name = "loop of nothing",
                .fault = VRING_FAULT_CHAIN,
                .n_avail = 1,
                .ring = {{GOOD, 0, NEXT, 0}}},
        {.name = "to write in a transmit ring",
                .fault = VRING_FAULT_DIRECTION,
                .n_avail = 1,
                .ring = {{GOOD, 72, WRITE, 0}}},
        {.name = "table not negotiated",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .ring = {{TABLE, 16, INDIRECT, 0}},
                .table = {{GOOD, 72, 0, 0}}},
        {.name = "table cut off",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 17, INDIRECT, 0}},
                .table = {{GOOD, 72, 0, 0}}},
        {.name = "empty table",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 0, INDIRECT, 0}}},
        {.name = "table and next",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 16, INDIRECT | NEXT, 0}},
                .table = {{GOOD, 72, 0, 0}}},
        {.name = "table in a table",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 16, INDIRECT, 0}},
                .table = {{TABLE, 16, INDIRECT, 0}}},
        {.name = "next beyond the table",
                .fault = VRING_FAULT_INDIRECT,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 32, INDIRECT, 0}},
                .table = {{GOOD, 12, NEXT, 2}, {GOOD, 60, 0, 0}, {GOOD, 60, 0, 0}}},
        {.name = "loop in a table",
                .fault = VRING_FAULT_CHAIN,
                .n_avail = 1,
                .indirect = true,
                .ring = {{TABLE, 16, INDIRECT, 0}},
                .table = {{GOOD, 1, NEXT, 0}}},
        {.name = "table nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .indirect = true,
                .ring = {{NOWHERE, 16, INDIRECT, 0}}},
        {.name = "buffer longer than the memory",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .ring = {{GOOD, UINT32_MAX, 0, 0}}},
        // split, receive
        {.name = "to read in a receive ring",
                .fault = VRING_FAULT_DIRECTION,
                .n_avail = 1,
                .receive = true,
                .ring = {{GOOD, 2000, 0, 0}}},
        {.name = "buffer nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .receive = true,
                .ring = {{NOWHERE, 2000, WRITE, 0}}},
        {.name = "buffer over the end",
                .fault = VRING_FAULT_ADDRESS,
                .n_avail = 1,
                .receive = true,
                .ring = {{APART_LAST, 2000, WRITE, 0}}},
        {.name = "no room for a header",
                .fault = VRING_FAULT_ROOM,
                .n_avail = 2,
                .receive = true,
                .mergeable = true,
                .ring = {{GOOD, 11, WRITE, 0}}},
        {.name = "loop",
                .fault = VRING_FAULT_CHAIN,
                .n_avail = 1,
                .receive = true,
                .ring = {{GOOD, 1, WRITE | NEXT, 0}}},
        // packed
        {.name = "buffer nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .packed = true,
                .ring = {{NOWHERE, 72, 0, 0}}},
        {.name = "buffer over the end",
                .fault = VRING_FAULT_ADDRESS,
                .packed = true,
                .ring = {{APART_LAST, 72, 0, 0}}},
        {.name = "id beyond the ring",
                .fault = VRING_FAULT_ID,
                .packed = true,
                .ring = {{GOOD, 72, 0, SIZE}}},
        {.name = "id of a chain beyond the ring",
                .fault = VRING_FAULT_ID,
                .packed = true,
                .ring = {{GOOD, 12, NEXT, 0}, {GOOD, 60, 0, 0xffff}}},
        {.name = "chain without end",
                .fault = VRING_FAULT_CHAIN,
                .packed = true,
                .ring = {{GOOD, 1, NEXT, 0xfff}}}, // the rest of the ring too, below
        {.name = "to write in a transmit ring",
                .fault = VRING_FAULT_DIRECTION,
                .packed = true,
                .ring = {{GOOD, 72, WRITE, 0}}},
        {.name = "table not negotiated",
                .fault = VRING_FAULT_INDIRECT,
                .packed = true,
                .ring = {{TABLE, 16, INDIRECT, 0}},
                .table = {{GOOD, 72, 0, 0}}},
        {.name = "table cut off",
                .fault = VRING_FAULT_INDIRECT,
                .packed = true,
                .indirect = true,
                .ring = {{TABLE, 24, INDIRECT, 0}},
                .table = {{GOOD, 72, 0, 0}}},
        {.name = "table in a table",
                .fault = VRING_FAULT_INDIRECT,
                .packed = true,
                .indirect = true,
                .ring = {{TABLE, 16, INDIRECT, 0}},
                .table = {{TABLE, 16, INDIRECT, 0}}},
        {.name = "table in a chain",
                .fault = VRING_FAULT_INDIRECT,
                .packed = true,
                .indirect = true,
                .ring = {{GOOD, 12, NEXT, 0}, {TABLE, 16, INDIRECT, 0}},
                .table = {{GOOD, 60, 0, 0}}},
        {.name = "table too long",
                .fault = VRING_FAULT_CHAIN,
                .packed = true,
                .indirect = true,
                .ring = {{TABLE, 16 * (VRING_CHAIN_MAX + 1), INDIRECT, 0}}},
        {.name = "to read in a receive ring",
                .fault = VRING_FAULT_DIRECTION,
                .packed = true,
                .receive = true,
                .ring = {{GOOD, 2000, 0, 0}}},
        {.name = "no room for a header",
                .fault = VRING_FAULT_ROOM,
                .packed = true,
                .receive = true,
                .mergeable = true,
                .ring = {{GOOD, 11, WRITE, 0}}},
        {.name = "buffer nowhere",
                .fault = VRING_FAULT_ADDRESS,
                .packed = true,
                .receive = true,
                .ring = {{NOWHERE, 2000, WRITE, 0}}},
};

static void write_entry(
        struct vring_rig *rig, uint64_t addr, const struct entry *entry, uint16_t more_flags)
{
	uint16_t flags = entry->flags | more_flags;

	guest_write(&rig->guest, addr, &entry->addr, 8);
	guest_write(&rig->guest, addr + 8, &entry->len, 4);
	guest_write(&rig->guest, addr + 12, rig->config.packed ? &entry->number : &flags, 2);
	guest_write(&rig->guest, addr + 14, rig->config.packed ? &flags : &entry->number, 2);
}

static void commit_crime(struct vring_rig *rig, const struct crime *crime)
{
	bool endless = crime->ring[0].number == 0xfff;

	for (int i = 0; i < 4; i++)
		write_entry(rig, TABLE + 16ull * i, &crime->table[i], 0);
	for (int i = 0; i < (endless ? SIZE : 4); i++) {
		const struct entry *entry = &crime->ring[endless ? 0 : i];

		if (!rig->config.packed || entry->addr != 0)
			write_entry(rig, rig->driver.desc_addr + 16ull * i, entry,
			        rig->config.packed ? 1u << 7 : 0);
	}
	if (rig->config.packed)
		return;
	guest_write(&rig->guest, rig->driver.driver_addr + 4, &crime->head, 2);
	guest_write(&rig->guest, rig->driver.driver_addr + 2, &crime->n_avail, 2);
}

static uint16_t move(struct vring_rig *rig, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t n_done;

	if (!rig->config.receive)
		return vring_dequeue(rig->vring, rig->pool, pkts, n);
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig->pool, pkts, n), 0);
	for (uint16_t i = 0; i < n; i++)
		pkts[i]->pkt_len = pkts[i]->data_len = 60;
	n_done = vring_enqueue(rig->vring, pkts, n);
	rte_pktmbuf_free_bulk(pkts, n);
	return n_done;
}

static const struct crime *crime_of(const struct vring_rig *rig)
{
	return rig->arg;
}

static void test_crime(void **state)
{
	struct vring_rig *rig = *state;
	const struct crime *crime = crime_of(rig);
	struct rte_mbuf *pkts[4];

	assert_int_equal(vring_get_fault(rig->vring), VRING_FAULT_NONE);
	commit_crime(rig, crime);
	assert_int_equal(move(rig, pkts, 4), 0);
	assert_int_equal(vring_get_fault(rig->vring), crime->fault);
	assert_true(strlen(vring_fault_text(crime->fault)) > 4);
	// and nothing moves any more
	assert_int_equal(move(rig, pkts, 4), 0);
	assert_false(vring_arm(rig->vring));
	vring_call(rig->vring);
	assert_int_equal(vring_get_counters(rig->vring)->calls, 0);
}

// Frames that are no frames: dropped and counted, the ring goes on.
static void test_useless(void **state)
{
	struct vring_rig *rig = *state;
	static const struct {
		uint32_t len;
		uint8_t flags, gso;
		bool good;
	} frames[] = {{12 + 13, 0, 0, false}, {11, 0, 0, false}, {0, 0, 0, false},
	        {12 + RIG_MAX_FRAME + 1, 0, 0, false}, {12 + 60, 1, 0, false},
	        {12 + 60, 0, 1, false}, {12 + 60, 1, 0x81, false}, {12 + 60, 0, 4, false},
	        {12 + 14, 0, 0, true}, {12 + 60, 2, 0, true}, {12 + RIG_MAX_FRAME, 0, 0, true}};
	struct rte_mbuf *pkts[4];
	uint64_t n_bad = 0;

	for (size_t i = 0; i < RTE_DIM(frames); i++) {
		struct buffer buffer = {GOOD, frames[i].len};
		struct offer offer = {.buffers = &buffer, .n = 1, .token = (uint32_t)i};
		uint8_t header[12] = {frames[i].flags, frames[i].gso};
		uint32_t token, len;
		uint16_t n;

		guest_write(&rig->guest, GOOD, header, sizeof(header));
		assert_true(driver_add(&rig->driver, &offer));
		driver_publish(&rig->driver);
		n = vring_dequeue(rig->vring, rig->pool, pkts, 4);
		rte_pktmbuf_free_bulk(pkts, n);
		assert_int_equal(n, frames[i].good);
		n_bad += !frames[i].good;
		assert_int_equal(vring_get_counters(rig->vring)->bad_pkts, n_bad);
		assert_true(driver_take(&rig->driver, &token, &len));
		assert_int_equal(token, i);
	}
}

// Frames that the guest cannot be given: done with, counted, and the next one gets the buffer.
static void test_unfit(void **state)
{
	struct vring_rig *rig = *state;
	static const uint16_t lens[] = {13, 200, 60};
	struct buffer buffer = {GOOD, 12 + 100};
	struct offer offer = {.buffers = &buffer, .n = 1, .write = true, .token = 5};
	struct rte_mbuf *pkts[RTE_DIM(lens)];
	uint32_t token, len;

	assert_true(driver_add(&rig->driver, &offer));
	driver_publish(&rig->driver);
	assert_int_equal(rte_pktmbuf_alloc_bulk(rig->pool, pkts, RTE_DIM(lens)), 0);
	for (size_t i = 0; i < RTE_DIM(lens); i++)
		pkts[i]->pkt_len = pkts[i]->data_len = lens[i];
	assert_int_equal(vring_enqueue(rig->vring, pkts, RTE_DIM(lens)), 3);
	assert_int_equal(vring_get_counters(rig->vring)->bad_pkts, 2);
	assert_true(driver_take(&rig->driver, &token, &len));
	assert_int_equal(len, 12 + 60);
	assert_int_equal(vring_enqueue(rig->vring, pkts + 2, 1), 0);
	assert_int_equal(vring_get_counters(rig->vring)->full, 1);
	rte_pktmbuf_free_bulk(pkts, RTE_DIM(lens));
}

// Chains as long as they may be, of buffers of no bytes but the last.
static void offer_long(struct vring_rig *rig, uint32_t last_len)
{
	struct buffer buffers[VRING_CHAIN_MAX - 1];
	struct offer offer = {.buffers = buffers,
	        .n = RTE_DIM(buffers),
	        .write = rig->config.receive,
	        .table = TABLE};

	for (size_t i = 0; i < RTE_DIM(buffers); i++)
		buffers[i] = (struct buffer){GOOD, 0};
	buffers[RTE_DIM(buffers) - 1].len = last_len;
	for (uint32_t i = 0; i < RIG_BURST; i++)
		assert_true(driver_add(&rig->driver, &offer));
	driver_publish(&rig->driver);
}

// A call looks at 8 times VRING_CHAIN_MAX descriptors, and leaves the rest to the next.
static void test_long_transmit(void **state)
{
	struct vring_rig *rig = *state;
	struct rte_mbuf *pkts[RIG_BURST];

	offer_long(rig, 0);
	for (uint32_t n = 8; n <= RIG_BURST; n += 8) {
		assert_true(vring_pending(rig->vring));
		assert_int_equal(vring_dequeue(rig->vring, rig->pool, pkts, RIG_BURST), 0);
		assert_int_equal(vring_get_counters(rig->vring)->bad_pkts, n);
	}
	assert_false(vring_pending(rig->vring));
	assert_int_equal(vring_get_fault(rig->vring), VRING_FAULT_NONE);
}

// Each has room for the header and no more: a frame would need several, and there is one to a
// frame.
static void test_long_receive(void **state)
{
	struct vring_rig *rig = *state;
	struct rte_mbuf *pkts[RIG_BURST];

	offer_long(rig, 12);
	assert_int_equal(move(rig, pkts, RIG_BURST), 8);
	assert_int_equal(vring_get_counters(rig->vring)->bad_pkts, 8);
	assert_int_equal(vring_get_counters(rig->vring)->full, RIG_BURST - 8);
	assert_int_equal(vring_get_fault(rig->vring), VRING_FAULT_NONE);
}

int main(void)
{
	struct rig_suite suite = {.n = 0};

	for (size_t i = 0; i < RTE_DIM(crimes); i++) {
		const struct crime *crime = &crimes[i];

		rig_add(&suite, crime->receive ? "receive" : "transmit", test_crime,
		        (struct rig_kind){.name = crime->name,
		                .size = SIZE,
		                .version_1 = true,
		                .packed = crime->packed,
		                .receive = crime->receive,
		                .indirect = crime->indirect,
		                .mergeable = crime->mergeable,
		                .arg = crime});
	}
	for (int packed = 0; packed < 2; packed++) {
		rig_add(&suite, "useless frames", test_useless,
		        (struct rig_kind){
		                .name = "", .size = SIZE, .version_1 = true, .packed = packed});
		rig_add(&suite, "unfit frames", test_unfit,
		        (struct rig_kind){.name = "",
		                .size = SIZE,
		                .version_1 = true,
		                .packed = packed,
		                .receive = true});
		rig_add(&suite, "long chains", test_long_transmit,
		        (struct rig_kind){.name = "transmit",
		                .size = RIG_BURST,
		                .version_1 = true,
		                .packed = packed,
		                .indirect = true});
		rig_add(&suite, "long chains", test_long_receive,
		        (struct rig_kind){.name = "receive",
		                .size = RIG_BURST,
		                .version_1 = true,
		                .packed = packed,
		                .indirect = true,
		                .mergeable = true,
		                .receive = true});
	}
	return rig_run("vring_hostile", &suite);
}
