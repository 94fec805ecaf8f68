/* SPDX-License-Identifier: BSD-3-Clause */
// Whole numbers that libconfig would cut, and files that are none.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_text.h"
#include "text_file.h"

static void test_numbers(void **state)
{
	static const struct {
		const char *text, *says; // NULL: good
	} rows[] = {
	        {"", NULL},
	        {"a = 2147483647; b = -2147483648; c = 0x7fffffff; d = 00000000000000000001;",
	                NULL},
	        {"a = 4294967298L; b = 0xFFFFFFFFFL; c = -9223372036854775808LL;", NULL},
	        {"a = 4294967298;", "t:1: key 'a': 4294967298 does not fit 32 bits"},
	        {"a = 1;\n\nplanes = 2147483648;", "t:3: key 'planes': 2147483648 does not"},
	        {"a: {\n b = -2147483649; };", "t:2: key 'b': -2147483649 does not fit 32 bits"},
	        {"a = 0x80000000;", "t:1: key 'a': 0x80000000 does not fit 32 bits"},
	        {"a = 9223372036854775808L;", "'a': 9223372036854775808L does not fit 64 bits"},
	        {"a = 99999999999999999999999999999999;", "does not fit 32 bits"},
	        {"a = [1, 2,\n 4294967298];", "t:2: key 'a': 4294967298 does not"},
	        {"a=4294967298b = 1;", "key 'a': 4294967298 does not"}, // no blank is needed
	        // fractions
	        {"a = 4294967298.0; b = 4294967298e2; c = .4294967298; d = -4294967298.e-1;", NULL},
	        {"a = 4294967298e;", "key 'a': 4294967298 does not"},
	        // what is no number
	        {"a = \"4294967298\"; b4294967298 = \"\\\"4294967298\";", NULL},
	        {"# 4294967298\na = 1; // 4294967298\n/* 4294967298\n*/", NULL},
	        {"a = \"\n\n\"; b = 4294967298;", "t:3: key 'b'"},
	        {"/* \n */ b = 4294967298;", "t:2: key 'b'"}, {"a = \"not ended 4294967298", NULL},
	        {"a = \"not ended \\", NULL}, {"/* not ended 4294967298", NULL},
	        {"- + . @include 0x L", NULL},
	        {"a = 1; @include \"none\"\n@includes \"none\"",
	                NULL}, // libconfig says what is wrong
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault fault = {0};
		int err = conf_text_check(rows[i].text, "t", &fault);

		if (err != (rows[i].says != NULL ? -ERANGE : 0))
			fail_msg("%s: %d", rows[i].text, err);
		if (rows[i].says != NULL && strstr(fault.message, rows[i].says) == NULL)
			fail_msg("'%s' is not in '%s'", rows[i].says, fault.message);
	}
}

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void test_includes(void **state)
{
	char folder[] = "/tmp/orrery-test-XXXXXX", path[64], text[128];
	struct fault fault = {0};

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(text, sizeof(text), "@include \"%s\"\nb = 1;", path);
	write_file(path, "\na = 4294967298;", 16);
	assert_int_equal(conf_text_check(text, "t", &fault), -ERANGE);
	assert_non_null(strstr(fault.message, "/a:2: key 'a'"));
	write_file(path, "a = 1;", 6);
	assert_int_equal(conf_text_check(text, "t", &fault), 0);
	unlink(path);
	assert_int_equal(conf_text_check(text, "t", &fault), -ENOENT);
	assert_non_null(strstr(fault.message, "t:1: /tmp/"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(conf_text_check(text, "t", &fault), -EINVAL); // and does not wait
	unlink(path);
	assert_int_equal(conf_text_check("\n@include \"a\\\"b\"", "t", &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "t:2: @include: expected a path"));
	assert_int_equal(conf_text_check("@include \"a", "t", &fault), -EINVAL);
	rmdir(folder);
}

// As often as a line says so, at each depth: that never ends.
static void test_many_includes(void **state)
{
	char folder[] = "/tmp/orrery-test-XXXXXX", path[64], line[96], *text;
	struct fault fault = {0};
	size_t len, n = 2000;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(line, sizeof(line), "@include \"%s\"\n", path);
	len = strlen(line);
	text = calloc(n, len + 1);
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		strcat(text + i * len, line);
	write_file(path, text, n * len); // itself
	assert_int_equal(conf_text_check(line, "t", &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "/a:1: files are included more than 10 deep"));
	write_file(path, "", 0);
	assert_int_equal(conf_text_check(text, "t", &fault), -EINVAL);
	assert_non_null(strstr(fault.message, "t:1001: more than 1000 files are included"));
	free(text);
	unlink(path);
	rmdir(folder);
}

static void refuse(const char *path, const char *says)
{
	struct fault fault = {0};
	char *text = NULL;

	assert_true(text_file_read(path, &text, &fault) < 0);
	assert_null(text);
	if (strstr(fault.message, says) == NULL || strstr(fault.message, path) == NULL)
		fail_msg("'%s' is not in '%s'", says, fault.message);
}

static void test_files(void **state)
{
	char folder[] = "/tmp/orrery-test-XXXXXX", path[64];
	struct fault fault = {0};
	char *text;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a", folder);
	refuse(path, "No such file");
	refuse(folder, "is a directory, expected a file");
	refuse("/dev/null", "is a device, expected a regular file");
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse(path, "is a pipe, expected a regular file");
	unlink(path);
	write_file(path, "ab\0c", 4);
	refuse(path, "offset 2: a zero byte");
	write_file(path, "", 0);
	assert_int_equal(text_file_read(path, &text, &fault), 0);
	assert_string_equal(text, "");
	free(text);
	write_file(path, "a = 1;\n", 7);
	assert_int_equal(text_file_read(path, &text, &fault), 0);
	assert_string_equal(text, "a = 1;\n");
	free(text);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_numbers),
	        cmocka_unit_test(test_includes),
	        cmocka_unit_test(test_many_includes),
	        cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
