/* SPDX-License-Identifier: BSD-3-Clause */
// STATUS: would an ADD be served now?
#include <errno.h>

#include "client.h"
#include "switch.h"
#include "verbs.h"

#define PORT_FILES 5 // of a running vhost_user port: sockets, kick and calls

static int ask(struct client *client, const char *method, json_t *params, json_t **ret_result,
        struct cni_error *err)
{
	struct fault fault = {0};

	if (!client_call(client, method, params, NULL, 0, ret_result, &fault))
		return 0;
	// the control thread is busy or refuses us, but frames may well pass
	return cni_fail(
	        err, CNI_E_UNAVAILABLE, fault.message, "the switch does not answer as it should");
}

static int check_ports(struct client *client, struct cni_error *err)
{
	json_int_t ports, max;
	json_t *config, *list;
	int ret = ask(client, "config.show", NULL, &config, err);

	if (ret)
		return ret;
	max = json_integer_value(json_object_get(json_object_get(config, "limits"), "max_ports"));
	json_decref(config);
	ret = ask(client, "port.list", json_pack("{s:i}", "limit", 1), &list, err);
	if (ret)
		return ret;
	ports = json_integer_value(json_object_get(list, "total"));
	json_decref(list);
	if (max > 0 && ports >= max)
		return cni_fail(err, CNI_E_UNAVAILABLE, NULL,
		        "the switch has %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		        " ports: no more can be attached",
		        ports, max);
	return 0;
}

// Each port of a container that connects by itself needs two, of others one, and some when it runs.
static int check_files(struct client *client, struct cni_error *err)
{
	json_int_t used, max;
	json_t *stats, *counters;
	int ret = ask(client, "stats.get", NULL, &stats, err);

	if (ret)
		return ret;
	counters = json_object_get(json_object_get(stats, "drivers"), "vhost_user");
	used = json_integer_value(json_object_get(counters, "open_files"));
	max = json_integer_value(json_object_get(counters, "open_files_max"));
	if (!counters)
		cni_fail(err, CNI_E_UNAVAILABLE, NULL,
		        "the switch has no driver vhost_user: name it in `drivers`");
	else if (max > 0 && used + PORT_FILES > max)
		cni_fail(err, CNI_E_UNAVAILABLE, NULL,
		        "the switch has %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		        " files of vhost_user ports open: raise LimitNOFILE",
		        used, max);
	json_decref(stats);
	return err->code;
}

int verb_status(struct cni_call *call, struct cni_error *err)
{
	const struct cni_conf *conf = &call->conf;
	struct client *client;
	bool down = false;
	int ret = switch_connect(conf->socket, conf->timeout_ms, &client, &down, err);

	// no switch, no frames: pods that are attached have no network
	if (ret)
		return err->code = down ? CNI_E_DEGRADED : CNI_E_UNAVAILABLE;
	ret = check_ports(client, err);
	if (!ret && conf->is_vhost)
		ret = check_files(client, err);
	client_close(client);
	return ret ? ret : call_ipam(call, CNI_STATUS, NULL, err);
}
