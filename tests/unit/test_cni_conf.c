/* SPDX-License-Identifier: BSD-3-Clause */
// The CNI shim's input: environment, configuration, names, addresses.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf.h"
#include "owner.h"
#include "template.h"

static const struct cni_env pod_env = {
        .command = "ADD",
        .containerid = "4f2a0123456789abcdef4f2a0123456789abcdef4f2a0123456789abcdefabcd",
        .netns = "/run/netns/x",
        .ifname = "net1",
        .args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=leo;K8S_POD_NAME=sat-3-17;K8S_POD_UID=1;FOO=bar",
        .path = "/opt/cni/bin",
};

#define VHOST ",\"backend\":\"vhost_user\""
#define LONG_DIR \
	"/run/"  \
	"a-directory-for-sockets-that-leaves-too-little-room-for-the-name-of-a-container-in-it"
#define HEAD "{\"cniVersion\":\"1.1.0\",\"name\":\"leo\",\"type\":\"orrery-cni\""

static int parse(struct cni_conf *conf, const char *text, enum cni_verb verb,
        const struct cni_env *env, struct cni_error *err)
{
	*err = (struct cni_error){0};
	return cni_conf_parse(conf, text, strlen(text), verb, env, err);
}

static void test_env(void **state)
{
	static const struct {
		struct cni_env env;
		int code;
		const char *says;
	} rows[] = {
	        {{"ADD", "c", "/n", "eth0", "", "/p", false}, 0, ""},
	        {{"ADD", "", "", "", "", "", false}, 4,
	                "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"},
	        {{"CHECK", "c", "", "eth0", "", "/p", false}, 4, "missing: CNI_NETNS"},
	        {{"DEL", "c", "", "eth0", "", "/p", false}, 0, ""},
	        {{"DEL", "c", "", "", "", "/p", false}, 4, "missing: CNI_IFNAME"},
	        {{"GC", "", "", "", "", "/p", false}, 0, ""},
	        {{"GC", "", "", "", "", "", false}, 4, "missing: CNI_PATH"},
	        {{"STATUS", "", "", "", "", "/p", false}, 0, ""},
	        {{"STATUS", "", "", "", "", "", false}, 4, "missing: CNI_PATH"},
	        {{"VERSION", "", "", "", "", "", false}, 0, ""},
	        {{"VERSION", "", "dummy", "dummy", "", "dummy", false}, 0, ""},
	        {{"add", "c", "/n", "eth0", "", "/p", false}, 4, "'add'"},
	        {{"ADD", "-c", "/n", "eth0", "", "/p", false}, 4, "CNI_CONTAINERID"},
	        {{"ADD", "a/b", "/n", "eth0", "", "/p", false}, 4, "CNI_CONTAINERID"},
	        {{"ADD", "a.b_c-1", "/n", "eth0", "", "/p", false}, 0, ""},
	        {{"ADD", "c", "/n", "fifteen-letters", "", "/p", false}, 0, ""},
	        {{"ADD", "c", "/n", "sixteen-letters-", "", "/p", false}, 4, "CNI_IFNAME"},
	        {{"ADD", "c", "/n", ".", "", "/p", false}, 4, "CNI_IFNAME"},
	        {{"ADD", "c", "/n", "..", "", "/p", false}, 4, "CNI_IFNAME"},
	        {{"ADD", "c", "/n", "a b", "", "/p", false}, 4, "CNI_IFNAME"},
	        {{"ADD", "c", "/n", "a:b", "", "/p", false}, 4, "CNI_IFNAME"},
	        {{"ADD", "c", "/n", "a/b", "", "/p", false}, 4, "CNI_IFNAME"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cni_error err = {0};
		enum cni_verb verb;

		assert_int_equal(cni_env_check(&rows[i].env, &verb, &err), rows[i].code);
		if (!strstr(err.msg, rows[i].says))
			fail_msg("row %zu says: %s", i, err.msg);
		if (!rows[i].code)
			assert_string_equal(cni_verb_name(verb), rows[i].env.command);
	}
}

static void test_args(void **state)
{
	const char *args = "IP=fd00::1,fd00::2;MAC=;;X=a=b;K8S_POD_NAME=n";
	size_t len;

	assert_memory_equal(cni_args_find(args, "IP", 2, &len), "fd00::1,fd00::2", 15);
	assert_int_equal(len, 15);
	assert_null(cni_args_find(args, "MAC", 3, &len));
	assert_null(cni_args_find(args, "I", 1, &len));
	assert_memory_equal(cni_args_find(args, "X", 1, &len), "a=b", 3);
	assert_null(cni_args_find("", "X", 1, &len));
	assert_null(cni_args_find("X", "X", 1, &len));
}

static void test_template(void **state)
{
	json_t *args = json_pack("{s:s, s:i}", "node", "gs-7", "n", 1);
	const struct template_vars vars = {&pod_env, "leo", args};
	static const struct {
		const char *text, *expect; // expect NULL: refused
	} rows[] = {
	        {"sat", "sat"},
	        {"%{K8S_POD_NAME}", "sat-3-17"},
	        {"%{K8S_POD_NAMESPACE}.%{K8S_POD_NAME}-x", "leo.sat-3-17-x"},
	        {"%{CONTAINERID:12}", "4f2a01234567"},
	        {"%{CONTAINERID}", NULL}, // 64 characters
	        {"%{CONTAINERID:63}",
	                "4f2a0123456789abcdef4f2a0123456789abcdef4f2a0123456789abcdefabc"},
	        {"%{IFNAME:99}%{NETWORK}", "net1leo"},
	        {"%{args.node}", "gs-7"},
	        {"%{args.n}", NULL},
	        {"%{args.}", NULL},
	        {"%{args.none}", NULL},
	        {"%{FOO}", "bar"},
	        {"%{NONE}", NULL},
	        {"%{}", NULL},
	        {"%{FOO:}", NULL},
	        {"%{FOO:0}", NULL},
	        {"%{FOO:x}", NULL},
	        {"%{FOO:99999999999}", NULL},
	        {"%{FOO", NULL},
	        {"%FOO", NULL},
	        {"100%", NULL},
	        {"", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cni_error err = {0};
		char buf[NODE_NAME_SIZE];
		int ret = template_expand("node", rows[i].text, &vars, buf, sizeof(buf), &err);

		if (!rows[i].expect) {
			assert_int_equal(ret, CNI_E_CONFIG);
			assert_memory_equal(err.msg, "node: ", 6);
		} else {
			assert_int_equal(ret, 0);
			assert_string_equal(buf, rows[i].expect);
		}
	}
	json_decref(args);
}

// Whatever is refused names the key.
static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} rows[] = {
	        {"", CNI_E_DECODE, "not JSON"},
	        {"{", CNI_E_DECODE, "not JSON"},
	        {"[]", CNI_E_DECODE, "not a JSON object"},
	        {"{}", CNI_E_VERSION, "'0.1.0' is not supported"},
	        {"{\"cniVersion\":\"0.2.0\",\"name\":\"n\"}", CNI_E_VERSION, "'0.2.0'"},
	        {"{\"cniVersion\":\"9.9.9\",\"name\":\"n\"}", CNI_E_VERSION, "'9.9.9'"},
	        {"{\"cniVersion\":\"1.0.0\"}", CNI_E_CONFIG, "name"},
	        {"{\"cniVersion\":\"1.0.0\",\"name\":\"a b\"}", CNI_E_CONFIG, "name"},
	        {HEAD ",\"socket\":1}", CNI_E_CONFIG, "socket"},
	        {HEAD ",\"timeoutMs\":0}", CNI_E_CONFIG, "timeoutMs"},
	        {HEAD ",\"timeoutMs\":\"1\"}", CNI_E_CONFIG, "timeoutMs"},
	        {HEAD ",\"ipam\":[]}", CNI_E_CONFIG, "ipam"},
	        {HEAD ",\"ipam\":{\"type\":\"../x\"}}", CNI_E_CONFIG, "ipam.type"},
	        {HEAD ",\"ipam\":{\"type\":\"host-local\"},\"addresses\":[\"fd00::1\"]}",
	                CNI_E_CONFIG, "addresses"},
	        {HEAD ",\"prevResult\":3}", CNI_E_DECODE, "prevResult"},
	        {HEAD ",\"node\":\"%{X}\"}", CNI_E_CONFIG, "node"},
	        {HEAD ",\"node\":\"a/b\"}", CNI_E_CONFIG, "node: 'a/b'"},
	        {HEAD ",\"interface\":\"a/b\"}", CNI_E_CONFIG, "interface: 'a/b'"},
	        {HEAD ",\"nodeKind\":\"bridge\"}", CNI_E_CONFIG, "nodeKind: 'bridge'"},
	        {HEAD ",\"backend\":\"ethdev\"}", CNI_E_CONFIG, "backend: 'ethdev'"},
	        {HEAD VHOST ",\"mode\":\"both\"}", CNI_E_CONFIG, "mode: 'both'"},
	        {HEAD VHOST ",\"socketDir\":\"run\"}", CNI_E_CONFIG, "socketDir: 'run'"},
	        {HEAD VHOST ",\"socketDir\":\"/run/\"}", CNI_E_CONFIG, "socketDir: '/run/'"},
	        {HEAD VHOST ",\"socketDir\":\"" LONG_DIR "\"}", CNI_E_CONFIG, "at most 107"},
	        {HEAD VHOST ",\"podDir\":\"..\"}", CNI_E_CONFIG, "podDir: '..'"},
	        {HEAD VHOST ",\"podDir\":\"a/b\"}", CNI_E_CONFIG, "podDir: 'a/b'"},
	        {HEAD VHOST ",\"socketDirMode\":\"888\"}", CNI_E_CONFIG, "socketDirMode: '888'"},
	        {HEAD VHOST ",\"socketDirGid\":-1}", CNI_E_CONFIG, "socketDirGid"},
	        {HEAD VHOST ",\"queuePairs\":9}", CNI_E_CONFIG, "queuePairs"},
	        {HEAD VHOST ",\"runtimeConfig\":{\"CNIDeviceInfoFile\":\"x\"}}", CNI_E_CONFIG,
	                "runtimeConfig.CNIDeviceInfoFile"},
	        {HEAD VHOST ",\"mode\":\"client\",\"carrier\":true}", CNI_E_CONFIG, "carrier"},
	        {HEAD ",\"carrier\":1}", CNI_E_CONFIG, "carrier"},
	        {HEAD ",\"mtu\":1279}", CNI_E_CONFIG, "mtu"},
	        {HEAD ",\"mtu\":65536}", CNI_E_CONFIG, "mtu"},
	        {HEAD ",\"mtu\":1.5}", CNI_E_CONFIG, "mtu"},
	        {HEAD ",\"prefix\":\"fd00::/47\"}", CNI_E_CONFIG, "prefix"},
	        {HEAD ",\"prefix\":\"fd00::/65\"}", CNI_E_CONFIG, "prefix"},
	        {HEAD ",\"prefix\":\"fd00::\"}", CNI_E_CONFIG, "prefix"},
	        {HEAD ",\"prefix\":\"fd00::1/64\"}", CNI_E_CONFIG, "past its length"},
	        {HEAD ",\"prefix\":\"10.0.0.0/16\"}", CNI_E_CONFIG, "prefix"},
	        {HEAD ",\"addresses\":\"fd00::1\"}", CNI_E_CONFIG, "addresses"},
	        {HEAD ",\"addresses\":[1]}", CNI_E_CONFIG, "addresses[0]"},
	        {HEAD ",\"addresses\":[\"fd00::1\",\"10.0.0.1/8\"]}", CNI_E_CONFIG,
	                "addresses[1]: '10.0.0.1/8': the switch sets IPv6"},
	        {HEAD ",\"addresses\":[\"::ffff:10.0.0.1\"]}", CNI_E_CONFIG, "IPv6 addresses only"},
	        {HEAD ",\"addresses\":[\"ff02::1/64\"]}", CNI_E_CONFIG, "addresses[0]"},
	        {HEAD ",\"addresses\":[\"::1/128\"]}", CNI_E_CONFIG, "addresses[0]"},
	        {HEAD ",\"addresses\":[\"fd00::1/129\"]}", CNI_E_CONFIG, "addresses[0]"},
	        {HEAD ",\"addresses\":[\"fd00::1/0\"]}", CNI_E_CONFIG, "addresses[0]"},
	        {HEAD ",\"addresses\":[\"a::1\",\"a::2\",\"a::3\",\"a::4\",\"a::5\",\"a::6\",\"a::"
	              "7\","
	              "\"a::8\",\"a::9\"]}",
	                CNI_E_CONFIG, "at most 8"},
	        {HEAD ",\"runtimeConfig\":{\"ips\":[\"x\"]}}", CNI_E_CONFIG,
	                "runtimeConfig.ips[0]"},
	        {HEAD ",\"runtimeConfig\":{\"mac\":\"01:00:00:00:00:01\"}}", CNI_E_CONFIG,
	                "runtimeConfig.mac"},
	        {HEAD ",\"args\":{\"cni\":{\"mac\":\"00:00:00:00:00:00\"}}}", CNI_E_CONFIG,
	                "args.cni.mac"},
	        {HEAD ",\"args\":{\"cni\":{\"ips\":{}}}}", CNI_E_CONFIG, "args.cni.ips"},
	        {HEAD ",\"routes\":{}}", CNI_E_CONFIG, "routes"},
	        {HEAD ",\"routes\":[{}]}", CNI_E_CONFIG, "routes[0].dst"},
	        {HEAD ",\"routes\":[{\"dst\":\"fd00::1/64\"}]}", CNI_E_CONFIG, "routes[0].dst"},
	        {HEAD ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}", CNI_E_CONFIG,
	                "IPv6 addresses only"},
	        {HEAD ",\"routes\":[{\"dst\":\"::/0\",\"gw\":\"x\"}]}", CNI_E_CONFIG,
	                "routes[0].gw"},
	        {HEAD ",\"routes\":[{\"dst\":\"::/0\",\"gw\":\"fe80::1/64\"}]}", CNI_E_CONFIG,
	                "routes[0].gw"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cni_conf conf;
		struct cni_error err;

		if (parse(&conf, rows[i].text, CNI_ADD, &pod_env, &err) != rows[i].code ||
		        !strstr(err.msg, rows[i].says))
			fail_msg("%s: code %d, says: %s", rows[i].text, err.code, err.msg);
		cni_conf_fini(&conf);
	}
}

static void test_attachment(void **state)
{
	struct cni_error err;
	struct cni_conf conf;

	assert_int_equal(
	        parse(&conf,
	                HEAD ",\"socket\":\"/s\",\"node\":\"gs-%{K8S_POD_NAME}\","
	                     "\"nodeKind\":\"router\",\"mtu\":3000,\"timeoutMs\":5,\"foo\":1,"
	                     "\"prefix\":\"fd00:7::/48\",\"addresses\":[\"fd00:7::5\"],"
	                     "\"routes\":[{\"dst\":\"::/0\"},"
	                     "{\"dst\":\"fd00:9::/32\",\"gw\":\"fe80::2\"}],\"logFile\":\"/l\"}",
	                CNI_ADD, &pod_env, &err),
	        0);
	assert_string_equal(conf.node, "gs-sat-3-17");
	assert_string_equal(conf.interface, "net1");
	assert_string_equal(conf.socket, "/s");
	assert_string_equal(conf.log_file, "/l");
	assert_int_equal(conf.kind, CNI_NODE_ROUTER);
	assert_int_equal(conf.mtu, 3000);
	assert_int_equal(conf.timeout_ms, 5);
	assert_int_equal(conf.prefix.len, 48);
	assert_int_equal(conf.n_addrs, 1);
	assert_false(conf.addrs_are_asked);
	assert_int_equal(conf.addrs[0].len, CNI_PREFIX_LEN_NONE);
	assert_int_equal(conf.n_routes, 2);
	assert_int_equal(conf.routes[1].via.s6_addr[15], 2);
	cni_conf_fini(&conf);

	// without K8S_POD_NAME the node is named after the container, which has one character too
	// many
	struct cni_env bare = pod_env;

	bare.args = "";
	assert_int_equal(parse(&conf, HEAD "}", CNI_ADD, &bare, &err), 0);
	assert_int_equal(strlen(conf.node), 63);
	assert_int_equal(conf.timeout_ms, CNI_TIMEOUT_MS_DEFAULT);
	assert_int_equal(conf.kind, CNI_NODE_ANY);
	assert_false(conf.has_routes);
	cni_conf_fini(&conf);
}

// runtimeConfig goes before args.cni, that before CNI_ARGS, that before the configuration.
static void test_asked(void **state)
{
	static const char *const parts[] = {
	        ",\"runtimeConfig\":{\"ips\":[\"fd00::a/64\"],\"mac\":\"02:00:00:00:00:0A\"}",
	        ",\"args\":{\"cni\":{\"ips\":[\"fd00::b\"],\"mac\":\"02:00:00:00:00:0b\"}}",
	        "",
	        ",\"addresses\":[\"fd00::d\"]",
	};
	static const char last_hex[] = "abc";
	struct cni_env env = pod_env;

	for (int from = 0; from < 4; from++) {
		char text[1024] = HEAD;
		struct cni_error err;
		struct cni_conf conf;

		env.args = from <= 2 ? "IP=fd00::c,fd00::c1;MAC=02:00:00:00:00:0c" : "";
		for (int i = from; i < 4; i++)
			strcat(text, parts[i]);
		strcat(text, "}");
		assert_int_equal(parse(&conf, text, CNI_ADD, &env, &err), 0);
		assert_int_equal(conf.addrs_are_asked, from < 3);
		assert_int_equal(conf.n_addrs, from == 2 ? 2 : 1);
		assert_int_equal(conf.addrs[0].addr.s6_addr[15], 10 + from);
		assert_int_equal(conf.mac[16], from < 3 ? last_hex[from] : '\0');
		cni_conf_fini(&conf);
	}
}

static void test_args_unknown(void **state)
{
	struct cni_env env = pod_env;
	struct cni_error err;
	struct cni_conf conf;

	env.args = "ORBIT=leo";
	assert_int_equal(parse(&conf, HEAD "}", CNI_ADD, &env, &err), CNI_E_ENV);
	assert_non_null(strstr(err.msg, "ORBIT"));
	cni_conf_fini(&conf);
	assert_int_equal(parse(&conf, HEAD ",\"node\":\"%{ORBIT}-1\"}", CNI_ADD, &env, &err), 0);
	assert_string_equal(conf.node, "leo-1");
	cni_conf_fini(&conf);
	env.args = "ORBIT=leo;IgnoreUnknown=true";
	assert_int_equal(parse(&conf, HEAD "}", CNI_ADD, &env, &err), 0);
	cni_conf_fini(&conf);
	env.args = "IgnoreUnknown=1;x";
	assert_int_equal(parse(&conf, HEAD "}", CNI_ADD, &env, &err), CNI_E_ENV);
	cni_conf_fini(&conf);
}

// What ADD refuses must not keep DEL and GC from cleaning up.
static void test_lenient(void **state)
{
	static const char text[] = HEAD ",\"socket\":7,\"timeoutMs\":\"x\",\"mtu\":1,\"prefix\":"
	                                "\"x\",\"ipam\":3,\"routes\":1,"
	                                "\"prevResult\":[],\"cni.dev/valid-attachments\":[]}";
	struct cni_error err;
	struct cni_conf conf;

	assert_int_equal(parse(&conf, text, CNI_DEL, &pod_env, &err), 0);
	assert_int_equal(conf.timeout_ms, CNI_TIMEOUT_MS_DEFAULT);
	assert_null(conf.socket);
	assert_null(conf.ipam);
	assert_null(conf.prev_result);
	cni_conf_fini(&conf);
	assert_int_equal(parse(&conf, text, CNI_GC, &pod_env, &err), 0);
	cni_conf_fini(&conf);
	assert_int_equal(parse(&conf, HEAD "}", CNI_GC, &pod_env, &err), CNI_E_CONFIG);
	cni_conf_fini(&conf);
	assert_int_equal(parse(&conf, HEAD "}", CNI_CHECK, &pod_env, &err), CNI_E_CONFIG);
	cni_conf_fini(&conf);
}

static void test_verb_versions(void **state)
{
	static const struct {
		enum cni_verb verb;
		const char *since;
	} rows[] = {{CNI_ADD, "0.3.0"}, {CNI_DEL, "0.3.0"}, {CNI_CHECK, "0.4.0"}, {CNI_GC, "1.1.0"},
	        {CNI_STATUS, "1.1.0"}};
	static const char *const versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t v = 0; v < 5; v++) {
			bool had = strcmp(versions[v], rows[i].since) >= 0;
			struct cni_error err;
			struct cni_conf conf;
			char text[256];

			snprintf(text, sizeof(text),
			        "{\"cniVersion\":\"%s\",\"name\":\"n\",\"prevResult\":{},"
			        "\"cni.dev/valid-attachments\":[]}",
			        versions[v]);
			assert_int_equal(parse(&conf, text, rows[i].verb, &pod_env, &err),
			        had ? 0 : CNI_E_VERSION);
			cni_conf_fini(&conf);
		}
	}
}

static void count_key(const char *key, void *arg)
{
	char *seen = arg;

	strcat(seen, key);
}

static void test_unknown_keys(void **state)
{
	char seen[256] = "";
	struct cni_error err;
	struct cni_conf conf;

	assert_int_equal(
	        parse(&conf, HEAD ",\"nodekind\":\"pod\",\"cni.dev/x\":1,\"dns\":{},\"mtu\":1500}",
	                CNI_ADD, &pod_env, &err),
	        0);
	cni_conf_unknown_keys(&conf, count_key, seen);
	assert_string_equal(seen, "nodekind");
	cni_conf_fini(&conf);
}

static void test_version_text(void **state)
{
	static const struct {
		const char *text, *expect;
	} rows[] = {{"", "1.1.0"}, {"{", "1.1.0"}, {"{\"cniVersion\":\"0.4.0\"}", "0.4.0"},
	        {"{\"cniVersion\":\"7.0.0\"}", "7.0.0"}, {"{\"cniVersion\":\"x\"}", "1.1.0"},
	        {"{\"cniVersion\":\"1.1111111111111111111\"}", "1.1.0"},
	        {"{\"cniVersion\":3}", "1.1.0"}};
	char buf[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(cni_conf_version_text(rows[i].text, strlen(rows[i].text), buf),
		        rows[i].expect);
}

// Frozen: these values are what keeps a pod's address from one release to the next.
static void test_address_values(void **state)
{
	static const struct {
		const char *prefix, *ref, *expect;
	} rows[] = {
	        {"fd00:7::/64", "sat-3-17/eth0", "fd00:7::e2ac:576a:cff7:671d"},
	        {"fd00:7::/64", "sat-3-17/eth1", "fd00:7::22cc:3f16:d6cd:23c3"},
	        {"fd00:7::/64", "sat-3-18/eth0", "fd00:7::97f4:287f:dee:93ad"},
	        {"fd00:7::/48", "sat-3-17/eth0", "fd00:7:0:6705:e2ac:576a:cff7:671d"},
	        {"2001:db8:abcd:e800::/53", "gs/eth0", "2001:db8:abcd:e965:c744:e810:a1d5:f6c7"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cni_cidr prefix;
		struct in6_addr addr;
		char text[INET6_ADDRSTRLEN];

		assert_int_equal(cni_cidr_parse(rows[i].prefix, &prefix), 0);
		cni_address_derive(&prefix, rows[i].ref, &addr);
		inet_ntop(AF_INET6, &addr, text, sizeof(text));
		assert_string_equal(text, rows[i].expect);
		assert_true(cni_cidr_covers(&prefix, &addr));
	}
}

static int compare_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

// A constellation twenty times the size of the largest: all differ, and bits are spread.
static void test_address_distinct(void **state)
{
	enum { N = 200000 };
	static struct in6_addr addrs[N];
	struct cni_cidr prefix;
	unsigned ones = 0;

	assert_int_equal(cni_cidr_parse("fd00::/64", &prefix), 0);
	for (int i = 0; i < N; i++) {
		char ref[IFACE_REF_SIZE];

		snprintf(ref, sizeof(ref), "sat-%d-%d/eth%d", i / 1000, i / 5 % 200, i % 5);
		cni_address_derive(&prefix, ref, &addrs[i]);
		ones += addrs[i].s6_addr[15] & 1;
	}
	qsort(addrs, N, sizeof(addrs[0]), compare_addr);
	for (int i = 1; i < N; i++)
		assert_int_not_equal(compare_addr(&addrs[i - 1], &addrs[i]), 0);
	assert_in_range(ones, N / 2 - N / 100, N / 2 + N / 100);
}

static void test_cidr(void **state)
{
	struct cni_cidr cidr, prefix;
	char text[CNI_CIDR_TEXT_SIZE];

	assert_int_equal(cni_cidr_parse("fd00:0::2/64", &cidr), 0);
	assert_string_equal(cni_cidr_format(text, &cidr), "fd00::2/64");
	assert_int_equal(cni_cidr_parse("fd00::2/", &cidr), -EINVAL);
	assert_int_equal(cni_cidr_parse("fd00::2/-1", &cidr), -EINVAL);
	assert_int_equal(cni_cidr_parse("fe80::1%eth0", &cidr), -EINVAL);
	assert_int_equal(cni_cidr_parse("1.2.3.4", &cidr), -EAFNOSUPPORT);
	assert_int_equal(cni_cidr_parse("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128", &cidr), 0);
	assert_string_equal(
	        cni_cidr_format(text, &cidr), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128");
	assert_int_equal(cni_cidr_parse("2001:db8:fff0::/44", &prefix), 0);
	assert_true(cni_cidr_covers(&prefix, &cidr.addr));
	prefix.len = 48;
	assert_false(cni_cidr_covers(&prefix, &cidr.addr));
	assert_false(cni_cidr_has_host_bits(&cidr));
}

static void test_mac(void **state)
{
	char mac[CNI_MAC_TEXT_SIZE];

	assert_int_equal(cni_mac_parse("02:AB:cd:00:00:01", mac), 0);
	assert_string_equal(mac, "02:ab:cd:00:00:01");
	assert_int_equal(cni_mac_parse("03:ab:cd:00:00:01", mac), -EINVAL);
	assert_int_equal(cni_mac_parse("02-ab-cd-00-00-01", mac), -EINVAL);
	assert_int_equal(cni_mac_parse("02:ab:cd:00:00:0", mac), -EINVAL);
	assert_int_equal(cni_mac_parse("02:ab:cd:00:00:011", mac), -EINVAL);
}

static void assert_owner(
        const char *network, const char *id, const char *ifname, const char *expected)
{
	struct cni_env env = pod_env;
	struct cni_conf conf = {.name = network};
	char owner[CNI_OWNER_SIZE], prefix[CNI_OWNER_SIZE];

	env.containerid = id;
	env.ifname = ifname;
	cni_owner(&conf, &env, owner);
	assert_string_equal(owner, expected);
	cni_owner_prefix(&conf, prefix);
	assert_memory_equal(owner, prefix, strlen(prefix));
	assert_int_equal(strcspn(prefix + 4, ":") + 5, strlen(prefix));
}

// These names stand in aliases of running systems: they must not change.
static void test_owner(void **state)
{
	char owner[CNI_OWNER_SIZE], other[CNI_OWNER_SIZE], id[301];
	struct cni_env env = pod_env;
	struct cni_conf conf = {.name = id};

	assert_owner("leo", "c1", "net1", "cni:leo:c1:net1");
	assert_owner("a-network-with-a-name-of-33-bytes", "c1", "eth0",
	        "cni:a-netwo~eb2437e4da6f8694c49e88e1:c1:eth0");
	assert_owner("a-network-with-a-name-of-32-byte", pod_env.containerid, "fifteen-letters",
	        "cni:a-network-with-a-name-of-32-byte:"
	        "4f2a0123456789abcdef4f2a0123456789abcdef4f2a0123456789abcdefabcd:fifteen-letters");
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_owner(id, id, "fifteen-letters",
	        "cni:aaaaaaa~ccc6f1443c88b837fd66dc0e:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa~"
	        "ccc6f1443c88b837fd66dc0e:fifteen-letters");
	env.containerid = id;
	env.ifname = "fifteen-letters";
	cni_owner(&conf, &env, owner);
	assert_int_equal(strlen(owner), CNI_OWNER_SIZE - 1);
	// what differs anywhere differs
	for (size_t i = 0; i < sizeof(id) - 1; i++) {
		id[i] = 'b';
		cni_owner(&conf, &env, other);
		assert_string_not_equal(owner, other);
		id[i] = 'a';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_env),
	        cmocka_unit_test(test_args),
	        cmocka_unit_test(test_template),
	        cmocka_unit_test(test_refused),
	        cmocka_unit_test(test_attachment),
	        cmocka_unit_test(test_asked),
	        cmocka_unit_test(test_args_unknown),
	        cmocka_unit_test(test_lenient),
	        cmocka_unit_test(test_verb_versions),
	        cmocka_unit_test(test_unknown_keys),
	        cmocka_unit_test(test_version_text),
	        cmocka_unit_test(test_address_values),
	        cmocka_unit_test(test_address_distinct),
	        cmocka_unit_test(test_cidr),
	        cmocka_unit_test(test_mac),
	        cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
