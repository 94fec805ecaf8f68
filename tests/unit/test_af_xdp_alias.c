/* SPDX-License-Identifier: BSD-3-Clause */
// The alias that a host end carries from one switch to the next.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alias.h"

static const struct alias sample = {
        .ref = "sat-3-17/isl0",
        .ifname = "isl0",
        .mac = {0x02, 0x00, 0xff, 0x10, 0x0a, 0xb1},
        .netns_inode = 4026532246,
        .owner = "0123456789abcdef:isl0",
};

static void assert_same(const struct alias *a, const struct alias *b)
{
	assert_string_equal(a->ref, b->ref);
	assert_string_equal(a->ifname, b->ifname);
	assert_memory_equal(a->mac, b->mac, ETH_ALEN);
	assert_int_equal(a->netns_inode, b->netns_inode);
	assert_string_equal(a->owner, b->owner);
}

static void there_and_back(void **state)
{
	static const char *const owners[] = {
	        "x", "", " ", "with spaces and 100% of signs ", "a  b"};
	char text[ALIAS_SIZE];
	struct alias in = sample, out;

	assert_int_equal(alias_format(&in, text, NULL), 0);
	assert_string_equal(text, "orrery1 sat-3-17/isl0 isl0 0200ff100ab1 4026532246 "
	                          "0123456789abcdef:isl0");
	assert_int_equal(alias_parse(text, &out), 0);
	assert_same(&in, &out);
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		snprintf(in.owner, sizeof(in.owner), "%s", owners[i]);
		assert_int_equal(alias_format(&in, text, NULL), 0);
		assert_int_equal(alias_parse(text, &out), 0);
		assert_same(&in, &out);
	}
}

// Every length of owner up to the longest: whole, or refused with a word about it.
static void never_cut(void **state)
{
	struct alias in = sample, out;
	char text[ALIAS_SIZE];
	int refused = 0;

	memset(in.ref, 'r', sizeof(in.ref) - 1);
	memset(in.ifname, 'i', sizeof(in.ifname) - 1);
	in.netns_inode = UINT64_MAX;
	for (size_t n = 0; n < sizeof(in.owner); n++) {
		struct fault fault = {0};
		int ret;

		memset(in.owner, 0, sizeof(in.owner));
		memset(in.owner, 'o', n);
		ret = alias_format(&in, text, &fault);
		if (ret == 0) {
			assert_false(refused);
			assert_int_equal(alias_parse(text, &out), 0);
			assert_same(&in, &out);
		} else {
			refused++;
			assert_int_equal(ret, -ENAMETOOLONG);
			assert_string_equal(fault.field, "owner");
			assert_non_null(strstr(fault.message, "too long"));
		}
	}
	assert_true(refused > 0);
	// the longest owner of the CNI plugin (cni-shim/owner.h) fits beside the longest reference
	memset(in.owner, 0, sizeof(in.owner));
	memset(in.owner, 'o', strlen("cni:::") + 32 + 64 + 15);
	assert_int_equal(alias_format(&in, text, NULL), 0);
}

static void foreign_text(void **state)
{
	static const char *const texts[] = {
	        "",
	        "orrery1",
	        "orrery1 ",
	        "a bridge",
	        "orrery2 sat-1/isl0 isl0 0200ff100ab1 1 x",
	        "orrery1 sat-1/isl0 isl0 0200ff100a 1 x",
	        "orrery1 sat-1/isl0 isl0 0200ff100ab1 x",
	        "orrery1 sat-1/isl0 isl0 0200ff100ab1 1",
	        "orrery1 sat-1/isl0 isl0 zzzzzzzzzzzz 1 x",
	};
	char longest[400];
	struct alias out = sample;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(alias_parse(texts[i], &out), -EINVAL);
	snprintf(longest, sizeof(longest), "orrery1 a/b c 0200ff100ab1 1 %300s", "x");
	assert_int_equal(alias_parse(longest, &out), -EINVAL);
	assert_same(&out, &sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(there_and_back),
	        cmocka_unit_test(never_cut),
	        cmocka_unit_test(foreign_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
