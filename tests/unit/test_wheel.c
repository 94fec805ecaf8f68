/* SPDX-License-Identifier: BSD-3-Clause */
// The timing wheel against a sorted list, over random arrivals, links and steps of time.
#include <errno.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "wheel.h"

#define N_FRAMES 4000
#define N_LINKS 37

// What the model knows of a frame.
struct entry {
	struct rte_mbuf *m;
	uint64_t arrival;
	uint32_t link;
	uint32_t seq; // of insertion
	bool held;
	bool ordered;
};

struct model {
	struct wheel wheel;
	struct wheel_row row; // insertions since frames were taken out
	struct rte_mbuf *mbufs;
	struct entry entries[N_FRAMES];
	uint64_t last_arrival[N_LINKS]; // inserted
	uint32_t last_seq[N_LINKS]; // come out
	unsigned n_held;
	struct rng rng;
};

static int setup(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL)
		return -1;
	*state = model; // teardown frees it
	model->row = (struct wheel_row)WHEEL_ROW_INIT;
	model->mbufs = aligned_alloc(64, N_FRAMES * sizeof(*model->mbufs));
	if (model->mbufs == NULL)
		return -1;
	memset(model->mbufs, 0, N_FRAMES * sizeof(*model->mbufs));
	for (unsigned i = 0; i < N_FRAMES; i++)
		model->entries[i].m = &model->mbufs[i];
	return 0;
}

static int teardown(void **state)
{
	struct model *model = *state;

	wheel_fini(&model->wheel);
	free(model->mbufs);
	free(model);
	return 0;
}

// Inserts a free frame `ahead` of the time, not before its link's last one.
static void insert(struct model *model, uint64_t now, uint64_t ahead, uint32_t seq)
{
	uint64_t link = rng_next(&model->rng) % N_LINKS, arrival = now + ahead;

	if (arrival < model->last_arrival[link])
		arrival = model->last_arrival[link];
	if (!wheel_reaches(&model->wheel, arrival))
		return;
	for (unsigned i = 0; i < N_FRAMES; i++) {
		struct entry *entry = &model->entries[i];

		if (entry->held)
			continue;
		*entry =
		        (struct entry){entry->m, arrival, (uint32_t)link, seq, true, link % 2 != 0};
		frame_of(entry->m)->time_tsc = arrival;
		frame_of(entry->m)->link_id = (uint32_t)link;
		model->last_arrival[link] = arrival;
		model->n_held++;
		wheel_row_insert(&model->wheel, &model->row, entry->m, entry->ordered);
		return;
	}
}

static void end_row(struct model *model)
{
	wheel_row_end(&model->wheel, &model->row);
	model->row = (struct wheel_row)WHEEL_ROW_INIT;
}

static uint64_t earliest(const struct model *model)
{
	uint64_t least = WHEEL_NEVER;

	for (unsigned i = 0; i < N_FRAMES; i++) {
		if (model->entries[i].held && model->entries[i].arrival < least)
			least = model->entries[i].arrival;
	}
	return least;
}

// Of two frames that are ordered.
static bool comes_first(const struct entry *a, const struct entry *b)
{
	if (a->arrival != b->arrival)
		return a->arrival < b->arrival;
	return a->link != b->link ? a->link < b->link : a->seq < b->seq;
}

// Takes out what is due: all of it, nothing else, slots in order, links in order, and what is
// ordered.
static void expire(struct model *model, uint64_t now, unsigned burst)
{
	const struct entry *before = NULL; // that is ordered
	uint64_t slot_before = 0;
	unsigned n;

	end_row(model);
	do {
		struct rte_mbuf *pkts[64];

		n = wheel_expire(&model->wheel, now, pkts, burst);
		assert_true(n <= burst);
		for (unsigned i = 0; i < n; i++) {
			struct entry *entry = &model->entries[pkts[i] - model->mbufs];

			assert_ptr_equal(entry->m, pkts[i]);
			assert_true(entry->held);
			assert_true(entry->arrival <= now);
			assert_true(entry->arrival >> model->wheel.slot_shift >= slot_before);
			if (entry->ordered) {
				assert_true(before == NULL || comes_first(before, entry));
				before = entry;
			}
			assert_true(entry->seq > model->last_seq[entry->link]);
			model->last_seq[entry->link] = entry->seq;
			slot_before = entry->arrival >> model->wheel.slot_shift;
			entry->held = false;
			model->n_held--;
		}
	} while (n == burst);
	assert_true(earliest(model) > now);
	assert_int_equal(model->wheel.n_frames, model->n_held);
}

static void check_next(struct model *model)
{
	uint64_t next, least = earliest(model);

	end_row(model);
	next = wheel_next(&model->wheel);
	assert_true(next <= least);
	if (least == WHEEL_NEVER)
		assert_true(next == WHEEL_NEVER);
	else
		assert_true(least - next < 1ull << model->wheel.slot_shift);
}

static void random_run(
        struct model *model, uint64_t horizon, uint64_t slot, uint64_t max_step, uint64_t seed)
{
	uint64_t now = (seed << 40) + 12345;
	uint32_t seq = 1;

	rng_seed(&model->rng, seed, 0);
	memset(model->last_arrival, 0, sizeof(model->last_arrival));
	memset(model->last_seq, 0, sizeof(model->last_seq));
	assert_int_equal(wheel_init(&model->wheel, horizon, slot, now, N_FRAMES), 0);
	for (unsigned round = 0; round < 600; round++) {
		unsigned n = (unsigned)(rng_next(&model->rng) % 40);

		wheel_set_now(&model->wheel, now);
		for (unsigned i = 0; i < n; i++) {
			// Short, long, at once.
			uint64_t range =
			        (uint64_t[]){horizon, slot * 3, 1}[rng_next(&model->rng) % 3];

			insert(model, now, rng_next(&model->rng) % range, seq++);
		}
		check_next(model);
		now += rng_next(&model->rng) % max_step;
		expire(model, now, 1 + (unsigned)(rng_next(&model->rng) % 64));
		check_next(model);
	}
	expire(model, now + horizon + 4 * slot, 64);
	assert_int_equal(model->n_held, 0);
	wheel_fini(&model->wheel);
}

static void test_random(void **state)
{
	struct model *model = *state;

	random_run(model, 1 << 20, 1 << 10, 5000, 1); // several slots a step
	random_run(model, 1 << 20, 1 << 10, 300, 2); // several steps a slot
	random_run(model, 1 << 20, 1 << 10, 1 << 19, 3); // long pauses
	random_run(model, 100000, 1, 1000, 4); // a slot a cycle
	random_run(model, 1 << 30, 1 << 8, 1 << 22, 5); // four levels of bitmaps
	// No slot to spare: what is inserted last lies right behind the hand.
	random_run(model, (1 << 16) - (2 << 10), 1 << 10, 3000, 7);
	random_run(model, (1 << 20) - (2 << 8), 1 << 8, 3000, 8);
	random_run(model, (1 << 20) - (2 << 8), 1 << 8, 1 << 18, 9);
	random_run(model, 1000, 100000, 400, 6); // all in one slot
}

// The hand may be away for several turns.
static void test_long_absence(void **state)
{
	struct model *model = *state;

	rng_seed(&model->rng, 9, 0);
	assert_int_equal(wheel_init(&model->wheel, 1 << 16, 1 << 8, 0, N_FRAMES), 0);
	for (uint32_t i = 1; i <= 100; i++)
		insert(model, 0, rng_next(&model->rng) % (1 << 16), i);
	expire(model, 50ull << 16, 7);
	assert_int_equal(model->n_held, 0);
	insert(model, 50ull << 16, 1000, 101);
	assert_int_equal(model->n_held, 1);
	expire(model, (50ull << 16) + 1000, 7);
	assert_int_equal(model->n_held, 0);
}

// One slot that never ends, and always holds a frame.
static void test_endless_slot(void **state)
{
	struct model *model = *state;
	struct rte_mbuf *pkts[4];

	assert_int_equal(wheel_init(&model->wheel, 1000, 1ull << 40, 0, 8), 0);
	for (uint64_t t = 0; t < 1000; t++) {
		struct rte_mbuf *m = &model->mbufs[t % 16];

		frame_of(m)->time_tsc = t + 3;
		assert_true(wheel_has_room(&model->wheel, 1));
		wheel_insert(&model->wheel, m, false);
		if (t < 3) {
			assert_int_equal(wheel_expire(&model->wheel, t, pkts, 4), 0);
			continue;
		}
		assert_int_equal(wheel_expire(&model->wheel, t, pkts, 4), 1);
		assert_ptr_equal(pkts[0], &model->mbufs[(t - 3) % 16]);
	}
}

static void test_horizon(void **state)
{
	struct model *model = *state;
	const uint64_t now = 123456789;

	assert_int_equal(wheel_init(&model->wheel, 1 << 16, 1 << 8, 0, N_FRAMES), 0);
	wheel_set_now(&model->wheel, now);
	assert_true(wheel_reaches(&model->wheel, now));
	assert_true(wheel_reaches(&model->wheel, now + (1 << 16)));
	assert_false(wheel_reaches(&model->wheel, now + (1 << 17) + (1 << 8)));
	assert_true(wheel_reaches(&model->wheel, now - 1000)); // at once
	assert_int_equal(wheel_next(&model->wheel), WHEEL_NEVER);
	wheel_fini(&model->wheel);
	assert_int_equal(wheel_init(&model->wheel, 1ull << 62, 1, 0, N_FRAMES), -EINVAL);
}

static void test_drain(void **state)
{
	struct model *model = *state;
	struct rte_mbuf *pkts[64];
	unsigned n, total = 0;

	rng_seed(&model->rng, 11, 0);
	assert_int_equal(wheel_init(&model->wheel, 1 << 20, 1 << 10, 0, N_FRAMES), 0);
	for (uint32_t i = 1; i <= 1000; i++)
		insert(model, 0, rng_next(&model->rng) % (1 << 20), i);
	while ((n = wheel_drain(&model->wheel, pkts, 64)) != 0)
		total += n;
	assert_int_equal(total, 1000);
	assert_int_equal(model->wheel.n_frames, 0);
	assert_int_equal(wheel_next(&model->wheel), WHEEL_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_long_absence, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_endless_slot, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_horizon, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
