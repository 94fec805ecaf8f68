/* SPDX-License-Identifier: BSD-3-Clause */
// From a line to its answer: JSON-RPC 2.0 form, access, parameters, handler.
#include "methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "state.h"

const struct method *method_find(const char *name)
{
	for (const struct method *m = methods; m->name != NULL; m++) {
		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

int method_call(const struct method *method, const struct request *request, json_t **ret_result,
        struct fault *fault)
{
	int ret = params_check(method->params, request->params, "", fault);

	if (ret < 0)
		return ret;
	ret = method->handler(request, ret_result, fault);
	if (ret == 0 && *ret_result == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the answer");
	return ret;
}

static char *answer_text(const json_t *id, const char *key, json_t *value)
{
	json_t *answer;
	char *text = NULL;

	// o takes `value` even when it fails
	answer = json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id",
	        id != NULL ? (json_t *)(uintptr_t)id : json_null(), key, value);
	if (answer != NULL)
		text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(answer);
	return text;
}

char *methods_error_answer(const json_t *id, int code, const struct fault *fault)
{
	json_t *data = json_object();
	json_t *error;

	if (fault->field[0] != '\0')
		json_object_set_new(data, "field", json_string(fault->field));
	if (fault->code != 0 && strerrorname_np(-fault->code) != NULL)
		json_object_set_new(data, "errno", json_string(strerrorname_np(-fault->code)));
	error = json_pack("{s:i, s:s, s:o}", "code", code, "message",
	        fault->message[0] != '\0' ? fault->message : "failed", "data", data);
	return answer_text(id, "error", error);
}

static char *refuse(const json_t *id, int code, const char *field, const char *message)
{
	struct fault fault;

	(void)fault_set(&fault, 0, field, "%s", message);
	return methods_error_answer(id, code, &fault);
}

// The request's form: section 4 of the specification.
static const char *form_error(const json_t *message)
{
	const json_t *id = json_object_get(message, "id");
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	const json_t *params = json_object_get(message, "params");

	if (version == NULL || strcmp(version, "2.0") != 0)
		return "jsonrpc must be \"2.0\"";
	if (!json_is_string(json_object_get(message, "method")))
		return "method must be a string";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "id must be a string, a number or null";
	if (params != NULL && !json_is_object(params))
		return "params must be an object";
	return NULL;
}

static char *answer_call(
        struct control *c, const json_t *message, const int *fds, size_t n_fds, bool may_write)
{
	const json_t *id = json_object_get(message, "id");
	const char *name = json_string_value(json_object_get(message, "method"));
	const struct method *method = method_find(name);
	const json_t *params = json_object_get(message, "params");
	json_t *none = NULL, *result = NULL;
	struct request request;
	struct fault fault = {0};
	char *text;
	int ret;

	if (method == NULL) {
		(void)fault_set(
		        &fault, 0, "method", "no method '%.60s'; api.methods lists them", name);
		return methods_error_answer(id, JSONRPC_METHOD_NOT_FOUND, &fault);
	}
	if (method->access == ACCESS_WRITE && !may_write) {
		(void)fault_set(&fault, -EPERM, NULL,
		        "%s changes the switch: only root, the switch's user and the socket's "
		        "group may",
		        method->name);
		return methods_error_answer(id, ORRERY_E_DENIED, &fault);
	}
	if (params == NULL)
		params = none = json_object();
	request = (struct request){.control = c, .params = params, .fds = fds, .n_fds = n_fds};
	ret = method_call(method, &request, &result, &fault);
	if (method->access == ACCESS_WRITE)
		state_flush(c->state);
	if (ret < 0) {
		fault.code = ret;
		text = methods_error_answer(id, jsonrpc_code_from_errno(ret), &fault);
	} else {
		text = answer_text(id, "result", result);
	}
	json_decref(none);
	return text;
}

char *methods_answer(struct control *c, const char *line, size_t len, const int *fds, size_t n_fds,
        bool may_write)
{
	struct fault fault = {0};
	json_t *message = jsonrpc_parse(line, len, &fault);
	const char *wrong;
	char *text;

	if (message == NULL) {
		fault.code = 0;
		return methods_error_answer(NULL, JSONRPC_PARSE_ERROR, &fault);
	}
	c->n_requests++;
	if (!json_is_object(message)) {
		text = refuse(NULL, JSONRPC_INVALID_REQUEST, NULL,
		        json_is_array(message) ? "no batches: send one message a line"
		                               : "a message is an object");
		json_decref(message);
		return text;
	}
	wrong = form_error(message);
	if (wrong != NULL) {
		const json_t *id = json_object_get(message, "id");

		text = refuse(json_is_string(id) || json_is_number(id) ? id : NULL,
		        JSONRPC_INVALID_REQUEST, NULL, wrong);
		json_decref(message);
		return text;
	}
	text = answer_call(c, message, fds, n_fds, may_write);
	if (json_object_get(message, "id") == NULL) { // a notification wants no answer
		free(text);
		text = NULL;
	}
	json_decref(message);
	return text;
}
