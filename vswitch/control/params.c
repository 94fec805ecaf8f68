/* SPDX-License-Identifier: BSD-3-Clause */
// Checking a method's parameters against its table.
#include "params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "names.h"
#include "units.h"

static const char *const type_names[] = {
        [PARAM_STRING] = "string",
        [PARAM_BOOL] = "bool",
        [PARAM_INT] = "integer",
        [PARAM_NUMBER] = "number",
        [PARAM_CHOICE] = "string",
        [PARAM_NODE] = "node name",
        [PARAM_IFACE] = "interface name",
        [PARAM_REF] = "node/interface",
        [PARAM_REF_OR_NULL] = "node/interface or null",
        [PARAM_REF_OR_ID] = "node/interface or id",
        [PARAM_REF_ID_OR_NULL] = "node/interface, id or null",
        [PARAM_MAC] = "MAC address",
        [PARAM_ADDR6] = "IPv6 address",
        [PARAM_PREFIX6] = "IPv6 prefix",
        [PARAM_LIST] = "list",
        [PARAM_OBJECT] = "object",
};

const char *param_type_name(const struct param *param)
{
	return type_names[param->type];
}

static const char *json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a bool";
	default:
		return "null";
	}
}

static int wrong_type(
        const struct param *p, const json_t *value, const char *field, struct fault *fault)
{
	return fault_set(fault, -EINVAL, field, "expected %s, not %s", type_names[p->type],
	        json_type_name(value));
}

static int check_choice(
        const struct param *p, const char *text, const char *field, struct fault *fault)
{
	size_t len = strlen(text);
	const char *at = p->choices;

	while (len > 0 && at != NULL) {
		const char *end = strchr(at, '|');
		size_t n = end != NULL ? (size_t)(end - at) : strlen(at);

		if (n == len && memcmp(at, text, n) == 0)
			return 0;
		at = end != NULL ? end + 1 : NULL;
	}
	return fault_set(
	        fault, -EINVAL, field, "expected one of %s, not '%.40s'", p->choices, text);
}

static int check_string(
        const struct param *p, const json_t *value, const char *field, struct fault *fault)
{
	const char *text = json_string_value(value);
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	struct fib6_prefix prefix;
	struct fault why = {0};
	uint8_t bytes[16];
	int ret = 0;

	if (strlen(text) != json_string_length(value))
		return fault_set(fault, -EINVAL, field, "holds a zero byte");
	switch (p->type) {
	case PARAM_STRING:
		if (p->max > 0 && strlen(text) > (size_t)p->max)
			return fault_set(fault, -EINVAL, field, "%zu bytes, at most %.0f",
			        strlen(text), p->max);
		if (p->min > 0 && strlen(text) < (size_t)p->min)
			return fault_set(fault, -EINVAL, field, "must not be empty");
		return 0;
	case PARAM_CHOICE:
		return check_choice(p, text, field, fault);
	case PARAM_NODE:
		ret = node_name_check(text, &why);
		break;
	case PARAM_IFACE:
		ret = iface_name_check(text, &why);
		break;
	case PARAM_MAC:
		if (mac_parse(text, bytes) < 0)
			return fault_set(fault, -EINVAL, field,
			        "expected a MAC address such as 02:00:00:00:00:01, not '%.40s'",
			        text);
		return 0;
	case PARAM_ADDR6:
		if (addr6_parse(text, bytes) < 0)
			return fault_set(fault, -EINVAL, field,
			        "expected an IPv6 address such as fd00::1, not '%.60s'", text);
		return 0;
	case PARAM_PREFIX6:
		if (prefix6_parse(text, false, &prefix) < 0)
			return fault_set(fault, -EINVAL, field,
			        "expected an IPv6 prefix such as fd00::/64, not '%.60s'", text);
		return 0;
	default:
		ret = iface_ref_parse(text, node, iface, &why);
		break;
	}
	return ret == 0 ? 0 : fault_set(fault, ret, field, "%s", why.message);
}

// The unit that a name ends in, "" if it has none.
static const char *unit_of(const char *name)
{
	static const struct {
		const char *suffix, *unit;
	} units[] = {
	        {"_ns", " ns"},
	        {"_us", " us"},
	        {"_ns_s", " ns/s"},
	        {"_bps", " bit/s"},
	        {"_bytes", " bytes"},
	        {"_pkts", " frames"},
	        {"mtu", " bytes"},
	};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].suffix);

		if (n <= len && strcmp(name + len - n, units[i].suffix) == 0)
			return units[i].unit;
	}
	return "";
}

// " (4s)" behind 4000000000 ns; "" where it would not be exact or shorter.
static char *format_large(double value, const char *unit, char buf[UNITS_TEXT_SIZE + 4])
{
	double factor = strcmp(unit, " ns") == 0 ? 1 : strcmp(unit, " us") == 0 ? 1e3 : 0;
	char text[UNITS_TEXT_SIZE];
	int64_t ns;

	buf[0] = '\0';
	if (factor == 0 || value < 1e6 || value * factor > 9e18)
		return buf;
	units_format_duration(text, (int64_t)(value * factor));
	if (units_parse_duration_ns(text, &ns) == 0 && (double)ns == value * factor)
		snprintf(buf, UNITS_TEXT_SIZE + 4, " (%s)", text);
	return buf;
}

static int check_range(const struct param *p, double value, const char *field, struct fault *fault)
{
	char large[UNITS_TEXT_SIZE + 4];
	const char *unit = unit_of(p->name);

	// written so that not-a-number fails too
	if (!(value >= p->min && value <= p->max))
		return fault_set(fault, -EINVAL, field, "expected %.15g to %.15g%s%s, not %.15g",
		        p->min, p->max, unit, format_large(p->max, unit, large), value);
	if (p->step > 0 && value > 0 && value < p->step / 2)
		return fault_set(fault, -EINVAL, field,
		        "%.15g would be rounded to 0, the smallest is %.4g%% (1/%.0f)", value,
		        p->step * 100, 1 / p->step);
	return 0;
}

static int check_value(
        const struct param *p, const json_t *value, const char *field, struct fault *fault);

static int check_list(
        const struct param *p, const json_t *value, const char *field, struct fault *fault)
{
	struct param entry = *p;
	size_t n = json_array_size(value);

	if (n > (size_t)p->max)
		return fault_set(fault, -EINVAL, field, "%zu entries, at most %.0f", n, p->max);
	entry.type = p->of;
	entry.min = 0;
	entry.max = 0;
	for (size_t i = 0; i < n; i++) {
		char name[sizeof(fault->field)];
		int ret;

		snprintf(name, sizeof(name), "%s[%zu]", field, i);
		ret = check_value(&entry, json_array_get(value, i), name, fault);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int check_object(
        const struct param *p, const json_t *value, const char *field, struct fault *fault)
{
	char path[sizeof(fault->field)];

	snprintf(path, sizeof(path), "%.*s.", (int)sizeof(path) - 2, field);
	return params_check(p->fields, value, path, fault);
}

static bool type_fits(const struct param *p, const json_t *value)
{
	switch (p->type) {
	case PARAM_BOOL:
		return json_is_boolean(value);
	case PARAM_INT:
		return json_is_integer(value);
	case PARAM_NUMBER:
		return json_is_number(value);
	case PARAM_REF_OR_NULL:
		return json_is_null(value) || json_is_string(value);
	case PARAM_REF_OR_ID:
		return json_is_integer(value) || json_is_string(value);
	case PARAM_REF_ID_OR_NULL:
		return json_is_null(value) || json_is_integer(value) || json_is_string(value);
	case PARAM_LIST:
		return json_is_array(value);
	case PARAM_OBJECT:
		return json_is_object(value);
	default:
		return json_is_string(value);
	}
}

static int check_value(
        const struct param *p, const json_t *value, const char *field, struct fault *fault)
{
	if (!type_fits(p, value))
		return wrong_type(p, value, field, fault);
	if (json_is_string(value))
		return check_string(p, value, field, fault);
	if (p->type == PARAM_LIST)
		return check_list(p, value, field, fault);
	if (p->type == PARAM_OBJECT)
		return check_object(p, value, field, fault);
	if (p->type == PARAM_INT || p->type == PARAM_NUMBER)
		return check_range(p, json_number_value(value), field, fault);
	if (json_is_integer(value) &&
	        (json_integer_value(value) < 0 || json_integer_value(value) >= UINT32_MAX))
		return fault_set(fault, -EINVAL, field, "%lld is no interface id",
		        (long long)json_integer_value(value));
	return 0;
}

static const struct param *find(const struct param *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

int params_check(
        const struct param *table, const json_t *object, const char *path, struct fault *fault)
{
	// jansson's iterators take a pointer that is not const, and do not write
	json_t *fields = (json_t *)(uintptr_t)object;
	char field[sizeof(fault->field)];
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return fault_set(fault, -EINVAL, "params", "expected an object, not %s",
		        json_type_name(object));
	json_object_foreach (fields, name, value) {
		const struct param *p = find(table, name);
		int ret;

		snprintf(field, sizeof(field), "%s%s", path, name);
		if (p == NULL)
			return fault_set(fault, -EINVAL, field, "unknown field");
		// null is the same as absent, but for a far end
		if (json_is_null(value) && p->type != PARAM_REF_OR_NULL &&
		        p->type != PARAM_REF_ID_OR_NULL && !p->required)
			continue;
		ret = check_value(p, value, field, fault);
		if (ret < 0)
			return ret;
	}
	for (const struct param *p = table; p->name != NULL; p++) {
		if (p->required && json_object_get(object, p->name) == NULL) {
			snprintf(field, sizeof(field), "%s%s", path, p->name);
			return fault_set(fault, -EINVAL, field, "missing");
		}
	}
	return 0;
}

const char *param_string(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : fallback;
}

int64_t param_int(const json_t *object, const char *name, int64_t fallback)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double param_number(const json_t *object, const char *name, double fallback)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : fallback;
}

bool param_bool(const json_t *object, const char *name, bool fallback)
{
	const json_t *value = json_object_get(object, name);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool param_given(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value != NULL && !json_is_null(value);
}
