/* SPDX-License-Identifier: BSD-3-Clause */
// What orrery verify computes by itself: intervals against published values, and what a file asks
// of a path, against a file made here.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asked.h"
#include "figures.h"

static void expect_near(double got, double want, double slack)
{
	if (!(fabs(got - want) <= slack))
		fail_msg("%.9g, not %.9g", got, want);
}

// Newcombe, Statistics in Medicine 17 (1998) 857: table I, method 3, 95 %.
static void test_wilson(void **state)
{
	static const struct {
		uint64_t k, n;
		double low, high;
	} cases[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611},
	        {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct interval got = figures_wilson(cases[i].k, cases[i].n, 0.95);

		expect_near(got.low, cases[i].low, 5e-5);
		expect_near(got.high, cases[i].high, 5e-5);
	}
}

static void test_quantile(void **state)
{
	double values[] = {3, 1, 2, 5, 4};

	figures_sort(values, 5);
	expect_near(figures_quantile(values, 5, 0), 1, 0);
	expect_near(figures_quantile(values, 5, 0.5), 3, 0);
	expect_near(figures_quantile(values, 5, 1), 5, 0);
}

static struct asked_line line(double t_ns, uint32_t delay_ns, int32_t slope_ns_s)
{
	return (struct asked_line){.t_ns = t_ns,
	        .record = {.to = 1,
	                .set = ORRERY_SET_ALL,
	                .flags = ORRERY_LINK_UP,
	                .delay_ns = delay_ns,
	                .slope_ns_s = slope_ns_s}};
}

// Two hops: the second is met when the first has been crossed, at the file's speed.
static void test_path(void **state)
{
	struct asked_line first[] = {line(0, 10000000, 1000), line(2e9, 30000000, 0)};
	struct asked_line second[] = {line(0, 5000000, -2000)};
	struct asked asked = {.hops = {{0, first, 2}, {1, second, 1}}, .n_hops = 2};
	struct asked_clock clock = {.at_ns = 1000000000000, .t_ns = 500000000, .speed = 2};
	bool bursts;

	// Sent at 0.5 s of the file: 10 ms + 500 ns; then at 0.520001 s: 5 ms - 1040.002 ns.
	expect_near(asked_delay_ns(&asked, &clock, 1000000000000.0, 100), 14999459.998, 0.5);
	// One second later it is 2.5 s: the second line; 5 ms - 5120 ns.
	expect_near(asked_delay_ns(&asked, &clock, 1001000000000.0, 100), 34994880.0, 0.5);
	// A pause.
	clock.speed = 0;
	expect_near(asked_delay_ns(&asked, &clock, 1001000000000.0, 100), 14999500.0, 0.5);
	// 100 + 24 bytes at 1 Mbit/s, and short frames are 60 bytes.
	second[0].record.rate_kbps = 1000;
	expect_near(asked_delay_ns(&asked, &clock, 1001000000000.0, 100), 15991500.0, 0.5);
	expect_near(asked_delay_ns(&asked, &clock, 1001000000000.0, 20), 15671500.0, 0.5);
	expect_near(asked_rate_bps(&asked), 1e6, 0);
	assert_true(asked_is_steady(&asked));
	first[0].record.loss = 1u << 31;
	second[0].record.good_us = 3000;
	second[0].record.bad_us = 1000;
	second[0].record.loss_bad = UINT32_MAX;
	expect_near(asked_loss(&asked, &bursts), 1 - 0.5 * 0.75, 1e-9);
	assert_true(bursts);
	first[1].record.to = 2;
	assert_false(asked_is_steady(&asked));
	first[1].record.to = 1;
	first[1].record.flags = 0;
	assert_false(asked_is_steady(&asked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_wilson),
	        cmocka_unit_test(test_quantile),
	        cmocka_unit_test(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
