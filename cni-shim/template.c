/* SPDX-License-Identifier: BSD-3-Clause */
// Expansion of name templates.
#include "template.h"

#include <string.h>

#include "units.h"

struct span {
	const char *text;
	size_t len;
};

static bool span_is(struct span span, const char *text)
{
	return strlen(text) == span.len && memcmp(text, span.text, span.len) == 0;
}

// {NULL, 0} when there is no such variable, or it is empty.
static struct span lookup(const struct template_vars *vars, struct span name)
{
	const char *own = span_is(name, "CONTAINERID") ? vars->env->containerid
	                  : span_is(name, "IFNAME")    ? vars->env->ifname
	                  : span_is(name, "NETWORK")   ? vars->network
	                                               : NULL;
	struct span value = {own, own ? strlen(own) : 0};

	if (!own && name.len > 5 && memcmp(name.text, "args.", 5) == 0) {
		json_t *json = json_object_getn(vars->args, name.text + 5, name.len - 5);

		return (struct span){json_string_value(json), json_string_length(json)};
	}
	if (!own)
		value.text = cni_args_find(vars->env->args, name.text, name.len, &value.len);
	return value;
}

// Reads "NAME" or "NAME:N" of a reference and finds its value. Returns 0 or CNI_E_CONFIG.
static int expand_one(const char *field, struct span ref, const struct template_vars *vars,
        struct span *ret_value, struct cni_error *err)
{
	const char *colon = memchr(ref.text, ':', ref.len);
	struct span name = {ref.text, colon ? (size_t)(colon - ref.text) : ref.len};
	struct span value = lookup(vars, name);
	uint64_t max = UINT64_MAX;

	if (colon) {
		char digits[8] = "";
		size_t n = ref.len - name.len - 1;

		if (n < sizeof(digits))
			memcpy(digits, colon + 1, n);
		if (units_parse_u64(digits, 1, 9999, &max))
			return cni_fail(err, CNI_E_CONFIG, NULL,
			        "%s: '%%{%.*s}': expected a number of characters after ':'", field,
			        (int)(ref.len < 64 ? ref.len : 64), ref.text);
	}
	if (!value.len)
		return cni_fail(err, CNI_E_CONFIG, NULL,
		        "%s: nothing in CNI_ARGS or the configuration gives '%%{%.*s}' a value",
		        field, (int)(name.len < 64 ? name.len : 64), name.text);
	if (value.len > max)
		value.len = (size_t)max;
	*ret_value = value;
	return 0;
}

int template_expand(const char *field, const char *text, const struct template_vars *vars,
        char *buf, size_t size, struct cni_error *err)
{
	size_t len = 0;

	while (*text) {
		struct span part = {text, strcspn(text, "%")};

		if (!part.len) {
			size_t close = strcspn(text, "}");

			if (text[1] != '{' || !text[close])
				return cni_fail(err, CNI_E_CONFIG, NULL,
				        "%s: expected %%{NAME} at '%.32s'", field, text);
			part = (struct span){text + 2, close - 2};
			text += close + 1;
			if (expand_one(field, part, vars, &part, err))
				return err->code;
		} else {
			text += part.len;
		}
		if (part.len >= size - len)
			return cni_fail(err, CNI_E_CONFIG, NULL,
			        "%s: the name would be longer than %zu characters: '%.64s...'",
			        field, size - 1, len ? buf : part.text);
		memcpy(buf + len, part.text, part.len);
		len += part.len;
		buf[len] = '\0';
	}
	buf[len] = '\0';
	return 0;
}
