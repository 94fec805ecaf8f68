/* SPDX-License-Identifier: BSD-3-Clause */
// Units: durations, rates, sizes, probabilities.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"

static void test_fault_set(void **state)
{
	struct fault fault;

	assert_int_equal(fault_set(&fault, -EINVAL, "mtu", "too %s", "big"), -EINVAL);
	assert_string_equal(fault.field, "mtu");
	assert_string_equal(fault.message, "too big");
	assert_int_equal(fault_set(NULL, -ENOENT, NULL, "x"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fault_set)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
