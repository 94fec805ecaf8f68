/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration: every file under golden/config says in its first line what is expected of it,
// "# expect: good" or the message without the file's name. The shipped files are good, and the one
// that documents the defaults has them.
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

#define GOLDEN ORRERY_SOURCE_ROOT "/tests/unit/golden/config"

static void read_expectation(const char *path, char *buf, size_t size)
{
	static const char mark[] = "# expect: ";
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_non_null(fgets(buf, (int)size, file));
	fclose(file);
	buf[strcspn(buf, "\n")] = '\0';
	if (strncmp(buf, mark, sizeof(mark) - 1) != 0)
		fail_msg("%s: its first line is no expectation", path);
	memmove(buf, buf + sizeof(mark) - 1, strlen(buf) - sizeof(mark) + 2);
}

static void check_file(const char *name)
{
	char path[512], expected[512];
	struct config *config = NULL;
	struct fault fault = {0};
	int ret;

	snprintf(path, sizeof(path), GOLDEN "/%s", name);
	read_expectation(path, expected, sizeof(expected));
	ret = config_load(path, &config, &fault);
	if (strcmp(expected, "good") == 0) {
		if (ret < 0)
			fail_msg("%s", fault.message);
	} else {
		if (ret == 0)
			fail_msg("%s is taken", name);
		if (strncmp(fault.message, path, strlen(path)) != 0)
			fail_msg("%s: %s", name, fault.message);
		assert_string_equal(fault.message + strlen(path) + 1, expected);
	}
	config_free(config);
}

static void test_golden(void **state)
{
	DIR *dir = opendir(GOLDEN);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strstr(entry->d_name, ".conf") == NULL)
			continue;
		check_file(entry->d_name);
		n++;
	}
	closedir(dir);
	assert_true(n >= 20);
}

// The shipped file shows the defaults: reading it changes nothing.
static void test_shipped_is_default(void **state)
{
	struct config *shipped = NULL, *defaults = config_default();
	struct fault fault = {0};
	json_t *a, *b;

	if (config_load(ORRERY_SOURCE_ROOT "/config/orrery.conf", &shipped, &fault) < 0)
		fail_msg("%s", fault.message);
	assert_non_null(defaults);
	a = config_json(shipped);
	b = config_json(defaults);
	if (!json_equal(a, b)) {
		json_dumpf(a, stderr, JSON_INDENT(1) | JSON_SORT_KEYS);
		json_dumpf(b, stderr, JSON_INDENT(1) | JSON_SORT_KEYS);
		fail_msg("config/orrery.conf does not show the defaults");
	}
	assert_int_equal(shipped->n_calls, 0);
	json_decref(a);
	json_decref(b);
	config_free(shipped);
	config_free(defaults);
}

static void test_quickstart(void **state)
{
	struct config *config = NULL;
	struct fault fault = {0};

	if (config_load(ORRERY_SOURCE_ROOT "/config/quickstart.conf.in", &config, &fault) == 0)
		fail_msg("the placeholder is no legal name");
	assert_string_equal(fault.field, "instance");
}

static void test_missing(void **state)
{
	struct config *config = NULL;
	struct fault fault = {0};

	assert_int_equal(config_load("/nonexistent/x.conf", &config, &fault), -ENOENT);
	assert_string_equal(fault.message, "/nonexistent/x.conf: No such file or directory");
	assert_int_equal(config_load("/", &config, &fault), -EISDIR);
	assert_string_equal(fault.message, "/: is a directory, expected a file");
}

// Units, defaults and the calls for static objects, by value.
static void test_values(void **state)
{
	static const char text[] =
	        "instance = \"lab\";\n"
	        "workers = [3, 1];\n"
	        "poll = \"busy\"; on_stop = \"keep\";\n"
	        "wheel: { horizon = \"2s\"; slot = \"500ns\"; };\n"
	        "pool: { frame_bytes = \"4KiB\"; };\n"
	        "socket: { mode = \"0600\"; };\n"
	        "links = ( { from = \"a/x\"; to = \"b/y\"; delay = \"4.2ms\"; slope = \"-21us\";"
	        " rate = \"10mbit\"; loss = \"0.5%\"; bad = \"2ms\"; good = \"1s\";"
	        " queue = \"64KiB\"; } );\n"
	        "nodes = ( { name = \"a\"; kind = \"pod\"; interfaces = [\"x\"]; },"
	        " { name = \"b\"; kind = \"pod\"; interfaces = [\"y\"]; } );\n";
	struct config *c = NULL;
	struct fault fault = {0};
	const json_t *link;

	if (config_parse(text, "text", &c, &fault) < 0)
		fail_msg("%s", fault.message);
	assert_string_equal(c->socket_path, "/run/orrery/lab.sock");
	assert_string_equal(c->state_dir, "/run/orrery/lab");
	assert_int_equal(c->n_workers, 2);
	assert_int_equal(c->worker_cpus[0], 3);
	assert_int_equal(c->poll, 1);
	assert_int_equal(c->on_stop, ON_STOP_KEEP);
	assert_int_equal(c->horizon_ns, 2000000000);
	assert_int_equal(c->slot_ns, 500);
	assert_int_equal(c->frame_bytes, 4096);
	assert_int_equal(c->socket_mode, 0600);
	assert_int_equal(c->n_calls, 3);
	assert_string_equal(
	        c->calls[0].method, "node.add"); // before the link, whatever the file's order
	link = c->calls[2].params;
	assert_string_equal(c->calls[2].where, "text:7: links[0]");
	assert_int_equal(json_integer_value(json_object_get(link, "delay_ns")), 4200000);
	assert_int_equal(json_integer_value(json_object_get(link, "slope_ns_s")), -21000);
	assert_int_equal(json_integer_value(json_object_get(link, "rate_bps")), 10000000);
	assert_int_equal(json_integer_value(json_object_get(link, "good_us")), 1000000);
	assert_int_equal(json_integer_value(json_object_get(link, "bad_us")), 2000);
	assert_int_equal(json_integer_value(json_object_get(link, "queue_bytes")), 65536);
	assert_float_equal(json_real_value(json_object_get(link, "loss")), 0.005, 1e-12);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_golden),
	        cmocka_unit_test(test_shipped_is_default),
	        cmocka_unit_test(test_quickstart),
	        cmocka_unit_test(test_missing),
	        cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
