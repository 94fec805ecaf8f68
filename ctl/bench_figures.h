/* SPDX-License-Identifier: BSD-3-Clause */
// What a benchmark of many equal steps comes to: the time of each, how they grow, memory before and
// after. Pure but for memory_read.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Times of steps in the order they were done. The array is the caller's.
struct bench_series {
	double *ms;
	size_t n;
	double total_s; // wall clock, with what lies between the steps
};

struct bench_summary {
	double first_ms, last_ms, p50_ms, p99_ms, max_ms;
	double first_tenth_ms; // median of the first tenth of the steps,
	double last_tenth_ms; // and of the last
	double slope_us; // growth of a step's time over 1,000 steps, between those two
	double per_s;
};

// Returns 0, -EINVAL when there is no step, or -ENOMEM.
__attribute__((warn_unused_result)) int bench_summarise(
        const struct bench_series *series, struct bench_summary *ret_summary);
// "flat", or what else the two tenths say.
const char *bench_trend(const struct bench_summary *summary);
json_t *bench_summary_json(const struct bench_series *series, const struct bench_summary *summary);

// All in bytes.
struct bench_memory {
	int64_t switch_rss;
	int64_t own_rss;
	int64_t available; // MemAvailable: what the kernel would still give
	int64_t slab;
	int64_t percpu;
};

// `switch_pid` 0 or of another host's: switch_rss is 0.
void bench_memory_read(pid_t switch_pid, struct bench_memory *ret_memory);
// What the kernel took between the two: all that is no more available, less the two processes' own.
int64_t bench_kernel_growth(const struct bench_memory *before, const struct bench_memory *after);
json_t *bench_memory_json(
        const struct bench_memory *before, const struct bench_memory *after, size_t n_steps);

// Value of "NAME:   123 kB" in `text`, in bytes; 0 if it is not there.
int64_t bench_meminfo_bytes(const char *text, const char *name);
