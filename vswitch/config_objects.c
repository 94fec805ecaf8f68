/* SPDX-License-Identifier: BSD-3-Clause */
// Static nodes, links, routes and ports: each entry becomes the method call that makes it, so that
// the file and the socket allow the same and check the same.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_parse.h"
#include "methods.h"
#include "units.h"

enum field_type {
	FIELD_TEXT,
	FIELD_BOOL,
	FIELD_INT,
	FIELD_NS, // "4.2ms"
	FIELD_US,
	FIELD_SLOPE, // "-21us": a second
	FIELD_RATE,
	FIELD_SIZE,
	FIELD_SHARE,
	FIELD_TEXTS,
	FIELD_GROUPS, // list of groups of texts
};

struct field {
	const char *key; // in the file; NULL ends a table
	const char *param; // of the method
	enum field_type type;
};

static const struct field node_fields[] = {
        {"name", "name", FIELD_TEXT},
        {"kind", "kind", FIELD_TEXT},
        {"address", "address", FIELD_TEXT},
        {"interfaces", "interfaces", FIELD_TEXTS},
        {.key = NULL},
};

static const struct field link_fields[] = {
        {"from", "from", FIELD_TEXT},
        {"to", "to", FIELD_TEXT},
        {"reverse", "reverse", FIELD_BOOL},
        {"up", "up", FIELD_BOOL},
        {"delay", "delay_ns", FIELD_NS},
        {"slope", "slope_ns_s", FIELD_SLOPE},
        {"jitter", "jitter_ns", FIELD_NS},
        {"jitter_corr", "jitter_corr", FIELD_SHARE},
        {"rate", "rate_bps", FIELD_RATE},
        {"queue", "queue_bytes", FIELD_SIZE},
        {"queue_pkts", "queue_pkts", FIELD_INT},
        {"loss", "loss", FIELD_SHARE},
        {"loss_bad", "loss_bad", FIELD_SHARE},
        {"good", "good_us", FIELD_US},
        {"bad", "bad_us", FIELD_US},
        {"duplicate", "duplicate", FIELD_SHARE},
        {"reorder", "reorder", FIELD_SHARE},
        {"allow_reorder", "allow_reorder", FIELD_BOOL},
        {"mtu", "mtu", FIELD_INT},
        {.key = NULL},
};

static const struct field route_fields[] = {
        {"prefix", "prefix", FIELD_TEXT},
        {"node", "node", FIELD_TEXT},
        {"interface", "interface", FIELD_TEXT},
        {"mac", "mac", FIELD_TEXT},
        {.key = NULL},
};

static const struct field port_fields[] = {
        {"interface", "interface", FIELD_TEXT},
        {"backend", "backend", FIELD_TEXT},
        {"node_kind", "node_kind", FIELD_TEXT},
        {"mtu", "mtu", FIELD_INT},
        {"mac", "mac", FIELD_TEXT},
        {"owner", "owner", FIELD_TEXT},
        {"netns", "netns", FIELD_TEXT},
        {"ifname", "ifname", FIELD_TEXT},
        {"addresses", "addresses", FIELD_TEXTS},
        {"routes", "routes", FIELD_GROUPS},
        {"devargs", "devargs", FIELD_TEXT},
        {"socket", "socket", FIELD_TEXT},
        {"socket_server", "socket_server", FIELD_BOOL},
        {"queue_pairs", "queue_pairs", FIELD_INT},
        {"carrier", "carrier", FIELD_BOOL},
        {.key = NULL},
};

// In the order in which they are made: what is named must be there.
static const struct kind {
	const char *list;
	const char *method;
	const struct field *fields;
} kinds[] = {
        {"nodes", "node.add", node_fields},
        {"ports", "port.add", port_fields},
        {"links", "link.set", link_fields},
        {"routes", "route.add", route_fields},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].list, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool config_is_objects(const char *name)
{
	return find_kind(name) != NULL;
}

static json_t *number_json(double value)
{
	return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
	                                                   : json_real(value);
}

// A text with units; NULL if it is not of the form.
static json_t *parse_units(enum field_type type, const char *text)
{
	int64_t ns;
	uint64_t number;
	double share;

	switch (type) {
	case FIELD_SLOPE:
		if (text[0] == '-')
			return units_parse_duration_ns(text + 1, &ns) == 0 ? json_integer(-ns)
			                                                   : NULL;
		return units_parse_duration_ns(text, &ns) == 0 ? json_integer(ns) : NULL;
	case FIELD_NS:
		return units_parse_duration_ns(text, &ns) == 0 ? json_integer(ns) : NULL;
	case FIELD_US:
		return units_parse_duration_ns(text, &ns) == 0 ? json_integer((ns + 500) / 1000)
		                                               : NULL;
	case FIELD_RATE:
		return units_parse_rate_bps(text, &number) == 0 ? json_integer((json_int_t)number)
		                                                : NULL;
	case FIELD_SIZE:
		return units_parse_size_bytes(text, &number) == 0 ? json_integer((json_int_t)number)
		                                                  : NULL;
	case FIELD_SHARE:
		return units_parse_probability(text, &share) == 0 ? json_real(share) : NULL;
	default:
		return NULL;
	}
}

static const char *expected(enum field_type type)
{
	static const char *const texts[] = {
	        [FIELD_TEXT] = "a string",
	        [FIELD_BOOL] = "true or false",
	        [FIELD_INT] = "an integer",
	        [FIELD_NS] = "a duration such as \"4.2ms\"",
	        [FIELD_US] = "a duration such as \"30s\"",
	        [FIELD_SLOPE] = "a duration a second such as \"-21us\"",
	        [FIELD_RATE] = "a rate such as \"10gbit\", or bit/s",
	        [FIELD_SIZE] = "a size such as \"64KiB\", or bytes",
	        [FIELD_SHARE] = "a share of 0% to 100% such as \"0.1%\" or 0.001",
	        [FIELD_TEXTS] = "a list of strings",
	        [FIELD_GROUPS] = "a list of groups",
	};

	return texts[type];
}

static json_t *texts_json(config_setting_t *setting)
{
	json_t *list = json_array();

	if (!config_setting_is_aggregate(setting) || config_setting_is_group(setting)) {
		json_decref(list);
		return NULL;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const char *text = config_setting_get_string_elem(setting, i);

		if (text == NULL || json_array_append_new(list, json_string(text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *group_json(config_setting_t *group)
{
	json_t *object;

	if (!config_setting_is_group(group))
		return NULL;
	object = json_object();
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
		const char *text = config_setting_get_string(member);

		if (text == NULL || json_object_set_new(object, config_setting_name(member),
		                            json_string(text)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *groups_json(config_setting_t *setting)
{
	json_t *list;

	if (!config_setting_is_list(setting))
		return NULL;
	list = json_array();
	for (int i = 0; i < config_setting_length(setting); i++) {
		json_t *object = group_json(config_setting_get_elem(setting, (unsigned)i));

		if (object == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *field_json(config_setting_t *setting, enum field_type type)
{
	const char *text = config_setting_get_string(setting);
	int setting_type = config_setting_type(setting);
	long long number;

	if (type == FIELD_TEXTS)
		return texts_json(setting);
	if (type == FIELD_GROUPS)
		return groups_json(setting);
	if (type == FIELD_TEXT)
		return text != NULL ? json_string(text) : NULL;
	if (type == FIELD_BOOL)
		return setting_type == CONFIG_TYPE_BOOL
		               ? json_boolean(config_setting_get_bool(setting))
		               : NULL;
	if (text != NULL)
		return parse_units(type, text);
	// plain numbers, where there is only one unit they can have
	if (type == FIELD_SHARE && setting_type == CONFIG_TYPE_FLOAT)
		return number_json(config_setting_get_float(setting));
	if (type != FIELD_NS && type != FIELD_US && type != FIELD_SLOPE &&
	        config_get_integer(setting, &number) == 0)
		return json_integer(number);
	return NULL;
}

static const struct field *find_field(const struct field *fields, const char *key)
{
	for (; fields->key != NULL; fields++) {
		if (strcmp(fields->key, key) == 0)
			return fields;
	}
	return NULL;
}

// The file's key for a method's parameter, with what follows it: "interfaces[2]".
static void key_of_param(const struct field *fields, const char *param, char *buf, size_t size)
{
	size_t len = strcspn(param, "[.");

	for (; fields->key != NULL; fields++) {
		if (strlen(fields->param) == len && memcmp(fields->param, param, len) == 0) {
			snprintf(buf, size, "%s%s", fields->key, param + len);
			return;
		}
	}
	snprintf(buf, size, "%s", param);
}

static int read_fields(struct config_source *source, config_setting_t *group,
        const struct kind *kind, json_t *params)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const struct field *field = find_field(kind->fields, config_setting_name(setting));
		json_t *value;

		if (field == NULL)
			return config_refuse(source, setting, NULL, "unknown key");
		value = field_json(setting, field->type);
		if (value == NULL)
			return config_refuse(
			        source, setting, NULL, "expected %s", expected(field->type));
		json_object_set_new(params, field->param, value);
	}
	return 0;
}

static int add_call(struct config_source *source, const config_setting_t *group,
        const struct kind *kind, json_t *params)
{
	struct config *config = source->config;
	struct control_call *calls =
	        realloc(config->calls, (config->n_calls + 1) * sizeof(config->calls[0]));
	struct control_call *call;

	if (calls == NULL)
		return fault_set(source->fault, -ENOMEM, NULL, "no memory for the configuration");
	config->calls = calls;
	call = &calls[config->n_calls++];
	call->method = kind->method;
	call->params = json_incref(params);
	snprintf(call->where, sizeof(call->where), "%s:%u: %s[%d]", source->name,
	        config_setting_source_line(group), kind->list, config_setting_index(group));
	return 0;
}

static int read_object(
        struct config_source *source, config_setting_t *group, const struct kind *kind)
{
	json_t *params = json_object();
	struct fault why = {0};
	char key[64];
	int ret;

	ret = read_fields(source, group, kind, params);
	if (ret == 0 && params_check(method_find(kind->method)->params, params, "", &why) < 0) {
		key_of_param(kind->fields, why.field, key, sizeof(key));
		ret = config_refuse(source, group, key, "%s", why.message);
	}
	if (ret == 0)
		ret = add_call(source, group, kind, params);
	json_decref(params);
	return ret;
}

static size_t rank(const struct control_call *call)
{
	size_t i = 0;

	while (strcmp(kinds[i].method, call->method) != 0)
		i++;
	return i;
}

// Keeps the calls in the order of kinds[], whatever the order of the file; stable within a kind.
static void sort_calls(struct config *config, size_t n_new)
{
	for (size_t i = config->n_calls - n_new; i < config->n_calls; i++) {
		struct control_call call = config->calls[i];
		size_t at = i;

		while (at > 0 && rank(&config->calls[at - 1]) > rank(&call)) {
			config->calls[at] = config->calls[at - 1];
			at--;
		}
		config->calls[at] = call;
	}
}

int config_read_objects(struct config_source *source, config_setting_t *setting)
{
	const struct kind *kind = find_kind(config_setting_name(setting));
	size_t before = source->config->n_calls;
	int n = config_setting_length(setting);

	if (!config_setting_is_list(setting))
		return config_refuse(source, setting, NULL,
		        "expected a list ( { ... }, ... ), not %s", config_type_name(setting));
	for (int i = 0; i < n; i++) {
		config_setting_t *group = config_setting_get_elem(setting, (unsigned)i);
		int ret;

		if (!config_setting_is_group(group))
			return config_refuse(source, group, NULL,
			        "expected a group { ... }, not %s", config_type_name(group));
		ret = read_object(source, group, kind);
		if (ret < 0)
			return ret;
	}
	sort_calls(source->config, source->config->n_calls - before);
	return 0;
}
