/* SPDX-License-Identifier: BSD-3-Clause */
// Error object of the plugin.
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int cni_fail(struct cni_error *err, int code, const char *details, const char *fmt, ...)
{
	va_list ap;

	// `details` may be err->msg or err->details themselves: it is copied through a buffer
	char copy[sizeof(err->details)];

	snprintf(copy, sizeof(copy), "%s", details ? details : "");
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	snprintf(err->details, sizeof(err->details), "%s", copy);
	return code;
}

// Text can hold bytes of the environment, or be cut within a character.
static json_t *text_to_json(const char *text)
{
	json_t *json = json_string(text);
	char ascii[512];
	size_t i;

	if (json)
		return json;
	for (i = 0; text[i] && i < sizeof(ascii) - 1; i++)
		ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	ascii[i] = '\0';
	return json_string(ascii);
}

json_t *cni_error_render(const struct cni_error *err, const char *cni_version)
{
	json_t *json = json_pack("{s:s, s:i}", "cniVersion", cni_version, "code", err->code);

	if (!json)
		return NULL;
	json_object_set_new(json, "msg", text_to_json(err->msg));
	if (err->details[0])
		json_object_set_new(json, "details", text_to_json(err->details));
	return json;
}
