/* SPDX-License-Identifier: BSD-3-Clause */
// The network configuration: what names the attachment and the switch. What ADD needs is in
// conf_attach.c.
#include "conf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf_attach.h"
#include "conf_vhost.h"
#include "jsonrpc.h"

// Keys of the CNI specification and of those who inject some; they are not ours to judge.
static const char *const cni_keys[] = {"cniVersion", "cniVersions", "name", "type", "args",
        "ipMasq", "ipam", "dns", "capabilities", "runtimeConfig", "prevResult", "disableCheck",
        "disableGC", "loadOnlyInlinedPlugins", "deviceID", "promisc", "master", "_"};

static const char *const own_keys[] = {"socket", "node", "interface", "nodeKind", "backend", "mtu",
        "prefix", "addresses", "routes", "timeoutMs", "logFile", "carrier", "mode", "socketDir",
        "podDir", "socketDirMode", "socketDirUid", "socketDirGid", "queuePairs"};

static bool in_list(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i], key) == 0)
			return true;
	}
	return false;
}

void cni_conf_unknown_keys(
        const struct cni_conf *conf, void (*warn)(const char *key, void *arg), void *arg)
{
	const char *key;
	json_t *value;

	json_object_foreach (conf->root, key, value) {
		// "cni.dev/attachments" and the like have an owner already
		if (!strchr(key, '/') &&
		        !in_list(key, cni_keys, sizeof(cni_keys) / sizeof(*cni_keys)) &&
		        !in_list(key, own_keys, sizeof(own_keys) / sizeof(*own_keys)))
			warn(key, arg);
	}
}

int cni_conf_string(
        const json_t *root, const char *key, const char **ret_text, struct cni_error *err)
{
	const json_t *json = json_object_get(root, key);

	if (!json || json_is_null(json)) {
		*ret_text = NULL;
		return 0;
	}
	if (!json_is_string(json))
		return cni_fail(err, CNI_E_CONFIG, NULL, "%s: expected text", key);
	*ret_text = json_string_length(json) ? json_string_value(json) : NULL;
	return 0;
}

int cni_conf_integer(
        const json_t *root, const char *key, int min, int max, int *value, struct cni_error *err)
{
	const json_t *json = json_object_get(root, key);
	json_int_t number = json_integer_value(json);

	if (!json || json_is_null(json))
		return 0;
	if (!json_is_integer(json) || number < min || number > max)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "%s: expected a whole number from %d to %d", key, min, max);
	*value = (int)number;
	return 0;
}

static int parse_version(struct cni_conf *conf, enum cni_verb verb, struct cni_error *err)
{
	const char *text = json_string_value(json_object_get(conf->root, "cniVersion"));
	enum cni_version since = verb == CNI_STATUS || verb == CNI_GC ? CNI_VERSION_1_1_0
	                         : verb == CNI_CHECK                  ? CNI_VERSION_0_4_0
	                                                              : CNI_VERSION_0_3_0;

	if (!text)
		text = CNI_VERSION_UNNAMED;
	if (cni_version_parse(text, &conf->version))
		return cni_fail(err, CNI_E_VERSION,
		        "supported are 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0",
		        "cniVersion '%.32s' is not supported", text);
	if (conf->version < since)
		return cni_fail(err, CNI_E_VERSION, NULL,
		        "cniVersion %s has no %s: it came with %s", text, cni_verb_name(verb),
		        cni_version_text(since));
	return 0;
}

// DEL and GC go on with a default for what is wrong in these.
static int parse_switch(struct cni_conf *conf, bool lenient, struct cni_error *err)
{
	int ret;

	conf->timeout_ms = CNI_TIMEOUT_MS_DEFAULT;
	ret = cni_conf_string(conf->root, "socket", &conf->socket, err);
	if (ret && !lenient)
		return ret;
	ret = cni_conf_string(conf->root, "logFile", &conf->log_file, err);
	if (ret && !lenient)
		return ret;
	ret = cni_conf_integer(conf->root, "timeoutMs", 1, 600000, &conf->timeout_ms, err);
	return lenient ? 0 : ret;
}

static int parse_ipam(struct cni_conf *conf, bool lenient, struct cni_error *err)
{
	const json_t *ipam = json_object_get(conf->root, "ipam");

	if (!ipam || json_is_null(ipam))
		return 0;
	if (!json_is_object(ipam) || cni_conf_string(ipam, "type", &conf->ipam, err))
		return lenient ? 0
		               : cni_fail(err, CNI_E_CONFIG, NULL,
		                         "ipam: expected {\"type\": \"...\"}");
	if (conf->ipam && (strchr(conf->ipam, '/') || conf->ipam[0] == '.')) {
		cni_fail(err, CNI_E_CONFIG, conf->ipam,
		        "ipam.type: expected the name of a plugin in CNI_PATH, not a path");
		conf->ipam = NULL;
		return lenient ? 0 : err->code;
	}
	return 0; // an ipam without type is none, as in the plugins of the reference
}

static int parse_valid(struct cni_conf *conf, struct cni_error *err)
{
	conf->valid = json_object_get(conf->root, "cni.dev/valid-attachments");
	// a missing list is not an empty one: that would remove every pod's interface
	if (!json_is_array(conf->valid))
		return cni_fail(
		        err, CNI_E_CONFIG, NULL, "cni.dev/valid-attachments: expected a list");
	for (size_t i = 0; i < json_array_size(conf->valid); i++) {
		const json_t *item = json_array_get(conf->valid, i);

		if (!json_is_string(json_object_get(item, "containerID")) ||
		        !json_is_string(json_object_get(item, "ifname")))
			return cni_fail(err, CNI_E_CONFIG, NULL,
			        "cni.dev/valid-attachments[%zu]: expected containerID and ifname",
			        i);
	}
	return 0;
}

static int parse_prev_result(struct cni_conf *conf, enum cni_verb verb, struct cni_error *err)
{
	const json_t *prev = json_object_get(conf->root, "prevResult");

	if (json_is_object(prev))
		conf->prev_result = prev;
	else if (prev && !json_is_null(prev) && (verb == CNI_ADD || verb == CNI_CHECK))
		return cni_fail(err, CNI_E_DECODE, NULL, "prevResult: expected an object");
	if (verb == CNI_CHECK && !conf->prev_result)
		return cni_fail(err, CNI_E_CONFIG, NULL, "CHECK needs prevResult");
	return 0;
}

static int parse_root(struct cni_conf *conf, const char *text, size_t len, struct cni_error *err)
{
	struct fault fault = {0};

	conf->root = jsonrpc_parse(text, len, &fault);
	if (!conf->root)
		return cni_fail(err, CNI_E_DECODE, fault.message,
		        "the network configuration on standard input is not JSON");
	if (!json_is_object(conf->root))
		return cni_fail(
		        err, CNI_E_DECODE, NULL, "the network configuration is not a JSON object");
	return 0;
}

int cni_conf_parse(struct cni_conf *conf, const char *text, size_t len, enum cni_verb verb,
        const struct cni_env *env, struct cni_error *err)
{
	bool lenient = verb == CNI_DEL || verb == CNI_GC;
	int ret;

	*conf = (struct cni_conf){.version = CNI_VERSION_NEWEST};
	ret = parse_root(conf, text, len, err);
	if (!ret)
		ret = parse_version(conf, verb, err);
	if (ret)
		return ret;
	conf->name = json_string_value(json_object_get(conf->root, "name"));
	if (!conf->name)
		return cni_fail(err, CNI_E_CONFIG, NULL, "name: the network needs a name");
	if (!cni_id_is_valid(conf->name))
		return cni_fail(err, CNI_E_CONFIG, conf->name,
		        "name: may hold letters, digits, '_', '.' and '-' only");
	ret = parse_switch(conf, lenient, err);
	if (!ret)
		ret = parse_ipam(conf, lenient, err);
	if (!ret)
		ret = parse_prev_result(conf, verb, err);
	if (!ret)
		ret = cni_conf_parse_backend(conf, verb, env, lenient, err);
	if (!ret && verb == CNI_GC)
		ret = parse_valid(conf, err);
	if (!ret && (verb == CNI_ADD || verb == CNI_STATUS))
		ret = cni_conf_parse_attach(conf, verb, env, err);
	return ret;
}

void cni_conf_fini(struct cni_conf *conf)
{
	json_decref(conf->root);
	conf->root = NULL;
}

const char *cni_conf_version_text(const char *text, size_t len, char buf[16])
{
	json_t *root = jsonrpc_parse(text, len, NULL);
	const char *version = json_string_value(json_object_get(root, "cniVersion"));
	size_t n = version ? strspn(version, "0123456789.") : 0;

	if (n > 0 && n < 16 && !version[n])
		snprintf(buf, 16, "%s", version);
	else
		snprintf(buf, 16, "%s", cni_version_text(CNI_VERSION_NEWEST));
	json_decref(root);
	return buf;
}
