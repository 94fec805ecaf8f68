/* SPDX-License-Identifier: BSD-3-Clause */
// The lists of a worker's queues: hot, swept and dirty, when queues go from their middle.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker.h"

#define N_QUEUES 4

struct peer {
	struct port_queue queue; // first
	uint16_t word;
	bool gone;
	unsigned n_asked;
};

static bool pending(struct port_queue *queue)
{
	struct peer *peer = (struct peer *)queue;

	assert_false(peer->gone);
	peer->n_asked++;
	return peer->word != 0;
}

static bool watch(struct port_queue *queue, struct port_watch *ret_watch)
{
	const struct peer *peer = (const struct peer *)queue;

	assert_false(peer->gone);
	*ret_watch = (struct port_watch){.word = &peer->word, .mask = UINT16_MAX};
	return true;
}

static const struct port_ops asked_ops = {.pending = pending};
static const struct port_ops watched_ops = {.pending = pending, .watch = watch};

struct bed {
	struct worker worker;
	struct peer peers[N_QUEUES];
	struct port_queue *hot[N_QUEUES], *swept[N_QUEUES], *dirty[N_QUEUES];
	struct port_watch watches[N_QUEUES];
};

// All queues quiet and swept. The odd ones have to be asked.
static void open_bed(struct bed *bed)
{
	*bed = (struct bed){.worker = {.adaptive = true, .max_queues = N_QUEUES, .epoll_fd = -1}};
	bed->worker.hot = bed->hot;
	bed->worker.swept = bed->swept;
	bed->worker.dirty = bed->dirty;
	bed->worker.watches = bed->watches;
	for (int i = 0; i < N_QUEUES; i++) {
		bed->peers[i].queue = (struct port_queue){
		        .ops = i % 2 == 1 ? &asked_ops : &watched_ops, .fd = -1};
		queues_add(&bed->worker, &bed->peers[i].queue);
	}
	bed->worker.now_tsc = 1000;
	for (int i = 0; i < N_QUEUES; i++)
		assert_true(queues_try_cold(&bed->worker, &bed->peers[i].queue));
	assert_int_equal(bed->worker.n_swept, N_QUEUES);
	assert_int_equal(bed->worker.n_hot, 0);
}

static void del(struct bed *bed, int i)
{
	queues_del(&bed->worker, &bed->peers[i].queue);
	bed->peers[i].gone = true;
}

static void sweep_all(struct bed *bed)
{
	bed->worker.now_tsc += 1000; // sweep_tsc is 0: all are due
	queues_check_cold(&bed->worker);
}

static void expect_hot(struct bed *bed, int i)
{
	assert_int_equal(bed->worker.n_hot, 1);
	assert_ptr_equal(bed->worker.hot[0], &bed->peers[i].queue);
	assert_int_equal(bed->peers[i].queue.swept_idx, UINT32_MAX);
}

// The last one takes the place of one that goes, with what is watched of it.
static void test_unsweep_moves_watch(void **state)
{
	for (int gone = 0; gone < N_QUEUES; gone++) {
		for (int rings = 0; rings < N_QUEUES; rings++) {
			struct bed bed;

			if (rings == gone)
				continue;
			open_bed(&bed);
			del(&bed, gone);
			bed.peers[gone].word = 1; // nobody looks there any more
			sweep_all(&bed);
			assert_int_equal(bed.worker.n_hot, 0);
			bed.peers[rings].word = 1;
			sweep_all(&bed);
			expect_hot(&bed, rings);
			assert_int_equal(bed.worker.n_swept, N_QUEUES - 2);
			for (uint32_t i = 0; i < bed.worker.n_swept; i++)
				assert_int_equal(bed.worker.swept[i]->swept_idx, i);
		}
	}
}

// A queue that goes is in no list: hot, swept, or with frames to be flushed.
static void test_del_leaves_nothing(void **state)
{
	for (int gone = 0; gone < N_QUEUES; gone++) {
		struct bed bed;
		struct worker *w = &bed.worker;

		open_bed(&bed);
		for (int i = 0; i < N_QUEUES; i++) {
			bed.peers[i].queue.tx_dirty = true;
			w->dirty[w->n_dirty++] = &bed.peers[i].queue;
		}
		del(&bed, gone);
		assert_int_equal(w->n_queues, N_QUEUES - 1);
		assert_int_equal(w->n_swept, N_QUEUES - 1);
		assert_int_equal(w->n_dirty, N_QUEUES - 1);
		assert_false(bed.peers[gone].queue.tx_dirty);
		for (uint32_t i = 0; i < N_QUEUES - 1; i++) {
			assert_ptr_not_equal(w->swept[i], &bed.peers[gone].queue);
			assert_ptr_not_equal(w->dirty[i], &bed.peers[gone].queue);
			assert_true(w->dirty[i]->tx_dirty);
		}
		sweep_all(&bed);
		for (int i = 0; i < N_QUEUES; i++) {
			if (i != gone)
				del(&bed, i);
		}
		assert_int_equal(w->n_queues + w->n_swept + w->n_hot + w->n_dirty, 0);
		sweep_all(&bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_unsweep_moves_watch),
	        cmocka_unit_test(test_del_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
