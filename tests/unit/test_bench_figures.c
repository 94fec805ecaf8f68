/* SPDX-License-Identifier: BSD-3-Clause */
// Figures of a benchmark: medians, the trend from first to last, memory.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "bench_figures.h"

#define N 1000

static struct bench_summary summarise(double *ms, size_t n)
{
	const struct bench_series series = {.ms = ms, .n = n, .total_s = 2};
	struct bench_summary summary;

	assert_int_equal(bench_summarise(&series, &summary), 0);
	return summary;
}

static void assert_near(double a, double b)
{
	assert_true(fabs(a - b) < 1e-9);
}

static void test_flat(void **state)
{
	double ms[N];
	struct bench_summary s;

	for (size_t i = 0; i < N; i++)
		ms[i] = 1 + (double)(i % 10) / 100;
	ms[0] = 5;
	ms[N - 1] = 3; // the host was busy: no trend
	s = summarise(ms, N);
	assert_near(s.first_ms, 5);
	assert_near(s.last_ms, 3);
	assert_near(s.max_ms, 5);
	assert_true(s.p50_ms > 1 && s.p50_ms < 1.1);
	assert_true(s.p99_ms < 1.1);
	assert_near(s.per_s, 500);
	assert_string_equal(bench_trend(&s), "flat");
	assert_true(fabs(s.slope_us) < 50);
}

static void test_slope(void **state)
{
	double ms[N];
	struct bench_summary s;

	for (size_t i = 0; i < N; i++)
		ms[i] = 1 + (double)i / N; // 1 ms more over 1,000
	s = summarise(ms, N);
	assert_true(fabs(s.slope_us - 1000) < 5);
	assert_string_equal(bench_trend(&s), "it grows a little");
	for (size_t i = 0; i < N; i++)
		ms[i] = 1 + (double)i / 100;
	s = summarise(ms, N);
	assert_string_equal(bench_trend(&s), "it grows with the number");
}

static void test_few(void **state)
{
	double ms[] = {2, 1, 3};
	const struct bench_series none = {.ms = ms};
	struct bench_summary s;

	assert_int_equal(bench_summarise(&none, &s), -EINVAL);
	s = summarise(ms, 1);
	assert_near(s.p99_ms, 2);
	assert_near(s.slope_us, 0);
	s = summarise(ms, 3);
	assert_near(s.p50_ms, 2);
	assert_near(s.max_ms, 3);
	assert_near(s.last_tenth_ms, 3);
}

static void test_memory(void **state)
{
	static const char text[] =
	        "MemTotal:       1000 kB\nMemAvailable:    900 kB\nSReclaimable:   5 kB\n"
	        "Slab:             77 kB\nPercpu:   3 kB";
	const struct bench_memory before = {.switch_rss = 10, .own_rss = 5, .available = 1000};
	const struct bench_memory after = {.switch_rss = 30, .own_rss = 15, .available = 500};
	json_t *json;

	assert_int_equal(bench_meminfo_bytes(text, "MemAvailable"), 900 * 1024);
	assert_int_equal(bench_meminfo_bytes(text, "Slab"), 77 * 1024);
	assert_int_equal(bench_meminfo_bytes(text, "Percpu"), 3 * 1024);
	assert_int_equal(bench_meminfo_bytes(text, "Mem"), 0);
	assert_int_equal(bench_kernel_growth(&before, &after), 500 - 20 - 10);
	json = bench_memory_json(&before, &after, 10);
	assert_int_equal(json_integer_value(json_object_get(json, "switch_bytes_each")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "kernel_bytes_each")), 47);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_flat),
	        cmocka_unit_test(test_slope),
	        cmocka_unit_test(test_few),
	        cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
