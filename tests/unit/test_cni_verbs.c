/* SPDX-License-Identifier: BSD-3-Clause */
// The CNI shim's commands against a switch and namespaces that only keep books: every command in
// every version, alone and behind another plugin, with addresses of an IPAM plugin and without;
// missing namespaces, repeated DELs, a switch that is down, slow or refuses, 64 ADDs at once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cni_fake.h"
#include "jsonrpc.h"
#include "log.h"
#include "run.h"

#define N_PARALLEL 64

static const char *const versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

struct bench {
	char dir[64];
	char socket[96], netns[96], ipam_log[96];
	struct fake_switch *sw;
	struct cni_env env;
	json_t *conf;
	json_t *answer; // of the last call
};

static void start_switch(struct bench *b)
{
	b->sw = fake_switch_start(b->socket);
	assert_non_null(b->sw);
}

static void write_ipam(const struct bench *b, const char *name, const char *body)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	// $0 is in the folder of the log; input must arrive whole
	fprintf(file, "#!/bin/sh\necho \"$CNI_COMMAND $(wc -c)\" >>\"${0%%/*}/ipam.log\"\n%s\n",
	        body);
	fclose(file);
	assert_int_equal(chmod(path, 0755), 0);
}

static void setup_ipam(const struct bench *b)
{
	write_ipam(b, "good",
	        "[ $CNI_COMMAND != ADD ] || echo '{\"cniVersion\":\"1.0.0\","
	        "\"ips\":[{\"address\":\"fd00:1::5/64\",\"gateway\":\"fd00:1::1\"}],"
	        "\"routes\":[{\"dst\":\"fd00::/16\"}],\"dns\":{\"domain\":\"leo\"}}'");
	write_ipam(b, "full",
	        "[ $CNI_COMMAND = DEL ] && exit 0\n"
	        "echo '{\"cniVersion\":\"1.0.0\",\"code\":110,\"msg\":\"no address left\","
	        "\"details\":\"all used\"}'\nexit 1");
	write_ipam(b, "mute", "exit 3");
	write_ipam(b, "dead", "kill -9 $$");
	write_ipam(b, "four", "echo '{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}'");
	write_ipam(b, "noisy", "head -c 2000000 /dev/zero | tr '\\0' ' '");
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	log_set_level(LOG_LEVEL_ERR);
	strcpy(b->dir, "/tmp/orrery-cni-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->socket, sizeof(b->socket), "%s/sock", b->dir);
	snprintf(b->netns, sizeof(b->netns), "%s/ns", b->dir);
	snprintf(b->ipam_log, sizeof(b->ipam_log), "%s/ipam.log", b->dir);
	assert_int_equal(fake_netns_create(b->netns), 0);
	setup_ipam(b);
	start_switch(b);
	b->env = (struct cni_env){.containerid = "c1",
	        .netns = b->netns,
	        .ifname = "eth0",
	        .args = "IgnoreUnknown=1;K8S_POD_NAME=sat-1",
	        .path = b->dir};
	b->conf = json_pack("{s:s, s:s, s:s, s:s, s:s}", "cniVersion", "1.1.0", "name", "leo",
	        "type", "orrery-cni", "socket", b->socket, "prefix", "fd00:7::/64");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct dirent *entry;
	char path[400];
	DIR *dir;

	if (b->sw)
		fake_switch_stop(b->sw);
	json_decref(b->conf);
	json_decref(b->answer);
	dir = opendir(b->dir);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(b->dir);
	free(b);
	return 0;
}

// Calls the shim; its answer is in b->answer until the next call.
static int call(struct bench *b, const char *command)
{
	char *text = json_dumps(b->conf, 0);
	int ret;

	b->env.command = command;
	json_decref(b->answer);
	b->answer = NULL;
	ret = cni_run(&b->env, text, strlen(text), &b->answer);
	free(text);
	if (ret) {
		assert_int_equal(json_integer_value(json_object_get(b->answer, "code")), ret);
		assert_non_null(json_object_get(b->answer, "msg"));
		assert_string_equal(json_string_value(json_object_get(b->answer, "cniVersion")),
		        json_string_value(json_object_get(b->conf, "cniVersion")));
	}
	return ret;
}

static void set(struct bench *b, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(b->conf, key, value);
	else
		json_object_del(b->conf, key);
}

static const char *get(const json_t *json, const char *list, size_t i, const char *key)
{
	const json_t *item = json_array_get(json_object_get(json, list), i);
	const char *value = json_string_value(json_object_get(item, key));

	return value ? value : "(none)";
}

static void assert_ipam_log(struct bench *b, const char *expect)
{
	char seen[256] = "", line[64];
	FILE *file = fopen(b->ipam_log, "r");

	while (file && fgets(line, sizeof(line), file)) {
		strncat(seen, line, strcspn(line, " "));
		strcat(seen, " ");
	}
	if (file)
		fclose(file);
	unlink(b->ipam_log);
	assert_string_equal(seen, expect);
}

// --- the matrix ----------------------------------------------------------------------------------

struct variant {
	const char *version;
	bool chained;
	bool ipam;
	bool has_check, has_1_1;
};

static void check_result(struct bench *b, const struct variant *v, size_t index)
{
	const json_t *result = b->answer;
	bool old = strcmp(v->version, "1.0.0") < 0;

	assert_string_equal(json_string_value(json_object_get(result, "cniVersion")), v->version);
	assert_int_equal(json_array_size(json_object_get(result, "interfaces")), index + 1);
	assert_int_equal(json_array_size(json_object_get(result, "ips")), index + 1);
	assert_string_equal(get(result, "interfaces", index, "name"), "eth0");
	assert_string_equal(get(result, "interfaces", index, "sandbox"), b->netns);
	assert_memory_equal(get(result, "interfaces", index, "mac"), "02:00:", 6);
	assert_string_equal(get(result, "ips", index, "version"), old ? "6" : "(none)");
	assert_int_equal(
	        json_object_get(json_array_get(json_object_get(result, "interfaces"), index),
	                "mtu") != NULL,
	        v->has_1_1);
	assert_string_equal(get(result, "ips", index, "address"),
	        v->ipam ? "fd00:1::5/64" : "fd00:7::1cde:d37a:da09:7b8e/64");
	assert_string_equal(get(result, "routes", 0, "dst"), v->ipam ? "fd00::/16" : "::/0");
	assert_string_equal(get(result, "routes", 0, "gw"), v->ipam ? "fd00:1::1" : "fe80::1");
	if (index) {
		assert_string_equal(get(result, "interfaces", 0, "name"), "lo");
		assert_string_equal(get(result, "ips", 0, "address"), "10.1.2.3/8");
	}
}

static void run_without_switch(struct bench *b, const struct variant *v)
{
	fake_switch_stop(b->sw);
	b->sw = NULL;
	set(b, "prevResult", NULL);
	assert_int_equal(call(b, "ADD"), 11);
	assert_int_equal(call(b, "DEL"), 0);
	assert_int_equal(call(b, "STATUS"), v->has_1_1 ? 51 : 1);
	assert_int_equal(call(b, "GC"), v->has_1_1 ? 11 : 1);
	assert_int_equal(call(b, "VERSION"), 0);
	start_switch(b);
	unlink(b->ipam_log);
}

static void run_gone(struct bench *b, const struct variant *v)
{
	char *there = b->netns, gone[120];

	snprintf(gone, sizeof(gone), "%s-gone", b->netns);
	b->env.netns = gone;
	assert_int_equal(call(b, "ADD"), 8);
	assert_int_equal(call(b, "DEL"), 0);
	b->env.netns = "";
	assert_int_equal(call(b, "ADD"), 4);
	assert_int_equal(call(b, "DEL"), 0);
	b->env.netns = there;
	unlink(b->ipam_log);
}

static void run_variant(struct bench *b, const struct variant *v)
{
	json_t *prev =
	        v->chained ? json_loads("{\"cniVersion\":\"0.3.1\","
	                                "\"interfaces\":[{\"name\":\"lo\",\"sandbox\":\"/n\"}],"
	                                "\"ips\":[{\"address\":\"10.1.2.3/8\",\"interface\":0}]}",
	                             0, NULL)
	                   : NULL;

	set(b, "cniVersion", json_string(v->version));
	set(b, "prevResult", json_incref(prev));
	set(b, "ipam", v->ipam ? json_pack("{s:s}", "type", "good") : NULL);
	set(b, "cni.dev/valid-attachments", json_array());
	assert_int_equal(call(b, "VERSION"), 0);
	assert_string_equal(
	        json_string_value(json_object_get(b->answer, "cniVersion")), v->version);
	assert_int_equal(call(b, "STATUS"), v->has_1_1 ? 0 : 1);
	assert_ipam_log(b, v->ipam && v->has_1_1 ? "STATUS " : "");

	assert_int_equal(call(b, "ADD"), 0);
	check_result(b, v, v->chained);
	assert_int_equal(fake_switch_n_ports(b->sw), 1);
	set(b, "prevResult", json_incref(b->answer));
	assert_int_equal(call(b, "CHECK"), v->has_check ? 0 : 1);
	assert_int_equal(call(b, "ADD"), 100);
	assert_int_equal(fake_switch_n_ports(b->sw), 1); // the second ADD undid nothing
	assert_ipam_log(b, !v->ipam ? "" : v->has_check ? "ADD CHECK " : "ADD ");

	assert_int_equal(call(b, "DEL"), 0);
	assert_null(b->answer);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
	assert_null(fake_netns_get(b->netns, "eth0"));
	assert_int_equal(call(b, "DEL"), 0);
	assert_int_equal(call(b, "CHECK"), v->has_check ? 105 : 1);
	assert_ipam_log(b, v->ipam ? "DEL DEL " : "");

	set(b, "prevResult", json_incref(prev));
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(call(b, "GC"), v->has_1_1 ? 0 : 1);
	assert_int_equal(fake_switch_n_ports(b->sw), v->has_1_1 ? 0 : 1);
	assert_int_equal(call(b, "DEL"), 0);
	unlink(b->ipam_log);
	run_gone(b, v);
	run_without_switch(b, v);
	json_decref(prev);
}

static void test_matrix(void **state)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		for (int kind = 0; kind < 4; kind++) {
			const struct variant v = {versions[i], kind & 1, kind & 2,
			        strcmp(versions[i], "0.4.0") >= 0,
			        strcmp(versions[i], "1.1.0") >= 0};

			run_variant(*state, &v);
		}
	}
}

// --- ADD -----------------------------------------------------------------------------------------

static json_t *port_of(struct bench *b, const char *owner)
{
	json_t *port = fake_switch_port(b->sw, owner);

	assert_non_null(port);
	return port;
}

static void test_add_request(void **state)
{
	struct bench *b = *state;
	json_t *port;

	set(b, "node", json_string("gs-%{K8S_POD_NAME}"));
	set(b, "interface", json_string("up0"));
	set(b, "nodeKind", json_string("router"));
	set(b, "mtu", json_integer(3000));
	set(b, "runtimeConfig",
	        json_pack("{s:[s], s:s}", "ips", "fd00:8::9", "mac", "02:00:00:00:00:0A"));
	assert_int_equal(call(b, "ADD"), 0);
	port = port_of(b, "cni:leo:c1:eth0");
	assert_string_equal(json_string_value(json_object_get(port, "interface")), "gs-sat-1/up0");
	assert_string_equal(json_string_value(json_object_get(port, "node_kind")), "router");
	assert_string_equal(json_string_value(json_object_get(port, "mac")), "02:00:00:00:00:0a");
	assert_int_equal(json_integer_value(json_object_get(port, "mtu")), 3000);
	assert_string_equal(
	        json_string_value(json_array_get(json_object_get(port, "addresses"), 0)),
	        "fd00:8::9/128");
	assert_string_equal(get(port, "routes", 0, "dst"), "::/0");
	assert_string_equal(get(port, "routes", 0, "via"), "fe80::1");
	assert_string_equal(get(b->answer, "ips", 0, "gateway"), "fe80::1");
	json_decref(port);
}

// The kind that the switch knows decides, and is not sent again.
static void test_add_known_node(void **state)
{
	struct bench *b = *state;
	json_t *port;

	fake_switch_add_node(b->sw, "sat-1", "router");
	assert_int_equal(call(b, "ADD"), 0);
	assert_string_equal(get(b->answer, "ips", 0, "address"), "fd00:7::1cde:d37a:da09:7b8e/128");
	port = port_of(b, "cni:leo:c1:eth0");
	assert_null(json_string_value(json_object_get(port, "node_kind")));
	json_decref(port);
	assert_int_equal(call(b, "DEL"), 0);
	set(b, "nodeKind", json_string("pod"));
	assert_int_equal(call(b, "ADD"), 7);
}

static void test_add_routes(void **state)
{
	struct bench *b = *state;

	// another interface has the default route: a router's pod still finds the rest of the
	// prefix
	fake_netns_set(b->netns, "other",
	        json_pack("{s:s, s:b}", "mac", "02:00:00:00:00:01", "default", 1));
	set(b, "nodeKind", json_string("router"));
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(json_array_size(json_object_get(b->answer, "routes")), 1);
	assert_string_equal(get(b->answer, "routes", 0, "dst"), "fd00:7::/64");
	assert_int_equal(call(b, "DEL"), 0);
	set(b, "nodeKind", NULL);
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(json_array_size(json_object_get(b->answer, "routes")), 0);
	assert_int_equal(call(b, "DEL"), 0);

	fake_netns_set(b->netns, "other", NULL);
	set(b, "routes", json_array());
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(json_array_size(json_object_get(b->answer, "routes")), 0);
	assert_int_equal(call(b, "DEL"), 0);
	set(b, "routes",
	        json_pack("[{s:s}, {s:s, s:s}]", "dst", "fd00:a::/32", "dst", "fd00:b::/32", "gw",
	                "fd00:7::9"));
	assert_int_equal(call(b, "ADD"), 0);
	assert_string_equal(get(b->answer, "routes", 0, "gw"), "fe80::1");
	assert_string_equal(get(b->answer, "routes", 1, "gw"), "fd00:7::9");
	assert_int_equal(call(b, "DEL"), 0);

	// no address, no route
	set(b, "routes", NULL);
	set(b, "prefix", NULL);
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(json_array_size(json_object_get(b->answer, "ips")), 0);
	assert_int_equal(json_array_size(json_object_get(b->answer, "routes")), 0);
}

static void test_add_refused(void **state)
{
	static const struct {
		int error, code;
	} rows[] = {
	        {ORRERY_E_EXISTS, 101},
	        {ORRERY_E_BUSY, 101},
	        {ORRERY_E_LIMIT, 102},
	        {ORRERY_E_DENIED, 103},
	        {ORRERY_E_SYSTEM, 104},
	        {JSONRPC_INVALID_PARAMS, 7},
	        {JSONRPC_INTERNAL_ERROR, 104},
	};
	struct bench *b = *state;

	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_switch_fail(b->sw, FAKE_REFUSE_ADD, rows[i].error);
		assert_int_equal(call(b, "ADD"), rows[i].code);
		assert_string_equal(json_string_value(json_object_get(b->answer, "details")),
		        "refused by the test");
		assert_ipam_log(b, "ADD DEL ");
	}
}

static void test_add_taken(void **state)
{
	struct bench *b = *state;
	char other[120];

	assert_int_equal(call(b, "ADD"), 0);
	snprintf(other, sizeof(other), "%s/other", b->dir);
	assert_int_equal(fake_netns_create(other), 0);
	b->env.netns = other;
	b->env.containerid = "c2"; // of the same name
	assert_int_equal(call(b, "ADD"), 101);
	assert_int_equal(fake_switch_n_ports(b->sw), 1);
	b->env.containerid = "c1";
	b->env.netns = b->netns;
}

static void test_add_undone(void **state)
{
	struct bench *b = *state;

	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	set(b, "timeoutMs", json_integer(100));
	fake_switch_fail(b->sw, FAKE_SILENT_ADD, 0);
	assert_int_equal(call(b, "ADD"), 11);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
	assert_ipam_log(b, "ADD DEL ");
	fake_switch_fail(b->sw, FAKE_NO_MAC, 0);
	assert_int_equal(call(b, "ADD"), 104);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
	assert_null(fake_netns_get(b->netns, "eth0"));
	assert_ipam_log(b, "ADD DEL ");
	fake_switch_fail(b->sw, FAKE_CLOSE, 0);
	assert_int_equal(call(b, "ADD"), 11);
	assert_ipam_log(b, "");
}

// The switch has the port in its books, but the interface has vanished from the namespace.
static void test_add_stale(void **state)
{
	struct bench *b = *state;
	json_t *interface;

	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(fake_netns_set(b->netns, "eth0", NULL), 0);
	assert_int_equal(call(b, "ADD"), 0);
	interface = fake_netns_get(b->netns, "eth0");
	assert_non_null(interface);
	json_decref(interface);
	assert_int_equal(fake_switch_n_ports(b->sw), 1);
}

static void test_ipam_faults(void **state)
{
	static const struct {
		const char *type;
		int code;
		const char *log;
	} rows[] = {
	        {"full", 110, "ADD DEL "},
	        {"mute", 106, "ADD DEL "},
	        {"dead", 106, "ADD DEL "},
	        {"four", 106, "ADD DEL "},
	        {"noisy", 106, "ADD DEL "},
	        {"nowhere", 106, ""},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set(b, "ipam", json_pack("{s:s}", "type", rows[i].type));
		assert_int_equal(call(b, "ADD"), rows[i].code);
		assert_ipam_log(b, rows[i].log);
		assert_int_equal(fake_switch_n_ports(b->sw), 0);
	}
	// an address that was asked for must be had
	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	set(b, "runtimeConfig", json_pack("{s:[s]}", "ips", "fd00:1::6"));
	assert_int_equal(call(b, "ADD"), 106);
	assert_ipam_log(b, "ADD DEL ");
	set(b, "runtimeConfig", json_pack("{s:[s]}", "ips", "fd00:1::5/64"));
	assert_int_equal(call(b, "ADD"), 0);
	assert_string_equal(
	        json_string_value(json_object_get(json_object_get(b->answer, "dns"), "domain")),
	        "leo");
	// the IPAM plugin's refusal does not keep the port
	set(b, "ipam", json_pack("{s:s}", "type", "mute"));
	assert_int_equal(call(b, "DEL"), 106);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
}

// --- the other commands --------------------------------------------------------------------------

static void test_del_refused(void **state)
{
	struct bench *b = *state;

	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	assert_int_equal(call(b, "ADD"), 0);
	fake_switch_fail(b->sw, FAKE_REFUSE_DEL, ORRERY_E_DENIED);
	assert_int_equal(call(b, "DEL"), 103);
	assert_ipam_log(b, "ADD DEL ");
}

static void test_del_without_switch(void **state)
{
	struct bench *b = *state;
	json_t *interface;

	assert_int_equal(call(b, "ADD"), 0);
	fake_switch_stop(b->sw);
	b->sw = NULL;
	assert_int_equal(call(b, "DEL"), 0); // nothing says which interface is ours
	interface = fake_netns_get(b->netns, "eth0");
	assert_non_null(interface);
	set(b, "prevResult",
	        json_pack("{s:[{s:s, s:s, s:O}]}", "interfaces", "name", "eth0", "sandbox",
	                b->netns, "mac", json_object_get(interface, "mac")));
	json_decref(interface);
	assert_int_equal(call(b, "DEL"), 0);
	assert_null(fake_netns_get(b->netns, "eth0"));
}

static void test_check(void **state)
{
	struct bench *b = *state;
	json_t *good, *bad;
	static const struct {
		const char *key;
		const char *value; // JSON
	} rows[] = {
	        {"mac", "\"02:00:00:00:00:99\""},
	        {"mtu", "1400"},
	        {"addresses", "[]"},
	};

	assert_int_equal(call(b, "ADD"), 0);
	set(b, "prevResult", json_incref(b->answer));
	assert_int_equal(call(b, "CHECK"), 0);
	good = fake_netns_get(b->netns, "eth0");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bad = json_deep_copy(good);
		json_object_set_new(
		        bad, rows[i].key, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(fake_netns_set(b->netns, "eth0", bad), 0);
		assert_int_equal(call(b, "CHECK"), 105);
	}
	assert_int_equal(fake_netns_set(b->netns, "eth0", good), 0);
	assert_int_equal(call(b, "CHECK"), 0);
	b->env.containerid = "c11"; // whose port's owner starts alike
	assert_int_equal(call(b, "CHECK"), 105);
	b->env.containerid = "c";
	assert_int_equal(call(b, "CHECK"), 105);
	b->env.containerid = "c1";
	fake_switch_forget_ports(b->sw);
	assert_int_equal(call(b, "CHECK"), 105);
	b->env.ifname = "eth1";
	assert_int_equal(call(b, "CHECK"), 7);
	b->env.ifname = "eth0";
}

static void test_status(void **state)
{
	struct bench *b = *state;

	assert_int_equal(call(b, "STATUS"), 0);
	fake_switch_set_max_ports(b->sw, 1);
	assert_int_equal(call(b, "ADD"), 0);
	assert_int_equal(call(b, "STATUS"), 50);
	b->env.ifname = "eth1";
	assert_int_equal(call(b, "ADD"), 102);
	b->env.ifname = "eth0";
	assert_int_equal(call(b, "DEL"), 0);
	assert_int_equal(call(b, "STATUS"), 0);
	fake_switch_fail(b->sw, FAKE_CLOSE, 0);
	assert_int_equal(call(b, "STATUS"), 50);
	fake_switch_fail(b->sw, FAKE_OK, 0);
	set(b, "mtu", json_integer(1));
	assert_int_equal(call(b, "STATUS"), 7);
	set(b, "mtu", NULL);
	set(b, "ipam", json_pack("{s:s}", "type", "full"));
	assert_int_equal(call(b, "STATUS"), 110);
}

static void add_as(
        struct bench *b, const char *network, const char *containerid, const char *ifname)
{
	char args[64];

	snprintf(args, sizeof(args), "K8S_POD_NAME=%s-%s", network, containerid);
	set(b, "name", json_string(network));
	b->env.args = args;
	b->env.containerid = containerid;
	b->env.ifname = ifname;
	fake_netns_set(b->netns, ifname, NULL);
	assert_int_equal(call(b, "ADD"), 0);
	b->env.args = "";
}

static void test_gc(void **state)
{
	struct bench *b = *state;

	add_as(b, "leo", "c1", "eth0");
	add_as(b, "leo", "c1", "net1");
	add_as(b, "leo", "c2", "eth0");
	add_as(b, "leo-2", "c3", "eth0"); // another network's is nobody's business
	set(b, "name", json_string("leo"));
	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	set(b, "cni.dev/valid-attachments",
	        json_pack("[{s:s, s:s}, {s:s, s:s}]", "containerID", "c1", "ifname", "net1",
	                "containerID", "c9", "ifname", "eth0"));
	b->env = (struct cni_env){
	        .containerid = "", .netns = "", .ifname = "", .args = "", .path = b->dir};
	fake_switch_fail(b->sw, FAKE_REFUSE_DEL, ORRERY_E_SYSTEM);
	assert_int_equal(call(b, "GC"), 104);
	assert_ipam_log(b, "GC ");
	fake_switch_fail(b->sw, FAKE_OK, 0);
	assert_int_equal(call(b, "GC"), 0);
	assert_int_equal(fake_switch_n_ports(b->sw), 2);
	json_decref(port_of(b, "cni:leo:c1:net1"));
	json_decref(port_of(b, "cni:leo-2:c3:eth0"));
}

// CNI limits neither the network's name nor the container's id.
static void test_long_names(void **state)
{
	struct bench *b = *state;
	char network[200], id[2][200];

	memset(network, 'n', sizeof(network));
	memset(id, 'c', sizeof(id));
	network[sizeof(network) - 1] = id[0][sizeof(id[0]) - 1] = id[1][sizeof(id[1]) - 1] = '\0';
	id[1][sizeof(id[1]) - 2] = 'd'; // the last character makes the difference
	set(b, "name", json_string(network));
	b->env.args = "K8S_POD_NAME=long";
	b->env.containerid = id[0];
	assert_int_equal(call(b, "DEL"), 0);
	assert_int_equal(call(b, "ADD"), 0);
	set(b, "prevResult", json_incref(b->answer));
	assert_int_equal(call(b, "CHECK"), 0);
	b->env.containerid = id[1];
	assert_int_equal(call(b, "CHECK"), 105);
	assert_int_equal(call(b, "DEL"), 0);
	assert_int_equal(fake_switch_n_ports(b->sw), 1);
	set(b, "cni.dev/valid-attachments",
	        json_pack("[{s:s, s:s}]", "containerID", id[0], "ifname", "eth0"));
	assert_int_equal(call(b, "GC"), 0);
	assert_int_equal(fake_switch_n_ports(b->sw), 1);
	set(b, "cni.dev/valid-attachments",
	        json_pack("[{s:s, s:s}, {s:s, s:s}]", "containerID", id[1], "ifname", "eth0",
	                "containerID", id[0], "ifname", "eth0-is-too-long"));
	assert_int_equal(call(b, "GC"), 0);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
}

static void test_input(void **state)
{
	struct bench *b = *state;
	char *deep = malloc(CNI_INPUT_MAX + 2);

	memset(deep, '[', 1000);
	b->env.command = "ADD";
	assert_int_equal(cni_run(&b->env, deep, 1000, &b->answer), 6);
	json_decref(b->answer);
	memset(deep, ' ', CNI_INPUT_MAX + 2);
	assert_int_equal(cni_run(&b->env, deep, CNI_INPUT_MAX + 1, &b->answer), 5);
	json_decref(b->answer);
	assert_int_equal(cni_run(&b->env, "", 0, &b->answer), 6);
	json_decref(b->answer);
	b->env.command = "VERSION";
	assert_int_equal(cni_run(&b->env, "", 0, &b->answer), 0);
	json_decref(b->answer);
	b->env.command = "NONE";
	assert_int_equal(cni_run(&b->env, "{}", 2, &b->answer), 4);
	json_decref(b->answer);
	b->answer = NULL;
	free(deep);
}

static void test_log_file(void **state)
{
	struct bench *b = *state;
	char path[120], line[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", b->dir);
	set(b, "logFile", json_string(path));
	assert_int_equal(call(b, "ADD"), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_non_null(strstr(line, "[ADD leo c1 eth0] attached as sat-1/eth0"));
	set(b, "logFile", json_string("/nonexistent/log")); // no reason to fail
	log_set_level(LOG_LEVEL_ERR);
	assert_int_equal(call(b, "DEL"), 0);
}

// Each in a process of its own, as runtimes do it.
static void parallel(struct bench *b, const char *command)
{
	pid_t pids[N_PARALLEL];
	int status;

	for (int i = 0; i < N_PARALLEL; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			char id[16], args[32], netns[128];

			snprintf(id, sizeof(id), "c%d", i);
			snprintf(args, sizeof(args), "K8S_POD_NAME=sat-%d", i);
			snprintf(netns, sizeof(netns), "%s-%d", b->netns, i);
			b->env.containerid = id;
			b->env.args = args;
			b->env.netns = netns;
			fake_netns_create(netns);
			_exit(call(b, command) ? 1 : 0);
		}
	}
	for (int i = 0; i < N_PARALLEL; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void test_parallel(void **state)
{
	struct bench *b = *state;

	set(b, "ipam", json_pack("{s:s}", "type", "good"));
	parallel(b, "ADD");
	assert_int_equal(fake_switch_n_ports(b->sw), N_PARALLEL);
	parallel(b, "DEL");
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
}

// --- vhost_user ----------------------------------------------------------------------------------

struct vhost_bench {
	char root[80], info[112];
	char pod[112], path[120]; // made by the hash of "c1"
};

static void setup_vhost(struct bench *b, struct vhost_bench *v)
{
	snprintf(v->root, sizeof(v->root), "%s/pods", b->dir);
	snprintf(v->info, sizeof(v->info), "%s/devinfo", b->dir);
	snprintf(v->pod, sizeof(v->pod), "%s/08a27f07b54a6859", v->root);
	snprintf(v->path, sizeof(v->path), "%s/eth0", v->pod);
	set(b, "backend", json_string("vhost_user"));
	set(b, "socketDir", json_string(v->root));
	set(b, "runtimeConfig", json_pack("{s:s}", "CNIDeviceInfoFile", v->info));
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void assert_device_info(const struct vhost_bench *v, const char *mode)
{
	json_t *info = json_load_file(v->info, 0, NULL);
	const json_t *vhost = json_object_get(info, "vhost-user");

	assert_string_equal(json_string_value(json_object_get(info, "type")), "vhost-user");
	assert_string_equal(json_string_value(json_object_get(info, "version")), "1.1.0");
	assert_string_equal(json_string_value(json_object_get(vhost, "mode")), mode);
	assert_string_equal(json_string_value(json_object_get(vhost, "path")), v->path);
	json_decref(info);
}

static void leave_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static json_t *only_port(struct bench *b)
{
	json_t *port = fake_switch_port(b->sw, "cni:leo:c1:eth0");

	assert_non_null(port);
	return port;
}

static void test_vhost_versions(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;

	setup_vhost(b, &v);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		bool is_new = strcmp(versions[i], "1.1.0") == 0;

		set(b, "cniVersion", json_string(versions[i]));
		set(b, "prevResult", NULL);
		assert_int_equal(call(b, "ADD"), 0);
		assert_string_equal(get(b->answer, "interfaces", 0, "name"), "eth0");
		assert_string_equal(get(b->answer, "interfaces", 0, "sandbox"), b->netns);
		assert_string_equal(
		        get(b->answer, "interfaces", 0, "socketPath"), is_new ? v.path : "(none)");
		assert_string_equal(
		        get(b->answer, "ips", 0, "address"), "fd00:7::1cde:d37a:da09:7b8e/64");
		assert_null(fake_netns_get(b->netns, "eth0"));
		assert_device_info(&v, "server");
		set(b, "prevResult", json_incref(b->answer));
		if (strcmp(versions[i], "0.4.0") >= 0)
			assert_int_equal(call(b, "CHECK"), 0);
		leave_socket(v.path); // as an application that was killed
		assert_int_equal(call(b, "DEL"), 0);
		assert_false(is_there(v.pod));
		assert_false(is_there(v.info));
		assert_int_equal(fake_switch_n_ports(b->sw), 0);
		assert_int_equal(call(b, "DEL"), 0);
	}
	rmdir(v.root);
}

// Two interfaces of a pod whose application makes its sockets later: the directory goes with the
// last of them.
static void test_vhost_two(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;

	setup_vhost(b, &v);
	set(b, "podDir", json_string("two"));
	snprintf(v.pod, sizeof(v.pod), "%s/two", v.root);
	for (int i = 0; i < 2; i++) {
		b->env.ifname = i == 0 ? "eth0" : "eth1";
		assert_int_equal(call(b, "ADD"), 0);
	}
	b->env.ifname = "eth0";
	assert_int_equal(call(b, "DEL"), 0);
	assert_true(is_there(v.pod));
	assert_int_equal(call(b, "DEL"), 0);
	assert_true(is_there(v.pod));
	b->env.ifname = "eth1";
	assert_int_equal(call(b, "DEL"), 0);
	assert_false(is_there(v.pod));
	b->env.ifname = "eth0";
	rmdir(v.root);
}

static void test_vhost_request(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;
	struct stat st;
	json_t *port;

	setup_vhost(b, &v);
	set(b, "mode", json_string("client"));
	set(b, "queuePairs", json_integer(4));
	set(b, "socketDirMode", json_string("0751"));
	assert_int_equal(call(b, "ADD"), 0);
	assert_device_info(&v, "client");
	port = only_port(b);
	assert_true(json_is_true(json_object_get(port, "socket_server")));
	assert_int_equal(json_integer_value(json_object_get(port, "queue_pairs")), 4);
	json_decref(port);
	assert_int_equal(stat(v.pod, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(call(b, "DEL"), 0);

	set(b, "mode", NULL);
	set(b, "carrier", json_true());
	set(b, "podDir", json_string("%{K8S_POD_NAME}"));
	assert_int_equal(call(b, "ADD"), 0);
	snprintf(v.path, sizeof(v.path), "%s/sat-1/eth0", v.root);
	assert_string_equal(get(b->answer, "interfaces", 0, "socketPath"), v.path);
	port = only_port(b);
	assert_true(json_is_true(json_object_get(port, "carrier")));
	assert_true(json_is_false(json_object_get(port, "socket_server")));
	json_decref(port);
	assert_int_equal(call(b, "DEL"), 0);
	rmdir(v.root);
}

static void test_vhost_check(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;
	char away[256];

	setup_vhost(b, &v);
	snprintf(away, sizeof(away), "%s/away", v.root);
	assert_int_equal(call(b, "ADD"), 0);
	set(b, "prevResult", json_incref(b->answer));
	assert_int_equal(call(b, "CHECK"), 0);
	assert_int_equal(rename(v.pod, away), 0);
	assert_int_equal(call(b, "CHECK"), CNI_E_MISMATCH);
	assert_int_equal(rename(away, v.pod), 0);
	assert_int_equal(call(b, "CHECK"), 0);
	set(b, "podDir", json_string("other"));
	assert_int_equal(call(b, "CHECK"), CNI_E_MISMATCH);
	set(b, "podDir", NULL);
	fake_switch_forget_ports(b->sw);
	assert_int_equal(call(b, "CHECK"), CNI_E_MISMATCH);
	assert_int_equal(call(b, "DEL"), 0);
	assert_false(is_there(v.pod));
	rmdir(v.root);
}

// What a container put there is not followed, and what is another's stays.
static void test_vhost_hostile(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;
	char victim[112], link[128];

	setup_vhost(b, &v);
	snprintf(victim, sizeof(victim), "%s/victim", b->dir);
	assert_int_equal(mkdir(v.root, 0755), 0);
	assert_int_equal(symlink(b->dir, v.pod), 0);
	assert_int_equal(call(b, "ADD"), CNI_E_IO);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
	assert_int_equal(unlink(v.pod), 0);
	assert_int_equal(call(b, "ADD"), 0);
	leave_socket(victim);
	assert_int_equal(symlink(victim, v.path), 0);
	snprintf(link, sizeof(link), "%s/other", v.pod);
	leave_socket(link);
	assert_int_equal(call(b, "DEL"), 0);
	assert_true(is_there(victim));
	assert_true(is_there(link));
	unlink(link);
	unlink(v.path);
	rmdir(v.pod);
	rmdir(v.root);
}

static void test_vhost_undone(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;

	setup_vhost(b, &v);
	fake_switch_fail(b->sw, FAKE_REFUSE_ADD, ORRERY_E_LIMIT);
	assert_int_equal(call(b, "ADD"), CNI_E_LIMIT);
	assert_false(is_there(v.pod));
	assert_false(is_there(v.info));
	rmdir(v.root);
}

static void test_vhost_status_gc(void **state)
{
	struct bench *b = *state;
	struct vhost_bench v;

	setup_vhost(b, &v);
	assert_int_equal(call(b, "STATUS"), CNI_E_UNAVAILABLE); // no such driver
	fake_switch_set_open_files(b->sw, 10, 100);
	assert_int_equal(call(b, "STATUS"), 0);
	fake_switch_set_open_files(b->sw, 98, 100);
	assert_int_equal(call(b, "STATUS"), CNI_E_UNAVAILABLE);
	assert_int_equal(call(b, "ADD"), 0);
	set(b, "cni.dev/valid-attachments",
	        json_pack("[{s:s, s:s}]", "containerID", "c1", "ifname", "eth0"));
	assert_int_equal(call(b, "GC"), 0);
	assert_true(is_there(v.pod));
	set(b, "cni.dev/valid-attachments", json_array());
	assert_int_equal(call(b, "GC"), 0);
	assert_int_equal(fake_switch_n_ports(b->sw), 0);
	assert_false(is_there(v.pod));
	rmdir(v.root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_matrix),
	        TEST(test_add_request),
	        TEST(test_add_known_node),
	        TEST(test_add_routes),
	        TEST(test_add_refused),
	        TEST(test_add_taken),
	        TEST(test_add_undone),
	        TEST(test_add_stale),
	        TEST(test_ipam_faults),
	        TEST(test_del_refused),
	        TEST(test_del_without_switch),
	        TEST(test_check),
	        TEST(test_status),
	        TEST(test_gc),
	        TEST(test_long_names),
	        TEST(test_input),
	        TEST(test_log_file),
	        TEST(test_parallel),
	        TEST(test_vhost_versions),
	        TEST(test_vhost_two),
	        TEST(test_vhost_request),
	        TEST(test_vhost_check),
	        TEST(test_vhost_hostile),
	        TEST(test_vhost_undone),
	        TEST(test_vhost_status_gc),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
