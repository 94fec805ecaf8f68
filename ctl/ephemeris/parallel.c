/* SPDX-License-Identifier: BSD-3-Clause */
// Threads that take items from a counter.
#include "parallel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
	const struct parallel *parallel;
	atomic_size_t next; // item
	atomic_int err; // the first one
};

struct helper {
	struct job *job;
	pthread_t thread;
	unsigned number;
	bool runs;
};

static void fail(struct job *job, int err)
{
	int none = 0;

	if (err != 0)
		atomic_compare_exchange_strong(&job->err, &none, err);
}

static void take_items(struct job *job, unsigned thread)
{
	const struct parallel *parallel = job->parallel;

	while (atomic_load_explicit(&job->err, memory_order_relaxed) == 0) {
		// the counter hands out numbers; what they stand for was there before the threads
		size_t item = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);

		if (item >= parallel->n_items)
			return;
		fail(job, parallel->work(parallel->arg, item, thread));
		if (thread == 0 && parallel->watch != NULL)
			fail(job, parallel->watch(parallel->arg, item));
	}
}

static void *help(void *arg)
{
	struct helper *helper = arg;

	take_items(helper->job, helper->number);
	return NULL;
}

int parallel_run(const struct parallel *parallel)
{
	struct job job = {.parallel = parallel};
	unsigned n_helpers = parallel->n_threads - 1;
	struct helper *helpers = calloc((size_t)n_helpers + 1, sizeof(*helpers));

	if (helpers == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n_helpers; i++) {
		helpers[i] = (struct helper){.job = &job, .number = i + 1};
		// without a helper the work takes longer, that is all
		helpers[i].runs = pthread_create(&helpers[i].thread, NULL, help, &helpers[i]) == 0;
	}
	take_items(&job, 0);
	for (unsigned i = 0; i < n_helpers; i++) {
		if (helpers[i].runs)
			pthread_join(helpers[i].thread, NULL);
	}
	free(helpers);
	return job.err;
}

unsigned parallel_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return 1;
	return (unsigned)CPU_COUNT(&cpus);
}
