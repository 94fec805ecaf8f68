/* SPDX-License-Identifier: BSD-3-Clause */
// Every shipped example config/cni/*.conflist is taken by the plugin, without a key it does not
// know. Makes of each list what a runtime would put on the plugin's standard input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf.h"

static void refuse_key(const char *key, void *arg)
{
	fail_msg("%s: key '%s' is not known", (const char *)arg, key);
}

static void check_plugin(char *path, const json_t *list, json_t *plugin, enum cni_verb verb)
{
	static const struct cni_env env = {.containerid = "c1",
	        .netns = "/n",
	        .ifname = "net1",
	        .args = "IgnoreUnknown=1;K8S_POD_NAME=sat-3-17",
	        .path = "/opt/cni/bin"};
	struct cni_error err = {0};
	struct cni_conf conf;
	char *text;

	json_object_set(plugin, "name", json_object_get(list, "name"));
	json_object_set(plugin, "cniVersion", json_object_get(list, "cniVersion"));
	text = json_dumps(plugin, 0);
	if (cni_conf_parse(&conf, text, strlen(text), verb, &env, &err))
		fail_msg("%s: %s (%s)", path, err.msg, err.details);
	cni_conf_unknown_keys(&conf, refuse_key, path);
	cni_conf_fini(&conf);
	free(text);
}

// Returns how many plugins of the list are ours.
static int check_list(char *path)
{
	json_error_t error;
	json_t *list = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *plugin;
	int n = 0;
	size_t i;

	if (!list)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	json_array_foreach (json_object_get(list, "plugins"), i, plugin) {
		const char *type = json_string_value(json_object_get(plugin, "type"));

		if (strcmp(type, "orrery-cni") != 0)
			continue;
		check_plugin(path, list, plugin, CNI_ADD);
		n++;
	}
	json_decref(list);
	return n;
}

static void test_examples(void **state)
{
	glob_t files;

	assert_int_equal(glob(CNI_EXAMPLES "/*.conflist", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 5);
	for (size_t i = 0; i < files.gl_pathc; i++)
		assert_int_equal(check_list(files.gl_pathv[i]), 1);
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
