/* SPDX-License-Identifier: BSD-3-Clause */
// The CNI shim's output against golden files: results of each version, alone and behind another
// plugin, and errors. CNI_GOLDEN is their folder; run with CNI_GOLDEN_WRITE=1 to write them anew.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "result.h"

static void check_golden(const char *name, json_t *json)
{
	char path[512], *text = json_dumps(json, JSON_INDENT(2)), golden[8192] = "";
	size_t len;
	FILE *file;

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/%s.json", CNI_GOLDEN, name);
	if (getenv("CNI_GOLDEN_WRITE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, "%s\n", text);
		fclose(file);
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("no golden file %s", path);
	len = fread(golden, 1, sizeof(golden) - 1, file);
	fclose(file);
	assert_true(len > 0);
	golden[len - 1] = '\0'; // newline
	assert_string_equal(text, golden);
	free(text);
	json_decref(json);
}

static struct cni_attachment attachment(void)
{
	struct cni_attachment att = {
	        .ifname = "net1",
	        .sandbox = "/run/netns/pod-1",
	        .mac = "02:00:00:00:00:07",
	        .mtu = 1500,
	        .n_ips = 2,
	        .n_routes = 2,
	};

	assert_int_equal(cni_cidr_parse("fd00:7::2/128", &att.ips[0].cidr), 0);
	assert_int_equal(cni_cidr_parse("fe80::1", &att.routes[0].dst), 0);
	att.ips[0].has_gateway = true;
	att.ips[0].gateway = att.routes[0].dst.addr;
	att.routes[0].via = att.routes[0].dst.addr;
	assert_int_equal(cni_cidr_parse("::/0", &att.routes[0].dst), 0);
	assert_int_equal(cni_cidr_parse("fd00:8::2/64", &att.ips[1].cidr), 0);
	assert_int_equal(cni_cidr_parse("fd00:9::/48", &att.routes[1].dst), 0);
	return att;
}

// What a plugin before us may have left, with fields of every version and some of nobody.
static json_t *prev_result(void)
{
	return json_loads(
	        "{\"cniVersion\":\"1.0.0\","
	        "\"interfaces\":[{\"name\":\"br0\",\"mac\":\"02:00:00:00:00:01\",\"mtu\":9000},"
	        "{\"name\":\"eth0\",\"sandbox\":\"/run/netns/pod-1\",\"socketPath\":\"/s\","
	        "\"pciID\":\"0000:03:00.0\",\"x-other\":1}],"
	        "\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\","
	        "\"interface\":1},{\"address\":\"fd01::2/64\",\"interface\":1}],"
	        "\"routes\":[{\"dst\":\"0.0.0.0/"
	        "0\",\"gw\":\"10.0.0.1\",\"mtu\":1400,\"advmss\":1360,"
	        "\"priority\":5,\"table\":100,\"scope\":0}],"
	        "\"dns\":{\"nameservers\":[\"10.0.0.53\"]}}",
	        0, NULL);
}

static void test_results(void **state)
{
	for (int v = CNI_VERSION_0_3_1; v <= CNI_VERSION_1_1_0; v++) {
		struct cni_attachment att = attachment();
		json_t *prev = prev_result(), *before = json_deep_copy(prev);
		char name[64];

		snprintf(name, sizeof(name), "result-%s", cni_version_text((enum cni_version)v));
		check_golden(name, cni_result_render((enum cni_version)v, &att, NULL));
		snprintf(name, sizeof(name), "chained-%s", cni_version_text((enum cni_version)v));
		check_golden(name, cni_result_render((enum cni_version)v, &att, prev));
		assert_true(json_equal(prev, before)); // it is borrowed
		json_decref(before);
		json_decref(prev);
	}
}

static void test_bare(void **state)
{
	struct cni_attachment att = {.ifname = "eth0", .sandbox = "/n", .mac = "02:00:00:00:00:07"};
	json_t *odd = json_pack("{s:i, s:s, s:[]}", "interfaces", 1, "ips", "x", "dns");

	check_golden("result-bare", cni_result_render(CNI_VERSION_1_1_0, &att, NULL));
	// a prevResult of another form is no reason to crash
	check_golden("result-bare", cni_result_render(CNI_VERSION_1_1_0, &att, odd));
	json_decref(odd);
}

static void test_errors(void **state)
{
	struct cni_error err = {0};

	assert_int_equal(cni_fail(&err, 11, "it said why", "the switch cannot be reached"), 11);
	check_golden("error", cni_error_render(&err, "1.0.0"));
	cni_fail(&err, 4, "\xff\xfe", "CNI_NETNS '%s'", "a\xc3");
	check_golden("error-bytes", cni_error_render(&err, "1.1.0"));
	cni_fail(&err, 999, NULL, "no details");
	check_golden("error-plain", cni_error_render(&err, "0.4.0"));
	// details may be the message that is replaced
	cni_fail(&err, 7, err.msg, "new");
	assert_string_equal(err.details, "no details");
}

static void test_read_ipam(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
	        {"{\"ips\":[{\"address\":\"fd00::2/64\",\"gateway\":\"fd00::1\"}],"
	         "\"routes\":[{\"dst\":\"::/0\"},{\"dst\":\"fd01::/16\",\"gw\":\"fd00::3\"}]}",
	                0},
	        {"{\"ips\":[{\"address\":\"fd00::2/64\"}]}", 0},
	        {"{}", CNI_E_IPAM},
	        {"{\"ips\":[]}", CNI_E_IPAM},
	        {"{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}", CNI_E_IPAM},
	        {"{\"ips\":[{\"address\":\"fd00::2\"}]}", CNI_E_IPAM},
	        {"{\"ips\":[{}]}", CNI_E_IPAM},
	        {"{\"ips\":[3]}", CNI_E_IPAM},
	        {"{\"ips\":[{\"address\":\"fd00::2/64\",\"gateway\":\"x\"}]}", CNI_E_IPAM},
	        {"{\"ips\":[{\"address\":\"fd00::2/64\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}",
	                CNI_E_IPAM},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *result = json_loads(rows[i].text, 0, NULL);
		struct cni_attachment att = {0};
		struct cni_error err = {0};
		const json_t *dns;

		assert_non_null(result);
		assert_int_equal(cni_result_read_ipam(result, &att, &dns, &err), rows[i].code);
		if (i == 0) {
			assert_int_equal(att.n_ips, 1);
			assert_true(att.ips[0].has_gateway);
			assert_int_equal(att.n_routes, 2);
			assert_true(IN6_IS_ADDR_UNSPECIFIED(&att.routes[0].via));
			assert_int_equal(att.routes[1].via.s6_addr[15], 3);
		}
		json_decref(result);
	}
}

static void test_find_interface(void **state)
{
	json_t *result = json_loads("{\"interfaces\":[{\"name\":\"eth0\"},"
	                            "{\"name\":\"eth0\",\"sandbox\":\"/old\"},"
	                            "{\"name\":\"eth0\",\"sandbox\":\"/n\"},"
	                            "{\"name\":\"net1\",\"sandbox\":\"/old\"}]}",
	        0, NULL);
	size_t index = 99;

	assert_non_null(cni_result_find_interface(result, "eth0", "/n", &index));
	assert_int_equal(index, 2);
	// by another path to the same namespace
	assert_non_null(cni_result_find_interface(result, "net1", "/n", &index));
	assert_int_equal(index, 3);
	assert_null(cni_result_find_interface(result, "net2", "/n", &index));
	assert_null(cni_result_find_interface(NULL, "net2", "/n", &index));
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_results),
	        cmocka_unit_test(test_bare),
	        cmocka_unit_test(test_errors),
	        cmocka_unit_test(test_read_ipam),
	        cmocka_unit_test(test_find_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
