/* SPDX-License-Identifier: BSD-3-Clause */
// version, api.methods, log.level, config.show, shutdown
#include <errno.h>
#include <event2/event.h>
#include <rte_version.h>
#include <unistd.h>

#include "handlers.h"
#include "log.h"

int handle_version(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	json_t *object = json_object();

	put_str(object, "version", ORRERY_VERSION);
	put_u64(object, "api", 1);
	put_str(object, "instance", c->config.instance);
	put_u64(object, "pid", (uint64_t)getpid());
	put_str(object, "dpdk", rte_version());
	put(object, "uptime_s", json_real(control_uptime_s(c)));
	put_u64(object, "workers", datapath_n_workers(c->dp));
	put_str(object, "memory", c->config.memory);
	put_str(object, "socket", c->config.socket_path != NULL ? c->config.socket_path : "");
	*ret_result = object;
	return 0;
}

int handle_api_methods(const struct request *request, json_t **ret_result, struct fault *fault)
{
	*ret_result = json_pack("{s:o}", "items", methods_describe());
	return 0;
}

int handle_log_level(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const char *text = param_string(request->params, "level", NULL);
	enum log_level level;

	if (text != NULL) {
		if (log_level_parse(text, &level) < 0)
			return fault_set(fault, -EINVAL, "level", "not a level");
		log_set_level(level);
	}
	*ret_result = json_pack("{s:s}", "level", log_level_name(log_level()));
	return 0;
}

int handle_config_show(const struct request *request, json_t **ret_result, struct fault *fault)
{
	json_t *shown = request->control->config.shown;

	*ret_result = shown != NULL ? json_incref(shown) : json_object();
	return 0;
}

int handle_shutdown(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;

	c->keep = param_bool(request->params, "keep", c->keep);
	c->stopping = true;
	log_notice("asked to stop%s", c->keep ? ", pods keep their interfaces" : "");
	// the loop ends after the answers of this turn are out
	if (c->base != NULL)
		(void)event_base_loopexit(c->base, NULL);
	*ret_result = json_object();
	return 0;
}
