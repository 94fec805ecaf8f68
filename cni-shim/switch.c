/* SPDX-License-Identifier: BSD-3-Clause */
// Calls of the control socket, and their errors as CNI codes.
#include "switch.h"

#include <errno.h>

int switch_fail(const struct fault *fault, const char *what, struct cni_error *err)
{
	static const struct {
		int err;
		int code;
	} codes[] = {
	        {-ETIMEDOUT, CNI_E_TRY_LATER},
	        {-ECONNRESET, CNI_E_TRY_LATER},
	        {-ECONNREFUSED, CNI_E_TRY_LATER},
	        {-EEXIST, CNI_E_PORT_TAKEN},
	        {-EBUSY, CNI_E_PORT_TAKEN},
	        {-ENOSPC, CNI_E_LIMIT},
	        {-EPERM, CNI_E_DENIED},
	        {-EACCES, CNI_E_DENIED},
	        {-EINVAL, CNI_E_CONFIG},
	        {-ENOMEM, CNI_E_INTERNAL},
	};
	int code = CNI_E_SWITCH;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].err == fault->code)
			code = codes[i].code;
	}
	return cni_fail(err, code, fault->message, "%s", what);
}

int switch_connect(const char *socket, int timeout_ms, struct client **ret_client, bool *ret_down,
        struct cni_error *err)
{
	struct fault fault = {0};
	bool down;

	if (!client_connect(socket, timeout_ms, ret_client, &fault))
		return 0;
	down = fault.code == -ENOENT || fault.code == -ECONNREFUSED;
	if (ret_down)
		*ret_down = down;
	switch_fail(&fault, "the switch cannot be reached", err);
	if (down) // it may be starting
		err->code = CNI_E_TRY_LATER;
	return err->code;
}

int switch_port_del(struct client *client, const char *owner, bool *ret_any, struct cni_error *err)
{
	struct fault fault = {0};
	json_t *result;

	if (client_call(client, "port.del", json_pack("{s:s}", "owner", owner), NULL, 0, &result,
	            &fault))
		return switch_fail(&fault, "the switch cannot remove the port", err);
	if (ret_any)
		*ret_any = json_integer_value(json_object_get(result, "deleted")) > 0;
	json_decref(result);
	return 0;
}

int switch_port_list(
        struct client *client, const char *prefix, json_t **ret_ports, struct cni_error *err)
{
	struct fault fault = {0};

	if (client_list(client, "port.list", json_pack("{s:s}", "owner_prefix", prefix), ret_ports,
	            &fault))
		return switch_fail(&fault, "the switch cannot list its ports", err);
	return 0;
}
