/* SPDX-License-Identifier: BSD-3-Clause */
// podsim's rings against a small device that was written from the specification by itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring_packed.h"
#include "ring_split.h"
#include "rng.h"

#define SIZE 8

// What the device took and has not given back: descriptor or buffer ids.
struct device {
	bool packed;
	uint16_t held[SIZE];
	uint32_t lens[SIZE];
	uint32_t n_held;
	uint16_t next_avail, next_used;
};

struct rig {
	struct ring_split split;
	struct ring_packed packed;
	uint16_t ids[SIZE];
	void *memory;
	struct device device;
};

static void rig_init(struct rig *rig, bool packed)
{
	size_t bytes = packed ? ring_packed_bytes(SIZE) : ring_split_bytes(SIZE);

	*rig = (struct rig){.device.packed = packed};
	rig->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(rig->memory);
	memset(rig->memory, 0, bytes);
	if (packed)
		ring_packed_init(&rig->packed, rig->memory, rig->ids, SIZE, 0, false, false);
	else
		ring_split_init(&rig->split, rig->memory, SIZE, 0, false, false);
}

static void device_take_split(struct device *device, const struct ring_split *ring)
{
	while (device->next_avail != ring->avail->idx) {
		uint16_t id = ring->avail->ring[device->next_avail++ % SIZE];

		assert_in_range(id, 0, SIZE - 1);
		device->lens[device->n_held] = ring->desc[id].len;
		device->held[device->n_held++] = id;
	}
}

static void device_take_packed(struct device *device, const struct ring_packed *ring)
{
	for (;;) {
		const struct virtio_packed_desc *desc = &ring->desc[device->next_avail % SIZE];
		bool wrap = device->next_avail / SIZE % 2 == 0;
		bool avail = (desc->flags & VIRTIO_DESC_AVAIL) != 0;
		bool used = (desc->flags & VIRTIO_DESC_USED) != 0;

		if (avail != wrap || used == wrap)
			return;
		assert_int_not_equal(device->n_held, SIZE);
		device->lens[device->n_held] = desc->len;
		device->held[device->n_held++] = desc->id;
		device->next_avail++;
	}
}

// Gives back number `which` of those it holds, with `len`.
static void device_give(struct rig *rig, uint32_t which, uint32_t len)
{
	struct device *device = &rig->device;
	uint16_t id = device->held[which];

	if (device->packed) {
		struct virtio_packed_desc *desc = &rig->packed.desc[device->next_used % SIZE];
		bool wrap = device->next_used / SIZE % 2 == 0;

		desc->id = id;
		desc->len = len;
		desc->flags = wrap ? VIRTIO_DESC_AVAIL | VIRTIO_DESC_USED : 0;
	} else {
		rig->split.used->ring[device->next_used % SIZE] =
		        (struct virtio_used_elem){id, len};
		rig->split.used->idx++;
	}
	device->next_used++;
	device->n_held--;
	memmove(&device->held[which], &device->held[which + 1],
	        (device->n_held - which) * sizeof(device->held[0]));
	memmove(&device->lens[which], &device->lens[which + 1],
	        (device->n_held - which) * sizeof(device->lens[0]));
}

static void device_take(struct rig *rig)
{
	if (rig->device.packed)
		device_take_packed(&rig->device, &rig->packed);
	else
		device_take_split(&rig->device, &rig->split);
}

static uint32_t n_free(struct rig *rig)
{
	return rig->device.packed ? ring_packed_n_free(&rig->packed)
	                          : ring_split_n_free(&rig->split);
}

static uint16_t post(struct rig *rig, uint64_t addr, uint32_t len)
{
	uint16_t id;

	if (rig->device.packed) {
		id = ring_packed_next(&rig->packed, 0);
		ring_packed_post(&rig->packed, addr, len);
	} else {
		id = ring_split_next(&rig->split, 0);
		ring_split_post(&rig->split, addr, len);
		ring_split_publish(&rig->split);
	}
	return id;
}

static uint32_t collect(struct rig *rig, struct ring_done *done, uint32_t max)
{
	return rig->device.packed ? ring_packed_collect(&rig->packed, done, max)
	                          : ring_split_collect(&rig->split, done, max);
}

// Posts and gives back at random, out of order: each id is out at most once, and comes back with
// the length that the device said.
static void churn(bool packed, bool in_order)
{
	struct rig rig;
	struct rng rng;
	bool out[SIZE] = {false};
	uint32_t sent_len[SIZE], said[SIZE];

	rig_init(&rig, packed);
	rng_seed(&rng, 7, packed * 2 + in_order);
	for (uint32_t step = 0; step < 200000; step++) {
		struct ring_done done[SIZE];
		uint32_t n;

		while (n_free(&rig) > 0 && rng_next(&rng) % 3 != 0) {
			uint16_t id = post(&rig, 0x1000, 100 + step);

			assert_false(out[id]);
			out[id] = true;
			sent_len[id] = 100 + step;
		}
		device_take(&rig);
		for (uint32_t i = 0; i < rig.device.n_held; i++)
			assert_int_equal(rig.device.lens[i], sent_len[rig.device.held[i]]);
		while (rig.device.n_held > 0 && rng_next(&rng) % 3 != 0) {
			uint32_t which =
			        in_order ? 0 : (uint32_t)(rng_next(&rng) % rig.device.n_held);

			said[rig.device.held[which]] = step;
			device_give(&rig, which, step);
		}
		n = collect(&rig, done, 1 + (uint32_t)(rng_next(&rng) % SIZE));
		for (uint32_t i = 0; i < n; i++) {
			assert_true(out[done[i].id]);
			out[done[i].id] = false;
			assert_int_equal(done[i].len, said[done[i].id]);
		}
	}
	assert_int_equal(packed ? rig.packed.n_bad : rig.split.n_bad, 0);
	free(rig.memory);
}

static void test_split_out_of_order(void **state)
{
	churn(/*packed*/ false, /*in_order*/ false);
}

static void test_packed_out_of_order(void **state)
{
	churn(/*packed*/ true, /*in_order*/ false);
}

static void test_in_order(void **state)
{
	churn(/*packed*/ false, /*in_order*/ true);
	churn(/*packed*/ true, /*in_order*/ true);
}

static void test_full(void **state)
{
	for (int packed = 0; packed < 2; packed++) {
		struct rig rig;

		rig_init(&rig, packed);
		for (uint32_t i = 0; i < SIZE; i++)
			(void)post(&rig, i, i);
		assert_int_equal(n_free(&rig), 0);
		device_take(&rig);
		assert_int_equal(rig.device.n_held, SIZE);
		device_give(&rig, 3, 0);
		struct ring_done done[SIZE];
		assert_int_equal(collect(&rig, done, SIZE), 1);
		assert_int_equal(done[0].id, 3);
		assert_int_equal(n_free(&rig), 1);
		free(rig.memory);
	}
}

// A device that claims more than it was given, or ids that do not exist, is counted.
static void test_bad_device(void **state)
{
	struct ring_done done[SIZE] = {0};
	struct rig rig;

	rig_init(&rig, /*packed*/ false);
	(void)post(&rig, 0, 0);
	rig.split.used->idx = 5;
	assert_int_equal(collect(&rig, done, SIZE), 0);
	assert_int_equal(rig.split.n_bad, 1);
	rig.split.used->ring[0].id = 77;
	rig.split.used->idx = 1;
	assert_int_equal(collect(&rig, done, SIZE), 1);
	assert_int_equal(rig.split.n_bad, 2);
	assert_in_range(done[0].id, 0, SIZE - 1);
	free(rig.memory);
}

static void test_kicks(void **state)
{
	struct rig rig;
	uint16_t *event;

	rig_init(&rig, /*packed*/ false);
	(void)post(&rig, 0, 0);
	assert_true(ring_split_wants_kick(&rig.split));
	rig.split.used->flags = VIRTIO_USED_NO_NOTIFY;
	(void)post(&rig, 0, 0);
	assert_false(ring_split_wants_kick(&rig.split));
	// with EVENT_IDX: only when the entry after avail_event was among the new ones
	rig.split.event_idx = true;
	event = (uint16_t *)(void *)&rig.split.used->ring[SIZE];
	*event = 2;
	(void)post(&rig, 0, 0);
	assert_true(ring_split_wants_kick(&rig.split));
	(void)post(&rig, 0, 0);
	assert_false(ring_split_wants_kick(&rig.split));
	free(rig.memory);

	rig_init(&rig, /*packed*/ true);
	rig.packed.device->flags = VIRTIO_EVENT_DISABLE;
	(void)post(&rig, 0, 0);
	assert_false(ring_packed_wants_kick(&rig.packed));
	rig.packed.device->flags = VIRTIO_EVENT_ENABLE;
	assert_true(ring_packed_wants_kick(&rig.packed));
	*rig.packed.device = (struct virtio_event){1 | 1 << 15, VIRTIO_EVENT_DESC};
	(void)post(&rig, 0, 0);
	assert_true(ring_packed_wants_kick(&rig.packed));
	(void)post(&rig, 0, 0);
	assert_false(ring_packed_wants_kick(&rig.packed));
	free(rig.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_split_out_of_order),
	        cmocka_unit_test(test_packed_out_of_order),
	        cmocka_unit_test(test_in_order),
	        cmocka_unit_test(test_full),
	        cmocka_unit_test(test_bad_device),
	        cmocka_unit_test(test_kicks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
