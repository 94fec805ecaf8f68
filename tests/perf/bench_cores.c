/* SPDX-License-Identifier: BSD-3-Clause */
// How far two processors are from each other: the time a cache line takes from one to the other.
// Virtual machines are moved between cores that share a cache and cores that do not, and every rate
// between two threads changes two- to fivefold with it: compare only figures taken at the same
// distance.
//	orrery-bench-cores [CPU CPU [MS]]	prints nanoseconds one way, median of slices
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLICE_TURNS 256 // there and back
#define SLICES_MAX 100000

struct table {
	alignas(128) _Atomic unsigned ball; // odd: the far side has it
	alignas(128) _Atomic bool stop;
	int far_cpu;
};

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("orrery-bench-cores: sched_setaffinity");
}

static void *far_side(void *arg)
{
	struct table *table = arg;

	stay_on(table->far_cpu);
	while (!atomic_load_explicit(&table->stop, memory_order_relaxed)) {
		unsigned ball = atomic_load_explicit(&table->ball, memory_order_acquire);

		if (ball % 2 == 1)
			atomic_store_explicit(&table->ball, ball + 1, memory_order_release);
	}
	return NULL;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

// One way, ns.
static double play(struct table *table)
{
	unsigned ball = atomic_load_explicit(&table->ball, memory_order_relaxed);
	double start_ns = now_ns();

	for (unsigned i = 0; i < SLICE_TURNS; i++) {
		atomic_store_explicit(&table->ball, ++ball, memory_order_release);
		while (atomic_load_explicit(&table->ball, memory_order_acquire) == ball)
			;
		ball++;
	}
	return (now_ns() - start_ns) / (2.0 * SLICE_TURNS);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int near_cpu = argc > 2 ? atoi(argv[1]) : 0;
	struct table table = {.far_cpu = argc > 2 ? atoi(argv[2]) : 1};
	double ms = argc > 3 ? atof(argv[3]) : 50, end_ns;
	double *slices = malloc(SLICES_MAX * sizeof(slices[0]));
	pthread_t thread;
	size_t n = 0;

	if (argc == 2 || near_cpu == table.far_cpu || slices == NULL ||
	        pthread_create(&thread, NULL, far_side, &table) != 0) {
		fprintf(stderr, "usage: orrery-bench-cores [CPU CPU [MS]]\n");
		free(slices);
		return 2;
	}
	stay_on(near_cpu);
	(void)play(&table); // until the far side is there
	end_ns = now_ns() + ms * 1e6;
	while (n < SLICES_MAX && now_ns() < end_ns)
		slices[n++] = play(&table);
	atomic_store(&table.stop, true);
	pthread_join(thread, NULL);
	qsort(slices, n, sizeof(slices[0]), by_value);
	printf("%.0f\n", n > 0 ? slices[n / 2] : 0.0);
	free(slices);
	return 0;
}
