/* SPDX-License-Identifier: BSD-3-Clause */
// Names of nodes and interfaces, and the reference to both.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"

#define N63 "a23456789012345678901234567890123456789012345678901234567890123"
#define N15 "i23456789012345"

static void test_names(void **state)
{
	static const char *const good[] = {"a", "sat-3-17", "0", "A.b_c-d", "eth0.100", N15};
	static const char *const bad[] = {
	        "", "-a", ".", "..", "_x", "a b", "a/b", "a\n", "a\xc3\xa9", "a*", "a:b"};
	struct fault fault;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(node_name_check(good[i], NULL), 0);
		assert_int_equal(iface_name_check(good[i], NULL), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(node_name_check(bad[i], &fault), -EINVAL);
		assert_string_equal(fault.field, "node");
		assert_int_equal(iface_name_check(bad[i], &fault), -EINVAL);
		assert_string_equal(fault.field, "interface");
	}
	assert_int_equal(node_name_check(N63, NULL), 0);
	assert_int_equal(node_name_check(N63 "4", &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "has 64 characters, at most 63"));
	assert_int_equal(iface_name_check(N15 "6", &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "at most 15"));
}

static void test_ref(void **state)
{
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE], huge[10000];
	struct fault fault;

	assert_int_equal(iface_ref_parse("sat-3-17/isl0", node, iface, NULL), 0);
	assert_string_equal(node, "sat-3-17");
	assert_string_equal(iface, "isl0");
	assert_int_equal(iface_ref_parse(N63 "/" N15, node, iface, NULL), 0);
	assert_string_equal(node, N63);
	assert_string_equal(iface, N15);

	strcpy(node, "same");
	strcpy(iface, "same");
	static const char *const bad[] = {"", "/", "a", "a/", "/b", "a/b/c", "a//b", "a/b ",
	        N63 "4/b", "a/" N15 "6", "a b/c"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(iface_ref_parse(bad[i], node, iface, &fault), -EINVAL);
		assert_true(strlen(fault.message) > 0);
		assert_string_equal(node, "same");
		assert_string_equal(iface, "same");
	}
	memset(huge, 'x', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_int_equal(iface_ref_parse(huge, node, iface, &fault), -EINVAL);
	huge[5000] = '/';
	assert_int_equal(iface_ref_parse(huge, node, iface, &fault), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_names), cmocka_unit_test(test_ref)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
