/* SPDX-License-Identifier: BSD-3-Clause */
// DEL: removes what ADD made, as far as it is still there. Repeating it is no error, neither is a
// switch that does not run: a port that so outlives its pod is removed by the switch when the
// namespace goes, or by GC.
#include <stddef.h>
#include <unistd.h>

#include "client.h"
#include "netns.h"
#include "owner.h"
#include "pod_dir.h"
#include "result.h"
#include "switch.h"
#include "verbs.h"

// Without a switch the pod's end is removed here, which removes both ends, provided that it is
// ours.
static void delete_link(struct cni_call *call)
{
	const struct cni_env *env = call->env;
	struct cni_error ignored = {0};
	const json_t *interface;
	const char *mac;
	size_t index;
	int fd;

	interface =
	        cni_result_find_interface(call->conf.prev_result, env->ifname, env->netns, &index);
	mac = json_string_value(json_object_get(interface, "mac"));
	if (!mac || !env->netns[0] || netns_open(env->netns, env->netns_override, &fd, &ignored))
		return;
	if (netns_delete_link(fd, env->ifname, mac))
		cni_log(&call->log, LOG_LEVEL_INFO, "deleted the interface without the switch");
	close(fd);
}

// What runtimes expect of a DEL that returns: the interface is not there any more.
static void wait_gone(const struct cni_env *env)
{
	struct cni_error ignored = {0};
	int fd;

	if (!env->netns[0] || netns_open(env->netns, env->netns_override, &fd, &ignored))
		return;
	netns_wait_gone(fd, env->ifname, NETNS_GONE_MS);
	close(fd);
}

static int delete_port(struct cni_call *call, struct cni_error *err)
{
	const struct cni_conf *conf = &call->conf;
	char owner[CNI_OWNER_SIZE];
	struct client *client;
	bool down = false, any = false;
	int ret;

	cni_owner(conf, call->env, owner);
	ret = switch_connect(conf->socket, conf->timeout_ms, &client, &down, err);
	if (ret && !down)
		return ret;
	if (ret) {
		cni_log(&call->log, LOG_LEVEL_WARNING, "%s", err->details);
		delete_link(call);
		*err = (struct cni_error){0};
		return 0;
	}
	ret = switch_port_del(client, owner, &any, err);
	client_close(client);
	if (any && !conf->is_vhost)
		wait_gone(call->env);
	return ret;
}

int verb_del(struct cni_call *call, struct cni_error *err)
{
	struct cni_error second = {0};
	const struct cni_conf *conf = &call->conf;
	int ret = delete_port(call, err);

	if (conf->device_info)
		(void)unlink(conf->device_info);
	if (conf->is_vhost)
		pod_dir_clean(conf->vhost.dir, conf->vhost.path);
	// addresses are given back last, and also when the port could not be removed
	if (call_ipam(call, CNI_DEL, NULL, &second) && !ret) {
		*err = second;
		ret = second.code;
	}
	return ret;
}
