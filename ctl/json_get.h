/* SPDX-License-Identifier: BSD-3-Clause */
// Fields of an answer, with a value for what is missing: an older switch may not have a field.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

static inline const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static inline int64_t get_int(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	// a counter may come as a real from another implementation
	return json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
}

static inline double get_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static inline bool get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

// Sum of the numbers in the member object `key`.
static inline int64_t get_sum(const json_t *object, const char *key)
{
	json_t *numbers = json_object_get(object, key), *number;
	const char *name;
	int64_t sum = 0;

	json_object_foreach (numbers, name, number)
		sum += json_integer_value(number);
	return sum;
}
