/* SPDX-License-Identifier: BSD-3-Clause */
// Reads a scenario from libconfig text by the tables of scenario_keys.h. The first thing wrong ends
// it, with file, line and key.
#include <arpa/inet.h>
#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_text.h"
#include "scenario.h"
#include "scenario_check.h"
#include "scenario_keys.h"
#include "scenario_tle.h"
#include "simtime.h"
#include "text_file.h"
#include "units.h"

#define KEY_PATH_SIZE 64

struct reader {
	const char *name; // of the file, when the setting does not know it
	struct fault *fault;
};

static const char *path_join(char buf[KEY_PATH_SIZE], const char *path, const char *name)
{
	snprintf(buf, KEY_PATH_SIZE, "%s%s%s", path, *path != '\0' ? "." : "", name);
	return buf;
}

__attribute__((format(printf, 4, 5))) static int wrong(const struct reader *reader,
        const config_setting_t *setting, const char *path, const char *fmt, ...)
{
	const char *file = setting != NULL ? config_setting_source_file(setting) : NULL;
	unsigned line = setting != NULL ? config_setting_source_line(setting) : 0;
	char where[16] = ""; // the file as a whole has no line
	char text[160];
	va_list ap;

	if (line != 0)
		snprintf(where, sizeof(where), ":%u", line);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(reader->fault, -EINVAL, path, "%.80s%s: key '%.63s': %s",
	        file != NULL ? file : reader->name, where, path, text);
}

static int parse_name(const char *text, size_t size, void *field)
{
	size_t len = strlen(text);

	if (len == 0 || len >= size)
		return -ERANGE;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter =
		        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && (i == 0 || strchr("-_.", c) == NULL))
			return -EINVAL;
	}
	memcpy(field, text, len + 1);
	return 0;
}

static int parse_path(const char *text, size_t size, void *field)
{
	size_t len = strlen(text);

	if (len == 0 || len >= size)
		return -ERANGE;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ')
			return -EINVAL;
	}
	memcpy(field, text, len + 1);
	return 0;
}

static int parse_choice(const char *text, const char *const *choices, int *ret_index)
{
	for (int i = 0; choices[i] != NULL; i++) {
		if (strcmp(text, choices[i]) != 0)
			continue;
		*ret_index = i;
		return 0;
	}
	return -EINVAL;
}

// "fd00:66::/48"; bits past the length must be zero.
static int parse_prefix(
        const char *text, const struct key *key, uint8_t prefix[16], int64_t *ret_len)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	struct in6_addr parsed;
	uint64_t len;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (inet_pton(AF_INET6, address, &parsed) != 1)
		return -EINVAL;
	if (units_parse_u64(slash + 1, (uint64_t)key->min, (uint64_t)key->max, &len) != 0)
		return -ERANGE;
	for (uint64_t bit = len; bit < 128; bit++) {
		if ((parsed.s6_addr[bit / 8] & (0x80 >> bit % 8)) != 0)
			return -EINVAL;
	}
	memcpy(prefix, &parsed, 16);
	*ret_len = (int64_t)len;
	return 0;
}

static int parse_span(const char *text, const struct key *key, int64_t *ret_ns)
{
	int64_t ns;
	int err = units_parse_duration_ns(text, &ns);

	if (err != 0)
		return err;
	if ((double)ns < key->min * 1e9 || (double)ns > key->max * 1e9)
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}

static int parse_unsigned(int (*parse)(const char *, uint64_t *), const char *text,
        const struct key *key, uint64_t *ret_value)
{
	uint64_t value;
	int err = parse(text, &value);

	if (err != 0)
		return err;
	if ((double)value > key->max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

// Everything that is text in a file. `base` is the struct that holds the field.
static int parse_text(const char *text, const struct key *key, char *base)
{
	void *field = base + key->offset;

	switch (key->type) {
	case KEY_NAME:
		return parse_name(text, key->size, field);
	case KEY_CHOICE:
		return parse_choice(text, key->choices, field);
	case KEY_PATH:
		return parse_path(text, key->size, field);
	case KEY_TIME:
		return simtime_parse(text, field);
	case KEY_SPAN:
		return parse_span(text, key, field);
	case KEY_RATE:
		return parse_unsigned(units_parse_rate_bps, text, key, field);
	case KEY_SIZE:
		return parse_unsigned(units_parse_size_bytes, text, key, field);
	case KEY_PROBABILITY:
		return units_parse_probability(text, field);
	case KEY_PREFIX:
		return parse_prefix(text, key, field, (int64_t *)(void *)(base + key->size_offset));
	default:
		return -EINVAL;
	}
}

static const char *expected(const struct key *key, char buf[96])
{
	switch (key->type) {
	case KEY_NAME:
		snprintf(buf, 96, "a name of at most %zu letters, digits, '-', '_', '.'",
		        key->size - 1);
		break;
	case KEY_PATH:
		return "the path of a file";
	case KEY_INT:
		snprintf(buf, 96, "a whole number from %.0f to %.0f", key->min, key->max);
		break;
	case KEY_REAL:
		snprintf(buf, 96, "a number from %g to %g", key->min, key->max);
		break;
	case KEY_BOOL:
		return "true or false";
	case KEY_CHOICE:
		snprintf(buf, 96, "\"%s\"", key->choices[0]);
		for (int i = 1; key->choices[i] != NULL; i++)
			snprintf(
			        buf + strlen(buf), 96 - strlen(buf), " or \"%s\"", key->choices[i]);
		break;
	case KEY_TIME:
		return "UTC as \"2026-01-01T00:00:00Z\"";
	case KEY_SPAN:
		snprintf(buf, 96, "a duration like \"1s\", \"20us\" or \"24h\", %g to %g s",
		        key->min, key->max);
		break;
	case KEY_RATE:
		return "a rate like \"10gbit\" or \"unlimited\", at most 4.29 Tbit/s";
	case KEY_SIZE:
		return "a size like \"64k\" or \"2MiB\", below 4 GiB";
	case KEY_PROBABILITY:
		return "a share like \"0.1%\" or \"0.001\", 0 to 1";
	case KEY_PREFIX:
		snprintf(buf, 96,
		        "an IPv6 prefix like \"fd00:66::/48\", length %.0f to %.0f, rest zero",
		        key->min, key->max);
		break;
	case KEY_GROUP:
		return "a group { ... }";
	case KEY_LIST:
		return "a list ( { ... }, ... )";
	case KEY_END:
		break;
	}
	return buf;
}

// Booleans and numbers. Returns -EINVAL for another type, -ERANGE.
static int read_number(const config_setting_t *setting, const struct key *key, void *field)
{
	int type = config_setting_type(setting);
	double real;

	if (key->type == KEY_BOOL) {
		if (type != CONFIG_TYPE_BOOL)
			return -EINVAL;
		*(bool *)field = config_setting_get_bool(setting) != 0;
		return 0;
	}
	if (type == CONFIG_TYPE_FLOAT && key->type == KEY_REAL)
		real = config_setting_get_float(setting);
	else if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		real = (double)config_setting_get_int64(setting);
	else
		return -EINVAL;
	if (!(real >= key->min && real <= key->max))
		return -ERANGE;
	if (key->type == KEY_INT)
		*(int64_t *)field = (int64_t)real;
	else
		*(double *)field = real;
	return 0;
}

static int read_value(const struct reader *reader, const config_setting_t *setting,
        const struct key *key, const char *path, char *base)
{
	bool number = key->type == KEY_INT || key->type == KEY_REAL || key->type == KEY_BOOL;
	char text[96];
	int err;

	if (number)
		err = read_number(setting, key, base + key->offset);
	else if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		err = parse_text(config_setting_get_string(setting), key, base);
	else
		err = -EINVAL;
	if (err != 0)
		return wrong(reader, setting, path, "expected %s", expected(key, text));
	return 0;
}

static int read_group(const struct reader *reader, const config_setting_t *group,
        const struct key *keys, const char *path, char *base);
static void preset_all(const struct key *keys, char *base);

static int read_list(const struct reader *reader, const config_setting_t *list,
        const struct key *key, const char *path, char *base)
{
	int n = config_setting_length(list);
	char *elements;

	if (config_setting_type(list) != CONFIG_TYPE_LIST)
		return wrong(reader, list, path, "expected a list ( { ... }, ... )");
	if (n < key->min || n > key->max)
		return wrong(reader, list, path, "has %d elements, expected %.0f to %.0f", n,
		        key->min, key->max);
	if (n == 0)
		return 0;
	elements = calloc((size_t)n, key->size);
	if (elements == NULL)
		return -ENOMEM;
	*(void **)(void *)(base + key->offset) = elements; // scenario_free() frees it from now on
	*(size_t *)(void *)(base + key->size_offset) = (size_t)n;
	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
		int err;

		if (config_setting_type(element) != CONFIG_TYPE_GROUP)
			return wrong(reader, element, path, "expected a group { ... }");
		preset_all(key->keys, elements + (size_t)i * key->size);
		err = read_group(
		        reader, element, key->keys, path, elements + (size_t)i * key->size);
		if (err != 0)
			return err;
	}
	return 0;
}

// `setting` NULL: the file does not have it; defaults all the same.
static int read_key(const struct reader *reader, const config_setting_t *setting,
        const struct key *key, const char *path, char *base)
{
	if (key->type == KEY_GROUP) {
		if (key->inherits)
			memcpy(base + key->offset, base + key->from, key->size);
		else
			preset_all(key->keys, base + key->offset);
		if (setting != NULL && config_setting_type(setting) != CONFIG_TYPE_GROUP)
			return wrong(reader, setting, path, "expected a group { ... }");
		return read_group(reader, setting, key->keys, path, base + key->offset);
	}
	if (setting == NULL)
		return 0;
	if (key->type == KEY_LIST)
		return read_list(reader, setting, key, path, base);
	return read_value(reader, setting, key, path, base);
}

static void preset(const struct key *key, char *base)
{
	void *field = base + key->offset;

	if (key->preset == NULL)
		return;
	if (key->type == KEY_REAL)
		*(double *)field = strtod(key->preset, NULL);
	else if (key->type == KEY_INT)
		*(int64_t *)field = strtoll(key->preset, NULL, 10);
	else if (parse_text(key->preset, key, base) != 0)
		abort(); // a table of ours does not parse: the unit test meets it first
}

// Groups set their own when they are read.
static void preset_all(const struct key *keys, char *base)
{
	for (const struct key *key = keys; key->type != KEY_END; key++)
		preset(key, base);
}

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->type != KEY_END; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

static int check_unknown(const struct reader *reader, const config_setting_t *group,
        const struct key *keys, const char *path)
{
	char full[KEY_PATH_SIZE];

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(setting);

		if (find_key(keys, name) == NULL)
			return wrong(reader, setting, path_join(full, path, name), "unknown key");
	}
	return 0;
}

static bool has_key(const config_setting_t *group, const char *name)
{
	return group != NULL && name != NULL && config_setting_get_member(group, name) != NULL;
}

// `group` NULL: the file does not have it; its groups get their defaults all the same.
static int read_group(const struct reader *reader, const config_setting_t *group,
        const struct key *keys, const char *path, char *base)
{
	int err = group != NULL ? check_unknown(reader, group, keys, path) : 0;

	for (const struct key *key = keys; err == 0 && key->type != KEY_END; key++) {
		const config_setting_t *setting =
		        group != NULL ? config_setting_get_member(group, key->name) : NULL;
		char full[KEY_PATH_SIZE];

		path_join(full, path, key->name);
		if (setting == NULL && key->required && !has_key(group, key->unless))
			return wrong(reader, group, full, "is missing");
		if (setting != NULL && has_key(group, key->not_with))
			return wrong(reader, setting, full, "does not go with '%s'", key->not_with);
		err = read_key(reader, setting, key, full, base);
	}
	return err;
}

// The setting that a key stands for, or what is there of its path. `index`: of the element of a
// list.
static const config_setting_t *find_place(const config_t *config, const char *path, size_t index)
{
	const config_setting_t *at = config_root_setting(config);

	while (*path != '\0') {
		const config_setting_t *next;
		char name[KEY_PATH_SIZE];
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		next = config_setting_get_member(at, name);
		if (next != NULL && config_setting_type(next) == CONFIG_TYPE_LIST)
			next = config_setting_get_elem(next, (unsigned)index);
		if (next == NULL)
			break;
		at = next;
		path += len + (path[len] == '.');
	}
	return at;
}

// Rules between keys; what is wrong is said with its place.
static int check(const struct reader *reader, const config_t *config, struct scenario *scenario)
{
	struct fault fault = {0};
	size_t index;
	int err = scenario_check(scenario, &index, &fault);
	const config_setting_t *place;
	const char *file;

	if (err == 0)
		return 0;
	place = find_place(config, fault.field, index);
	file = config_setting_source_file(place);
	if (config_setting_source_line(place) == 0)
		return fault_set(
		        reader->fault, err, fault.field, "%.80s: %s", reader->name, fault.message);
	return fault_set(reader->fault, err, fault.field, "%.80s:%u: %s",
	        file != NULL ? file : reader->name, config_setting_source_line(place),
	        fault.message);
}

// Failures name things that are looked up later, without the file.
static void note_places(
        const struct reader *reader, const config_t *config, struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->n_failures; i++) {
		const config_setting_t *place = find_place(config, "failures", i);
		const char *file = config_setting_source_file(place);
		struct scenario_failure *failure = &scenario->failures[i];

		snprintf(failure->file, sizeof(failure->file), "%s",
		        file != NULL ? file : reader->name);
		failure->line = config_setting_source_line(place);
	}
}

static int read_config(
        const struct reader *reader, config_t *config, bool parsed, struct scenario *scenario)
{
	int err;

	if (!parsed) {
		const char *file = config_error_file(config);

		return fault_set(reader->fault, -EINVAL, "", "%.80s:%d: %s",
		        file != NULL ? file : reader->name, config_error_line(config),
		        config_error_text(config));
	}
	preset_all(scenario_keys, (char *)scenario);
	err = read_group(reader, config_root_setting(config), scenario_keys, "", (char *)scenario);
	if (err == -ENOMEM)
		return fault_set(reader->fault, -ENOMEM, "", "%.80s: out of memory", reader->name);
	if (err == 0)
		err = scenario_tle_load(scenario, reader->name, reader->fault);
	if (err != 0)
		return err;
	note_places(reader, config, scenario);
	return check(reader, config, scenario);
}

static int read_done(
        config_t *config, struct scenario *scenario, int err, struct scenario *ret_scenario)
{
	config_destroy(config);
	if (err != 0)
		scenario_free(scenario);
	else
		*ret_scenario = *scenario;
	return err;
}

int scenario_read_file(const char *path, struct scenario *ret_scenario, struct fault *fault)
{
	char *text;
	int err = text_file_read(path, &text, fault);

	if (err != 0)
		return err;
	if (text[strspn(text, " \t\r\n")] == '\0')
		err = fault_set(fault, -EINVAL, "",
		        "%.200s: is empty, expected a scenario: keys such as 'name', 'epoch' and "
		        "'shells'",
		        path);
	else
		err = scenario_read_text(text, path, ret_scenario, fault);
	free(text);
	return err;
}

int scenario_read_text(
        const char *text, const char *name, struct scenario *ret_scenario, struct fault *fault)
{
	const struct reader reader = {name, fault};
	struct scenario scenario = {0};
	config_t config;
	bool parsed;
	int err = conf_text_check(text, name, fault);

	if (err != 0)
		return err;
	config_init(&config);
	parsed = config_read_string(&config, text) == CONFIG_TRUE;
	return read_done(
	        &config, &scenario, read_config(&reader, &config, parsed, &scenario), ret_scenario);
}

void scenario_free(struct scenario *scenario)
{
	if (scenario == NULL)
		return;
	for (size_t i = 0; i < scenario->n_shells; i++)
		free(scenario->shells[i].tles);
	free(scenario->shells);
	free(scenario->stations);
	free(scenario->failures);
	*scenario = (struct scenario){0};
}

static void visit_keys(const struct key *keys, const char *path,
        void (*visit)(const char *path, void *arg), void *arg)
{
	char full[KEY_PATH_SIZE];

	for (const struct key *key = keys; key->type != KEY_END; key++) {
		path_join(full, path, key->name);
		visit(full, arg);
		if (key->keys != NULL)
			visit_keys(key->keys, full, visit, arg);
	}
}

void scenario_visit_keys(void (*visit)(const char *path, void *arg), void *arg)
{
	visit_keys(scenario_keys, "", visit, arg);
}
