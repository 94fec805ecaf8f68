/* SPDX-License-Identifier: BSD-3-Clause */
// JSON files of a source.
#include "json_text.h"

#include <errno.h>
#include <string.h>

#include "scan.h"

int json_text_read(
        const struct source *source, const char *name, json_t **ret_value, struct fault *fault)
{
	json_error_t error;
	struct text text;
	json_t *value;
	int err = source_read(source, name, &text, fault);

	if (err != 0)
		return err;
	value = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
	if (value == NULL)
		err = fault_set(
		        fault, -EINVAL, "", "%.100s:%d: %.160s", text.name, error.line, error.text);
	else if (!json_is_object(value))
		err = fault_set(
		        fault, -EINVAL, "", "%.100s:1: expected an object: { ... }", text.name);
	text_fini(&text);
	if (err != 0)
		json_decref(value);
	else
		*ret_value = value;
	return err;
}

int json_text_real(const json_t *value, double min, double max, double preset, double *ret)
{
	const char *text = json_string_value(value);

	*ret = preset;
	if (value == NULL)
		return 0;
	if (text != NULL)
		return span_real((struct span){text, strlen(text)}, min, max, ret);
	if (!json_is_number(value))
		return -EINVAL;
	*ret = json_number_value(value);
	return *ret >= min && *ret <= max ? 0 : -ERANGE;
}
