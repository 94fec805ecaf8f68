/* SPDX-License-Identifier: BSD-3-Clause */
// Figures of a benchmark.
#include "bench_figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// `sorted` is scratch of at least `n`.
static double quantile(const double *values, size_t n, double q, double *sorted)
{
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare_double);
	return sorted[(size_t)(q * (double)(n - 1) + 0.5)];
}

int bench_summarise(const struct bench_series *series, struct bench_summary *ret_summary)
{
	size_t n = series->n, tenth = (n + 9) / 10;
	double *sorted;
	struct bench_summary s = {0};

	if (n == 0)
		return -EINVAL;
	sorted = malloc(n * sizeof(*sorted));
	if (sorted == NULL)
		return -ENOMEM;
	s.first_ms = series->ms[0];
	s.last_ms = series->ms[n - 1];
	s.p50_ms = quantile(series->ms, n, 0.5, sorted);
	s.p99_ms = quantile(series->ms, n, 0.99, sorted);
	s.max_ms = quantile(series->ms, n, 1, sorted);
	// medians of tenths: one step that the host delayed does not make a slope
	s.first_tenth_ms = quantile(series->ms, tenth, 0.5, sorted);
	s.last_tenth_ms = quantile(series->ms + n - tenth, tenth, 0.5, sorted);
	if (n > tenth)
		s.slope_us = (s.last_tenth_ms - s.first_tenth_ms) * 1e6 / (double)(n - tenth);
	s.per_s = series->total_s > 0 ? (double)n / series->total_s : 0;
	free(sorted);
	*ret_summary = s;
	return 0;
}

const char *bench_trend(const struct bench_summary *summary)
{
	double ratio =
	        summary->first_tenth_ms > 0 ? summary->last_tenth_ms / summary->first_tenth_ms : 1;

	if (ratio > 2)
		return "it grows with the number";
	if (ratio > 1.25)
		return "it grows a little";
	return ratio < 0.8 ? "it falls" : "flat";
}

json_t *bench_summary_json(const struct bench_series *series, const struct bench_summary *s)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "n",
	        (json_int_t)series->n, "total_s", series->total_s, "per_s", s->per_s, "first_ms",
	        s->first_ms, "last_ms", s->last_ms, "p50_ms", s->p50_ms, "p99_ms", s->p99_ms,
	        "max_ms", s->max_ms, "first_tenth_ms", s->first_tenth_ms, "last_tenth_ms",
	        s->last_tenth_ms, "slope_us_per_1000", s->slope_us);
}

int64_t bench_meminfo_bytes(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return strtoll(line + len + 1, NULL, 10) * 1024;
	}
	return 0;
}

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	memset(text, 0, size);
	if (file == NULL)
		return;
	if (fread(text, 1, size - 1, file) == 0)
		text[0] = '\0';
	fclose(file);
}

static int64_t rss_bytes(const char *pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	read_file(path, text, sizeof(text));
	return bench_meminfo_bytes(text, "VmRSS");
}

void bench_memory_read(pid_t switch_pid, struct bench_memory *ret_memory)
{
	char pid[16], text[8192];

	snprintf(pid, sizeof(pid), "%d", (int)switch_pid);
	read_file("/proc/meminfo", text, sizeof(text));
	*ret_memory = (struct bench_memory){
	        .switch_rss = switch_pid > 0 ? rss_bytes(pid) : 0,
	        .own_rss = rss_bytes("self"),
	        .available = bench_meminfo_bytes(text, "MemAvailable"),
	        .slab = bench_meminfo_bytes(text, "Slab"),
	        .percpu = bench_meminfo_bytes(text, "Percpu"),
	};
}

int64_t bench_kernel_growth(const struct bench_memory *before, const struct bench_memory *after)
{
	return before->available - after->available - (after->switch_rss - before->switch_rss) -
	       (after->own_rss - before->own_rss);
}

json_t *bench_memory_json(
        const struct bench_memory *before, const struct bench_memory *after, size_t n_steps)
{
	json_int_t n = n_steps > 0 ? (json_int_t)n_steps : 1;
	json_int_t kernel = bench_kernel_growth(before, after);
	json_int_t rss = after->switch_rss - before->switch_rss;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "switch_rss_before_bytes",
	        (json_int_t)before->switch_rss, "switch_rss_after_bytes",
	        (json_int_t)after->switch_rss, "switch_bytes_each", rss / n, "kernel_bytes", kernel,
	        "kernel_bytes_each", kernel / n, "slab_bytes",
	        (json_int_t)(after->slab - before->slab), "percpu_bytes",
	        (json_int_t)(after->percpu - before->percpu));
}
