/* SPDX-License-Identifier: BSD-3-Clause */
// The CNI shim's foreign input: a configuration, CNI_ARGS and an interface name from the
// environment. An input is the command's letter, then CNI_ARGS, a zero byte, and what comes on
// standard input; that is also taken for the result of an IPAM plugin.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "jsonrpc.h"
#include "owner.h"
#include "result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_key(const char *key, void *arg)
{
	size_t *sum = arg;

	*sum += strlen(key);
}

static void render(const struct cni_conf *conf, const struct cni_env *env)
{
	struct cni_attachment att = {.ifname = env->ifname,
	        .sandbox = env->netns,
	        .mac = "02:00:00:00:00:01",
	        .mtu = conf->mtu};
	json_t *result;

	att.n_ips = conf->n_addrs;
	for (size_t i = 0; i < conf->n_addrs; i++)
		att.ips[i].cidr = conf->addrs[i];
	att.n_routes = conf->n_routes;
	memcpy(att.routes, conf->routes, sizeof(att.routes));
	if (conf->has_prefix) {
		cni_address_derive(&conf->prefix, conf->node, &att.ips[0].cidr.addr);
		if (!cni_cidr_covers(&conf->prefix, &att.ips[0].cidr.addr))
			abort();
	}
	result = cni_result_render(conf->version, &att, conf->prev_result);
	if (!result)
		abort();
	json_decref(result);
}

static void read_ipam(const char *text, size_t len)
{
	json_t *result = jsonrpc_parse(text, len, NULL);
	struct cni_attachment att = {0};
	struct cni_error err = {0};
	const json_t *dns;
	size_t index;

	if (result && !cni_result_read_ipam(result, &att, &dns, &err) &&
	        (!att.n_ips || att.n_ips > CNI_ADDRS_MAX || att.n_routes > CNI_ROUTES_MAX))
		abort();
	cni_result_find_interface(result, "eth0", "/n", &index);
	json_decref(result);
}

// `args` is terminated, `text` need not be.
static void run_one(enum cni_verb verb, const char *args, const char *text, size_t len)
{
	struct cni_env env = {cni_verb_name(verb), "c1", "/n", "eth0", args, "/p", false};
	struct cni_error err = {0};
	struct cni_conf conf;
	char owner[CNI_OWNER_SIZE], version[16];
	size_t sum = 0;
	int ret;

	cni_conf_version_text(text, len, version);
	ret = cni_conf_parse(&conf, text, len, verb, &env, &err);
	if (ret) {
		json_t *json = cni_error_render(&err, version);

		if (!json || ret != err.code || !err.msg[0])
			abort();
		json_decref(json);
	} else {
		cni_conf_unknown_keys(&conf, ignore_key, &sum);
		cni_owner(&conf, &env, owner);
		if (strncmp(owner, "cni:", 4) != 0)
			abort();
		if (verb == CNI_ADD)
			render(&conf, &env);
	}
	cni_conf_fini(&conf);
	read_ipam(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 1 ? memchr(data + 1, 0, size - 1) : NULL;
	char *args;
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - data) - 1;
	args = malloc(len + 1);
	if (!args)
		return 0;
	memcpy(args, data + 1, len + 1);
	run_one((enum cni_verb)(data[0] % CNI_VERSION), args, (const char *)end + 1,
	        size - len - 2);
	free(args);
	return 0;
}
