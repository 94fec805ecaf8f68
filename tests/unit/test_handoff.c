/* SPDX-License-Identifier: BSD-3-Clause */
// What threads of the data path share without a lock, run as threads: mailbox, doorbell, counters.
// Free of DPDK; CI runs it under the thread sanitizer too.
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doorbell.h"
#include "mailbox.h"
#include "stats.h"

#define N_COMMANDS 20000
#define N_RINGERS 3
#define N_TASKS 3000
#define PATIENCE_MS 20000 // a lost wake-up shows as this much silence

static char lost_wakeup[] = "a wake-up was lost";

// What a command points at; plain memory, handed to and fro by the mailbox alone.
struct port_queue {
	uint64_t value;
};

struct post {
	struct mailbox mailbox;
	struct doorbell bell;
	struct port_queue queues[MAILBOX_SIZE];
	uint64_t n_sleeps;
};

static void *carry_out(void *arg)
{
	struct post *post = arg;
	const struct command *command;

	for (unsigned n_done = 0; n_done < N_COMMANDS;) {
		struct pollfd fd = {.fd = post->bell.fd, .events = POLLIN};

		while ((command = mailbox_first(&post->mailbox)) != NULL) {
			command->queue->value += command->op == COMMAND_ADD_QUEUE ? 1 : 1000000;
			mailbox_pop(&post->mailbox);
			n_done++;
		}
		if (n_done == N_COMMANDS)
			break;
		doorbell_sleep(&post->bell);
		if (mailbox_first(&post->mailbox) == NULL) {
			post->n_sleeps++;
			if (poll(&fd, 1, PATIENCE_MS) == 0)
				return lost_wakeup;
			doorbell_clear(&post->bell);
		}
		doorbell_wake(&post->bell);
	}
	return NULL;
}

static void test_mailbox(void **state)
{
	static struct post post;
	uint64_t n_added = 0, n_deleted = 0, sum = 0;
	pthread_t worker;
	void *problem;

	assert_int_equal(doorbell_init(&post.bell), 0);
	assert_int_equal(pthread_create(&worker, NULL, carry_out, &post), 0);
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		struct command command = {
		        .op = i % 3 == 0 ? COMMAND_DEL_QUEUE : COMMAND_ADD_QUEUE,
		        .queue = &post.queues[i % MAILBOX_SIZE],
		};
		uint32_t ticket;

		while (!mailbox_post(&post.mailbox, &command, &ticket))
			sched_yield();
		doorbell_ring(&post.bell);
		n_deleted += command.op == COMMAND_DEL_QUEUE;
		n_added += command.op == COMMAND_ADD_QUEUE;
		// Now and then wait for the result, as control does.
		while (i % 7 == 0 && !mailbox_is_done(&post.mailbox, ticket))
			sched_yield();
		if (i % 7 == 0)
			assert_true(command.queue->value > 0);
	}
	pthread_join(worker, &problem);
	assert_null(problem);
	for (unsigned i = 0; i < MAILBOX_SIZE; i++)
		sum += post.queues[i].value;
	assert_int_equal(sum, n_added + n_deleted * 1000000);
	doorbell_fini(&post.bell);
}

static void test_mailbox_full(void **state)
{
	static struct mailbox mailbox;
	struct command command = {.op = COMMAND_ADD_QUEUE};
	uint32_t ticket = 0;

	// Over the point where the counts wrap around.
	atomic_store(&mailbox.posted, UINT32_MAX - 5);
	atomic_store(&mailbox.done, UINT32_MAX - 5);
	assert_null(mailbox_first(&mailbox));
	for (unsigned i = 0; i < MAILBOX_SIZE; i++)
		assert_true(mailbox_post(&mailbox, &command, &ticket));
	assert_false(mailbox_post(&mailbox, &command, &ticket));
	for (unsigned i = 0; i < MAILBOX_SIZE; i++) {
		assert_false(mailbox_is_done(&mailbox, ticket));
		assert_non_null(mailbox_first(&mailbox));
		mailbox_pop(&mailbox);
	}
	assert_true(mailbox_is_done(&mailbox, ticket));
	assert_null(mailbox_first(&mailbox));
}

// Several workers hand tasks to one that sleeps in between.
struct tasks {
	struct doorbell bell;
	_Atomic uint64_t added;
	_Atomic uint64_t kicks;
	counter_t done; // one writer
};

static void *add_tasks(void *arg)
{
	struct tasks *tasks = arg;

	for (unsigned i = 0; i < N_TASKS; i++) {
		atomic_fetch_add_explicit(&tasks->added, 1, memory_order_release);
		if (doorbell_ring(&tasks->bell))
			atomic_fetch_add_explicit(&tasks->kicks, 1, memory_order_relaxed);
		if (i % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void *do_tasks(void *arg)
{
	struct tasks *tasks = arg;

	while (counter_read(&tasks->done) < N_RINGERS * N_TASKS) {
		struct pollfd fd = {.fd = tasks->bell.fd, .events = POLLIN};
		uint64_t added = atomic_load_explicit(&tasks->added, memory_order_acquire);

		counter_add(&tasks->done, added - counter_read(&tasks->done));
		if (counter_read(&tasks->done) == N_RINGERS * N_TASKS)
			break;
		doorbell_sleep(&tasks->bell);
		if (atomic_load_explicit(&tasks->added, memory_order_acquire) ==
		        counter_read(&tasks->done)) {
			if (poll(&fd, 1, PATIENCE_MS) == 0)
				return lost_wakeup;
			doorbell_clear(&tasks->bell);
		}
		doorbell_wake(&tasks->bell);
	}
	return NULL;
}

static void test_doorbell(void **state)
{
	static struct tasks tasks;
	pthread_t sleeper, ringers[N_RINGERS];
	uint64_t seen = 0;
	void *problem;

	assert_int_equal(doorbell_init(&tasks.bell), 0);
	assert_int_equal(pthread_create(&sleeper, NULL, do_tasks, &tasks), 0);
	for (unsigned i = 0; i < N_RINGERS; i++)
		assert_int_equal(pthread_create(&ringers[i], NULL, add_tasks, &tasks), 0);
	// A reader of the counter meanwhile: it never goes back.
	while (seen < N_RINGERS * N_TASKS / 2) {
		uint64_t now = counter_read(&tasks.done);

		assert_true(now >= seen);
		seen = now;
		sched_yield();
	}
	for (unsigned i = 0; i < N_RINGERS; i++)
		pthread_join(ringers[i], NULL);
	pthread_join(sleeper, &problem);
	assert_null(problem);
	assert_int_equal(counter_read(&tasks.done), N_RINGERS * N_TASKS);
	doorbell_fini(&tasks.bell);
}

// No system call for one who is awake.
static void test_doorbell_awake(void **state)
{
	struct doorbell bell;
	struct pollfd fd;

	assert_int_equal(doorbell_init(&bell), 0);
	fd = (struct pollfd){.fd = bell.fd, .events = POLLIN};
	assert_false(doorbell_ring(&bell));
	assert_int_equal(poll(&fd, 1, 0), 0);
	doorbell_sleep(&bell);
	assert_true(doorbell_ring(&bell));
	assert_false(doorbell_ring(&bell)); // it has been woken
	assert_int_equal(poll(&fd, 1, 0), 1);
	doorbell_clear(&bell);
	assert_int_equal(poll(&fd, 1, 0), 0);
	doorbell_wake(&bell);
	doorbell_fini(&bell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_mailbox),
	        cmocka_unit_test(test_mailbox_full),
	        cmocka_unit_test(test_doorbell),
	        cmocka_unit_test(test_doorbell_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
