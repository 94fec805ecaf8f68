/* SPDX-License-Identifier: BSD-3-Clause */
// Normal quantiles against the error function; moments of what is drawn.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "normal.h"

#define N_DRAWS 1000000

static void test_quantile(void **state)
{
	assert_true(normal_quantile(0) == 0);
	for (int i = 1; i < 5000; i++) {
		double p = i / 10000.0, x = normal_quantile(p - 0.5);

		assert_true(fabs(0.5 * erfc(-x / M_SQRT2) / p - 1) < 2e-6);
		assert_true(normal_quantile(0.5 - p) == -x);
	}
	// Far out.
	for (double p = 1e-4; p > 1e-12; p /= 3)
		assert_true(fabs(0.5 * erfc(-normal_quantile(p - 0.5) / M_SQRT2) / p - 1) < 1e-3);
}

static void test_draws(void **state)
{
	double sum = 0, squares = 0, fourths = 0, waits = 0;
	struct rng rng;

	rng_seed(&rng, 5, 6);
	for (int i = 0; i < N_DRAWS; i++) {
		double x = normal_draw(&rng), wait = exponential_draw(&rng);

		assert_true(isfinite(x));
		assert_true(wait > 0 && isfinite(wait));
		sum += x;
		squares += x * x;
		fourths += x * x * x * x;
		waits += wait;
	}
	assert_true(fabs(sum / N_DRAWS) < 5e-3);
	assert_true(fabs(squares / N_DRAWS - 1) < 7e-3);
	assert_true(fabs(fourths / N_DRAWS - 3) < 5e-2);
	assert_true(fabs(waits / N_DRAWS - 1) < 5e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_quantile),
	        cmocka_unit_test(test_draws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
