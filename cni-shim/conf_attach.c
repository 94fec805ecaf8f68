/* SPDX-License-Identifier: BSD-3-Clause */
// The network configuration: names, addresses and routes of a new attachment.
#include "conf_attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "template.h"

static const json_t *args_cni(const struct cni_conf *conf)
{
	return json_object_get(json_object_get(conf->root, "args"), "cni");
}

static const json_t *runtime_config(const struct cni_conf *conf)
{
	return json_object_get(conf->root, "runtimeConfig");
}

// True if one of our templates refers to the key, which so is not unknown.
static bool arg_is_used(const char *key, size_t len, void *arg)
{
	const struct cni_conf *conf = arg;
	const char *const templates[] = {
	        json_string_value(json_object_get(conf->root, "node")),
	        json_string_value(json_object_get(conf->root, "interface")),
	};

	for (size_t i = 0; i < 2; i++) {
		const char *at = templates[i];

		while (at && (at = strstr(at, "%{"))) {
			at += 2;
			if (strncmp(at, key, len) == 0 && (at[len] == '}' || at[len] == ':'))
				return true;
		}
	}
	return false;
}

static int parse_name(const struct cni_conf *conf, const char *key, const char *fallback,
        const struct cni_env *env, char *buf, size_t size, struct cni_error *err)
{
	const struct template_vars vars = {env, conf->name, args_cni(conf)};
	const char *text;
	int ret = cni_conf_string(conf->root, key, &text, err);

	return ret ? ret : template_expand(key, text ? text : fallback, &vars, buf, size, err);
}

// A pod's node is named after the pod; without Kubernetes, or podman, after the container.
static int parse_names(struct cni_conf *conf, const struct cni_env *env, struct cni_error *err)
{
	struct fault fault = {0};
	size_t len;
	const char *fallback =
	        cni_args_find(env->args, "K8S_POD_NAME", strlen("K8S_POD_NAME"), &len)
	                ? "%{K8S_POD_NAME}"
	                : "%{CONTAINERID:63}";
	int ret = parse_name(conf, "node", fallback, env, conf->node, sizeof(conf->node), err);

	if (!ret)
		ret = parse_name(conf, "interface", "%{IFNAME}", env, conf->interface,
		        sizeof(conf->interface), err);
	if (ret)
		return ret;
	if (node_name_check(conf->node, &fault))
		return cni_fail(err, CNI_E_CONFIG, fault.message, "node: '%s' is not a node's name",
		        conf->node);
	if (iface_name_check(conf->interface, &fault))
		return cni_fail(err, CNI_E_CONFIG, fault.message,
		        "interface: '%s' is not an interface's name", conf->interface);
	return 0;
}

static int parse_kind(struct cni_conf *conf, struct cni_error *err)
{
	const char *kind;
	int ret = cni_conf_string(conf->root, "nodeKind", &kind, err);

	if (ret)
		return ret;
	if (kind && strcmp(kind, "pod") == 0)
		conf->kind = CNI_NODE_POD;
	else if (kind && strcmp(kind, "router") == 0)
		conf->kind = CNI_NODE_ROUTER;
	else if (kind)
		return cni_fail(
		        err, CNI_E_CONFIG, NULL, "nodeKind: '%.32s': expected pod or router", kind);
	return 0;
}

static int fail_address(const char *field, const char *text, int ret, struct cni_error *err)
{
	if (ret == -EAFNOSUPPORT)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "%s: '%.64s': the switch sets IPv6 addresses only", field, text);
	return cni_fail(err, CNI_E_CONFIG, NULL,
	        "%s: '%.64s': expected an IPv6 address as fd00::2/64", field, text);
}

static int parse_address(
        const char *field, const char *text, struct cni_cidr *ret_cidr, struct cni_error *err)
{
	int ret = cni_cidr_parse(text, ret_cidr);

	if (ret || !cni_addr_is_unicast(&ret_cidr->addr) || ret_cidr->len == 0)
		return fail_address(field, text, ret, err);
	return 0;
}

static int add_address(
        struct cni_conf *conf, const char *field, const char *text, struct cni_error *err)
{
	if (conf->n_addrs == CNI_ADDRS_MAX)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "%s: an interface takes at most %d addresses", field, CNI_ADDRS_MAX);
	return parse_address(field, text, &conf->addrs[conf->n_addrs++], err);
}

static int parse_address_list(
        struct cni_conf *conf, const char *field, const json_t *list, struct cni_error *err)
{
	int ret = 0;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return cni_fail(err, CNI_E_CONFIG, NULL, "%s: expected a list of addresses", field);
	for (size_t i = 0; !ret && i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		char item[48];

		snprintf(item, sizeof(item), "%s[%zu]", field, i);
		ret = text ? add_address(conf, item, text, err)
		           : cni_fail(err, CNI_E_CONFIG, NULL, "%s: expected an address", item);
	}
	return ret;
}

// IP=fd00::2 of CNI_ARGS, or several with commas.
static int parse_address_args(
        struct cni_conf *conf, const struct cni_env *env, struct cni_error *err)
{
	size_t len, left;
	const char *value = cni_args_find(env->args, "IP", 2, &left);
	int ret = 0;

	for (; value && !ret; value += len + 1, left -= len + 1) {
		char text[CNI_CIDR_TEXT_SIZE];
		const char *comma = memchr(value, ',', left);

		len = comma ? (size_t)(comma - value) : left;
		snprintf(text, sizeof(text), "%.*s",
		        len < sizeof(text) ? (int)len : (int)sizeof(text) - 1, value);
		ret = add_address(conf, "CNI_ARGS IP", text, err);
		if (!comma)
			break;
	}
	return ret;
}

// What the runtime asks for goes before what the configuration says.
static int parse_addresses(struct cni_conf *conf, const struct cni_env *env, struct cni_error *err)
{
	int ret = parse_address_list(
	        conf, "runtimeConfig.ips", json_object_get(runtime_config(conf), "ips"), err);

	if (!ret && !conf->n_addrs)
		ret = parse_address_list(
		        conf, "args.cni.ips", json_object_get(args_cni(conf), "ips"), err);
	if (!ret && !conf->n_addrs)
		ret = parse_address_args(conf, env, err);
	conf->addrs_are_asked = conf->n_addrs > 0;
	if (!ret && conf->ipam && json_array_size(json_object_get(conf->root, "addresses")))
		ret = cni_fail(err, CNI_E_CONFIG, NULL,
		        "addresses: an IPAM plugin is configured, which would give others");
	if (!ret && !conf->n_addrs)
		ret = parse_address_list(
		        conf, "addresses", json_object_get(conf->root, "addresses"), err);
	return ret;
}

static int parse_mac(struct cni_conf *conf, const struct cni_env *env, struct cni_error *err)
{
	const char *text, *field = "runtimeConfig.mac";
	char buf[CNI_MAC_TEXT_SIZE + 1];
	size_t len;
	int ret = cni_conf_string(runtime_config(conf), "mac", &text, err);

	if (!ret && !text) {
		field = "args.cni.mac";
		ret = cni_conf_string(args_cni(conf), "mac", &text, err);
	}
	if (ret)
		return ret;
	if (!text) {
		const char *value = cni_args_find(env->args, "MAC", 3, &len);

		if (!value)
			return 0;
		field = "CNI_ARGS MAC";
		snprintf(buf, sizeof(buf), "%.*s",
		        len < sizeof(buf) ? (int)len : (int)sizeof(buf) - 1, value);
		text = buf;
	}
	if (cni_mac_parse(text, conf->mac))
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "%s: '%.32s': expected a unicast address as 52:54:00:01:02:03", field,
		        text);
	return 0;
}

static int parse_prefix(struct cni_conf *conf, struct cni_error *err)
{
	const char *text;
	int ret = cni_conf_string(conf->root, "prefix", &text, err);

	if (ret || !text)
		return ret;
	if (cni_cidr_parse(text, &conf->prefix) || conf->prefix.len < CNI_PREFIX_LEN_MIN ||
	        conf->prefix.len > CNI_PREFIX_LEN_MAX)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "prefix: '%.64s': expected an IPv6 prefix of /%d to /%d", text,
		        CNI_PREFIX_LEN_MIN, CNI_PREFIX_LEN_MAX);
	if (!cni_addr_is_unicast(&conf->prefix.addr) || cni_cidr_has_host_bits(&conf->prefix))
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "prefix: '%.64s' has bits set past its length", text);
	conf->has_prefix = true;
	return 0;
}

static int parse_route(struct cni_conf *conf, size_t i, const json_t *json, struct cni_error *err)
{
	struct cni_route *route = &conf->routes[i];
	const char *dst = json_string_value(json_object_get(json, "dst"));
	const char *via = json_string_value(json_object_get(json, "gw"));
	struct cni_cidr gateway = {.len = CNI_PREFIX_LEN_NONE};
	char field[48];
	int ret;

	snprintf(field, sizeof(field), "routes[%zu].dst", i);
	if (!dst)
		return cni_fail(err, CNI_E_CONFIG, NULL, "%s: expected a prefix", field);
	ret = cni_cidr_parse(dst, &route->dst);
	if (ret || route->dst.len == CNI_PREFIX_LEN_NONE)
		return fail_address(field, dst, ret, err);
	if (cni_cidr_has_host_bits(&route->dst))
		return cni_fail(err, CNI_E_CONFIG, NULL, "%s: '%.64s' has bits set past its length",
		        field, dst);
	snprintf(field, sizeof(field), "routes[%zu].gw", i);
	ret = via ? parse_address(field, via, &gateway, err) : 0;
	if (!ret && gateway.len != CNI_PREFIX_LEN_NONE)
		ret = cni_fail(err, CNI_E_CONFIG, NULL, "%s: '%.64s': expected no prefix length",
		        field, via);
	route->via = gateway.addr;
	return ret;
}

static int parse_routes(struct cni_conf *conf, struct cni_error *err)
{
	const json_t *list = json_object_get(conf->root, "routes");
	int ret = 0;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > CNI_ROUTES_MAX)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "routes: expected a list of at most %d routes", CNI_ROUTES_MAX);
	conf->has_routes = true;
	conf->n_routes = json_array_size(list);
	for (size_t i = 0; !ret && i < conf->n_routes; i++)
		ret = parse_route(conf, i, json_array_get(list, i), err);
	return ret;
}

int cni_conf_parse_attach(
        struct cni_conf *conf, enum cni_verb verb, const struct cni_env *env, struct cni_error *err)
{
	int ret = cni_args_check(env->args, arg_is_used, conf, err);

	if (!ret && verb == CNI_ADD)
		ret = parse_names(conf, env, err);
	if (!ret)
		ret = parse_kind(conf, err);
	if (!ret)
		ret = cni_conf_integer(conf->root, "mtu", 1280, 65535, &conf->mtu, err);
	if (!ret)
		ret = parse_prefix(conf, err);
	if (!ret)
		ret = parse_addresses(conf, env, err);
	if (!ret)
		ret = parse_routes(conf, err);
	if (!ret)
		ret = parse_mac(conf, env, err);
	return ret;
}
