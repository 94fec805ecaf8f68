/* SPDX-License-Identifier: BSD-3-Clause */
// The network configuration: the backend, and the socket of a vhost_user port.
#include "conf_vhost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_attach.h"
#include "template.h"

#define SOCKET_DIR_DEFAULT "/run/orrery/pods"
#define POD_DIR_SIZE 64

static int parse_bool(const json_t *root, const char *key, bool *value, struct cni_error *err)
{
	const json_t *json = json_object_get(root, key);

	if (!json || json_is_null(json))
		return 0;
	if (!json_is_boolean(json))
		return cni_fail(err, CNI_E_CONFIG, NULL, "%s: expected true or false", key);
	*value = json_is_true(json);
	return 0;
}

static int parse_mode(const json_t *root, struct cni_vhost *vhost, struct cni_error *err)
{
	const char *mode, *bits;
	unsigned long value;
	char *end;
	int ret = cni_conf_string(root, "mode", &mode, err);

	if (!ret)
		ret = cni_conf_string(root, "socketDirMode", &bits, err);
	if (ret)
		return ret;
	if (mode && strcmp(mode, "server") != 0 && strcmp(mode, "client") != 0)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "mode: '%.32s': expected server (the container makes the socket) or client",
		        mode);
	vhost->app_listens = !mode || strcmp(mode, "server") == 0;
	vhost->dir_mode = 0770;
	if (!bits)
		return 0;
	value = strtoul(bits, &end, 8);
	if (bits[0] < '0' || bits[0] > '7' || *end || value > 07777)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "socketDirMode: '%.32s': expected octal digits as 0770", bits);
	vhost->dir_mode = (unsigned)value;
	return 0;
}

// Short, whatever the container's id is: the whole path must fit a socket's address.
static void hash_name(char *buf, size_t size, const char *id)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 0x100000001b3ull;
	snprintf(buf, size, "%016" PRIx64, hash);
}

static int parse_path(struct cni_conf *conf, const struct cni_env *env, struct cni_error *err)
{
	const struct template_vars vars = {
	        env, conf->name, json_object_get(json_object_get(conf->root, "args"), "cni")};
	struct cni_vhost *vhost = &conf->vhost;
	const char *name;
	char pod_dir[POD_DIR_SIZE];
	int len, ret = cni_conf_string(conf->root, "podDir", &name, err);

	if (!ret && name)
		ret = template_expand("podDir", name, &vars, pod_dir, sizeof(pod_dir), err);
	if (ret)
		return ret;
	if (!name)
		hash_name(pod_dir, sizeof(pod_dir), env->containerid);
	if (!cni_id_is_valid(pod_dir))
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "podDir: '%s': may hold letters, digits, '_', '.' and '-' only", pod_dir);
	len = snprintf(
	        vhost->path, sizeof(vhost->path), "%s/%s/%s", vhost->dir, pod_dir, env->ifname);
	if (len < (int)sizeof(vhost->path))
		return 0;
	vhost->path[0] = '\0';
	return cni_fail(err, CNI_E_CONFIG, NULL,
	        "socketDir: '%.64s' makes socket paths of %d characters, at most %zu are possible",
	        vhost->dir, len, sizeof(vhost->path) - 1);
}

static int parse_dir(const json_t *root, struct cni_vhost *vhost, struct cni_error *err)
{
	int ret = cni_conf_string(root, "socketDir", &vhost->dir, err);

	if (ret)
		return ret;
	if (!vhost->dir)
		vhost->dir = SOCKET_DIR_DEFAULT;
	if (vhost->dir[0] == '/' && vhost->dir[strlen(vhost->dir) - 1] != '/')
		return 0;
	cni_fail(err, CNI_E_CONFIG, NULL,
	        "socketDir: '%.64s': expected an absolute path without '/' at its end", vhost->dir);
	vhost->dir = SOCKET_DIR_DEFAULT;
	return err->code;
}

static int parse_vhost(
        struct cni_conf *conf, enum cni_verb verb, const struct cni_env *env, struct cni_error *err)
{
	struct cni_vhost *vhost = &conf->vhost;
	int ret = parse_dir(conf->root, vhost, err);

	vhost->uid = vhost->gid = -1;
	if (!ret)
		ret = parse_mode(conf->root, vhost, err);
	if (!ret)
		ret = cni_conf_integer(conf->root, "socketDirUid", 0, INT32_MAX, &vhost->uid, err);
	if (!ret)
		ret = cni_conf_integer(conf->root, "socketDirGid", 0, INT32_MAX, &vhost->gid, err);
	if (!ret)
		ret = cni_conf_integer(conf->root, "queuePairs", 1, 8, &vhost->queue_pairs, err);
	if (!ret && verb != CNI_GC && verb != CNI_STATUS)
		ret = parse_path(conf, env, err);
	return ret;
}

int cni_conf_parse_backend(struct cni_conf *conf, enum cni_verb verb, const struct cni_env *env,
        bool lenient, struct cni_error *err)
{
	const json_t *runtime = json_object_get(conf->root, "runtimeConfig");
	const char *backend = NULL;
	int ret = cni_conf_string(conf->root, "backend", &backend, err);

	conf->vhost.dir = SOCKET_DIR_DEFAULT;
	conf->is_vhost = backend && strcmp(backend, "vhost_user") == 0;
	if (!ret && backend && !conf->is_vhost && strcmp(backend, "af_xdp") != 0)
		ret = cni_fail(err, CNI_E_CONFIG, NULL,
		        "backend: '%.32s': expected af_xdp or vhost_user", backend);
	if (!ret)
		ret = parse_bool(conf->root, "carrier", &conf->carrier, err);
	if (!ret && conf->is_vhost)
		ret = cni_conf_string(runtime, "CNIDeviceInfoFile", &conf->device_info, err);
	if (!ret && conf->device_info && conf->device_info[0] != '/') {
		conf->device_info = NULL;
		ret = cni_fail(err, CNI_E_CONFIG, NULL,
		        "runtimeConfig.CNIDeviceInfoFile: expected an absolute path");
	}
	if (!ret && conf->is_vhost)
		ret = parse_vhost(conf, verb, env, err);
	if (!ret && conf->is_vhost && conf->carrier && !conf->vhost.app_listens)
		ret = cni_fail(err, CNI_E_CONFIG, NULL,
		        "carrier: a container in mode client cannot be shown that a link is down");
	if (!lenient)
		return ret;
	*err = (struct cni_error){0};
	return 0;
}
