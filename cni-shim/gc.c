/* SPDX-License-Identifier: BSD-3-Clause */
// GC: removes the network's ports that no valid attachment has. The runtime holds back ADD and DEL.
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "owner.h"
#include "pod_dir.h"
#include "switch.h"
#include "verbs.h"

// The owners that stay, as the keys of an object: ten thousand of them are looked up for each
// other.
static json_t *valid_owners(const struct cni_conf *conf)
{
	json_t *owners = json_object();
	const json_t *item;
	size_t i;

	json_array_foreach (conf->valid, i, item) {
		struct cni_env env = {
		        .containerid = json_string_value(json_object_get(item, "containerID")),
		        .ifname = json_string_value(json_object_get(item, "ifname")),
		};
		char owner[CNI_OWNER_SIZE];

		if (strlen(env.ifname) > CNI_IFNAME_MAX) // ADD did not take it either
			continue;
		cni_owner(conf, &env, owner);
		json_object_set_new(owners, owner, json_true());
	}
	return owners;
}

static void delete_stale(struct cni_call *call, struct client *client, const json_t *ports,
        const json_t *valid, struct cni_error *err)
{
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *port = json_array_get(ports, i);
		const char *owner = json_string_value(json_object_get(port, "owner"));
		struct cni_error one = {0};

		if (!owner || json_object_get(valid, owner))
			continue;
		if (switch_port_del(client, owner, NULL, &one)) {
			cni_log(&call->log, LOG_LEVEL_WARNING, "%s: %s: %s", owner, one.msg,
			        one.details);
			*err = one; // go on with the rest
		} else {
			const char *path = json_string_value(
			        json_object_get(json_object_get(port, "details"), "socket"));

			if (path)
				pod_dir_clean(call->conf.vhost.dir, path);
			cni_log(&call->log, LOG_LEVEL_INFO, "removed %s", owner);
		}
	}
}

static int collect(struct cni_call *call, struct cni_error *err)
{
	const struct cni_conf *conf = &call->conf;
	char prefix[CNI_OWNER_SIZE];
	json_t *ports, *valid;
	struct client *client;
	int ret;

	cni_owner_prefix(conf, prefix);
	ret = switch_connect(conf->socket, conf->timeout_ms, &client, NULL, err);
	if (ret)
		return ret;
	ret = switch_port_list(client, prefix, &ports, err);
	if (!ret) {
		valid = valid_owners(conf);
		delete_stale(call, client, ports, valid, err);
		ret = err->code;
		json_decref(valid);
		json_decref(ports);
	}
	client_close(client);
	return ret;
}

int verb_gc(struct cni_call *call, struct cni_error *err)
{
	struct cni_error second = {0};
	int ret = collect(call, err);

	if (call_ipam(call, CNI_GC, NULL, &second) && !ret) {
		*err = second;
		ret = second.code;
	}
	return ret;
}
