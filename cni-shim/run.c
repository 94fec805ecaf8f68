/* SPDX-License-Identifier: BSD-3-Clause */
// One call of the plugin.
#include "run.h"

#include <stdio.h>

#include "delegate.h"
#include "verbs.h"

int call_ipam(
        const struct cni_call *call, enum cni_verb verb, json_t **ret_result, struct cni_error *err)
{
	if (!call->conf.ipam)
		return 0;
	return delegate_run(
	        call->conf.ipam, verb, call->env->path, call->text, call->len, ret_result, err);
}

static void warn_unknown(const char *key, void *arg)
{
	struct cni_call *call = arg;

	cni_log(&call->log, LOG_LEVEL_WARNING,
	        "network '%s': key '%s' is not known and does nothing", call->conf.name, key);
}

static json_t *render_version(const char *text, size_t len)
{
	char version[16];

	return json_pack("{s:s, s:o}", "cniVersion", cni_conf_version_text(text, len, version),
	        "supportedVersions", cni_versions_render());
}

static int dispatch(struct cni_call *call, json_t **ret_answer, struct cni_error *err)
{
	switch (call->verb) {
	case CNI_ADD:
		return verb_add(call, ret_answer, err);
	case CNI_DEL:
		return verb_del(call, err);
	case CNI_CHECK:
		return verb_check(call, err);
	case CNI_STATUS:
		return verb_status(call, err);
	case CNI_GC:
		return verb_gc(call, err);
	case CNI_VERSION:
		break;
	}
	*ret_answer = render_version(call->text, call->len);
	return 0;
}

static void open_log(struct cni_call *call)
{
	const struct cni_conf *conf = &call->conf;
	const struct cni_env *env = call->env;

	snprintf(call->log.tag, sizeof(call->log.tag), "%s %.64s %.64s %.15s",
	        cni_verb_name(call->verb), conf->name ? conf->name : "-",
	        env->containerid[0] ? env->containerid : "-", env->ifname[0] ? env->ifname : "-");
	if (conf->log_file)
		cni_log_open(&call->log, conf->log_file);
	if (call->verb == CNI_ADD)
		cni_conf_unknown_keys(conf, warn_unknown, call);
}

static int run_call(struct cni_call *call, json_t **ret_answer, struct cni_error *err)
{
	int ret = cni_env_check(call->env, &call->verb, err);

	if (ret)
		return ret;
	if (call->verb == CNI_VERSION)
		return dispatch(call, ret_answer, err);
	if (call->len > CNI_INPUT_MAX)
		return cni_fail(err, CNI_E_IO, NULL,
		        "the network configuration is longer than %u bytes", CNI_INPUT_MAX);
	ret = cni_conf_parse(&call->conf, call->text, call->len, call->verb, call->env, err);
	open_log(call);
	if (!ret)
		ret = dispatch(call, ret_answer, err);
	if (ret && call->log.fd >= 0)
		cni_log(&call->log, LOG_LEVEL_INFO, "failed with code %d: %s: %s", ret, err->msg,
		        err->details);
	return ret;
}

int cni_run(const struct cni_env *env, const char *text, size_t len, json_t **ret_answer)
{
	struct cni_call call = {.env = env, .text = text, .len = len};
	struct cni_error err = {0};
	char version[16];
	int ret;

	cni_log_init(&call.log);
	*ret_answer = NULL;
	ret = run_call(&call, ret_answer, &err);
	if (ret)
		*ret_answer = cni_error_render(&err, cni_conf_version_text(text, len, version));
	cni_conf_fini(&call.conf);
	cni_log_fini(&call.log);
	return ret;
}
