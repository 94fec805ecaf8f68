/* SPDX-License-Identifier: BSD-3-Clause */
// The configuration's settings: one table row a key.
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf_text.h"
#include "config_parse.h"
#include "datapath.h"
#include "log.h"
#include "names.h"
#include "port_ops.h"
#include "text_file.h"
#include "units.h"

enum key_type { KEY_TEXT, KEY_NAME, KEY_CHOICE, KEY_COUNT, KEY_SIZE, KEY_DURATION, KEY_MODE };

// A key by its path; groups come from the paths.
struct key {
	const char *path;
	enum key_type type;
	size_t offset; // in struct config: char[size], int (choice) or uint64_t
	size_t size; // KEY_TEXT
	const char *choices; // KEY_CHOICE: "a|b", its place is the value
	uint64_t min, max, fallback;
	const char *fallback_text; // KEY_TEXT, KEY_NAME
	const char *unit; // KEY_COUNT: for messages
};

#define AT(member) .offset = offsetof(struct config, member)
#define TEXT(member) \
	.offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)
#define MS 1000000ull
#define US 1000ull

static const struct key keys[] = {
        {"instance", KEY_NAME, TEXT(instance), .fallback_text = "orrery"},
        {"poll", KEY_CHOICE, AT(poll), .choices = "adaptive|busy", .fallback = POLL_ADAPTIVE},
        {"on_stop", KEY_CHOICE, AT(on_stop), .choices = "keep|remove", .fallback = ON_STOP_REMOVE},
        {"seed", KEY_COUNT, AT(seed), .max = INT64_MAX, .fallback = 1},
        {"state_dir", KEY_TEXT, TEXT(state_dir)},
        {"log.level", KEY_CHOICE, AT(log_level), .choices = "err|warning|notice|info|debug",
                .fallback = LOG_LEVEL_INFO},
        {"memory.hugepages", KEY_CHOICE, AT(hugepages), .choices = "auto|on|off",
                .fallback = HUGEPAGES_AUTO},
        {"memory.megabytes", KEY_COUNT, AT(memory_mb), .max = 1 << 20, .unit = " MiB"},
        {"limits.max_nodes", KEY_COUNT, AT(max_nodes), .min = 1, .max = 1 << 20, .fallback = 16384},
        {"limits.max_interfaces", KEY_COUNT, AT(max_ifaces), .min = 1, .max = 1 << 20,
                .fallback = 65536},
        {"limits.max_ports", KEY_COUNT, AT(max_ports), .min = 1, .max = PORT_ID_MAX + 1,
                .fallback = 16384},
        {"limits.max_routes", KEY_COUNT, AT(max_routes), .min = 1, .max = 1 << 24,
                .fallback = 1 << 20},
        {"limits.max_next_hops", KEY_COUNT, AT(max_next_hops), .min = 1, .max = 1ull << 40,
                .fallback = 1 << 26},
        {"limits.max_clients", KEY_COUNT, AT(max_clients), .min = 1, .max = 4096, .fallback = 256},
        {"pool.frames", KEY_COUNT, AT(pool_frames), .min = 1024, .max = 1 << 26, .fallback = 65536},
        {"pool.frame_bytes", KEY_SIZE, AT(frame_bytes), .min = 1518, .max = 9728, .fallback = 2048},
        {"pool.assumed_frame_bytes", KEY_SIZE, AT(assumed_frame_bytes), .min = 64, .max = 9728,
                .fallback = 1500},
        {"wheel.horizon", KEY_DURATION, AT(horizon_ns), .min = 10 * MS, .max = 16000 * MS,
                .fallback = 4000 * MS},
        {"wheel.slot", KEY_DURATION, AT(slot_ns), .min = 100, .max = 100 * US, .fallback = 1 * US},
        {"idle.spin", KEY_DURATION, AT(idle_spin_ns), .max = 1000 * MS, .fallback = 50 * US},
        {"idle.wake_early", KEY_DURATION, AT(wake_early_ns), .max = 10 * MS, .fallback = 60 * US},
        {"idle.sweep", KEY_DURATION, AT(sweep_ns), .min = 100 * US, .max = 1000 * MS,
                .fallback = 5 * MS},
        {"icmp.rate_pps", KEY_COUNT, AT(icmp_rate_pps), .min = 1, .max = 1000000, .fallback = 100,
                .unit = " a second"},
        {"routing.convergence", KEY_DURATION, AT(convergence_ns), .max = 3600000 * MS},
        {"routing.equal_paths", KEY_CHOICE, AT(equal_paths), .choices = "one|flow",
                .fallback = EQUAL_PATHS_ONE},
        {"routing.equal_within", KEY_DURATION, AT(equal_within_ns), .max = 1000 * MS},
        {"socket.path", KEY_TEXT, TEXT(socket_path)},
        {"socket.mode", KEY_MODE, AT(socket_mode), .max = 0777, .fallback = 0660},
        {"socket.group", KEY_TEXT, TEXT(socket_group)},
        {"vhost_user.socket_dir", KEY_TEXT, TEXT(vhost_user_dir)},
        {"vhost_user.owner", KEY_TEXT, TEXT(vhost_user_owner)},
        {"vhost_user.group", KEY_TEXT, TEXT(vhost_user_group)},
        {"vhost_user.mode", KEY_MODE, AT(vhost_user_mode), .max = 0777, .fallback = 0660},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

// Path of a setting from the root: "wheel.horizon", "links[3].delay".
static void setting_path(const config_setting_t *setting, char *buf, size_t size)
{
	config_setting_t *parent = config_setting_parent(setting);
	const char *name = config_setting_name(setting);
	size_t len;

	if (parent == NULL) {
		buf[0] = '\0';
		return;
	}
	setting_path(parent, buf, size);
	len = strlen(buf);
	if (name != NULL)
		snprintf(buf + len, size - len, "%s%s", len > 0 ? "." : "", name);
	else
		snprintf(buf + len, size - len, "[%d]", config_setting_index(setting));
}

int config_refuse(struct config_source *source, const config_setting_t *setting, const char *sub,
        const char *fmt, ...)
{
	const char *file = config_setting_source_file(setting);
	char path[64], text[240];
	va_list ap;
	size_t len;

	setting_path(setting, path, sizeof(path));
	len = strlen(path);
	if (sub != NULL)
		snprintf(path + len, sizeof(path) - len, "%s%s", len > 0 ? "." : "", sub);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(source->fault, -EINVAL, path, "%s:%u: %s: %s",
	        file != NULL ? file : source->name, config_setting_source_line(setting), path,
	        text);
}

const char *config_type_name(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
		return "an array";
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "a group";
	}
}

int config_get_integer(const config_setting_t *setting, long long *ret_value)
{
	int type = config_setting_type(setting);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return -EINVAL;
	*ret_value = config_setting_get_int64(setting);
	return 0;
}

static int set_number(struct config_source *source, const config_setting_t *setting,
        const struct key *key, uint64_t value, const char *shown)
{
	const char *unit = key->unit != NULL ? key->unit : key->type == KEY_SIZE ? " bytes" : "";
	char min[UNITS_TEXT_SIZE], max[UNITS_TEXT_SIZE];

	if (value >= key->min && value <= key->max) {
		*(uint64_t *)((char *)source->config + key->offset) = value;
		return 0;
	}
	if (key->type == KEY_DURATION)
		return config_refuse(source, setting, NULL, "expected %s to %s, not %s",
		        units_format_duration(min, (int64_t)key->min),
		        units_format_duration(max, (int64_t)key->max), shown);
	return config_refuse(source, setting, NULL, "expected %" PRIu64 " to %" PRIu64 "%s, not %s",
	        key->min, key->max, unit, shown);
}

static int read_count(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	const char *text = config_setting_get_string(setting);
	long long value = 0;
	uint64_t size;
	char shown[24];

	if (key->type == KEY_SIZE && text != NULL) {
		if (units_parse_size_bytes(text, &size) < 0)
			return config_refuse(source, setting, NULL,
			        "expected a size such as 2048 or \"2KiB\", not \"%.40s\"", text);
		return set_number(source, setting, key, size, text);
	}
	if (config_get_integer(setting, &value) < 0)
		return config_refuse(source, setting, NULL, "expected an integer, not %s",
		        config_type_name(setting));
	snprintf(shown, sizeof(shown), "%lld", value);
	return set_number(source, setting, key, value < 0 ? UINT64_MAX : (uint64_t)value, shown);
}

static int read_duration(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	const char *text = config_setting_get_string(setting);
	int64_t ns;

	if (text == NULL || units_parse_duration_ns(text, &ns) < 0)
		return config_refuse(source, setting, NULL,
		        "expected a duration with its unit such as \"4ms\", not %s%.40s%s",
		        text != NULL ? "\"" : "", text != NULL ? text : config_type_name(setting),
		        text != NULL ? "\"" : "");
	return set_number(source, setting, key, ns < 0 ? UINT64_MAX : (uint64_t)ns, text);
}

static int read_choice(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	const char *text = config_setting_get_string(setting);
	const char *at = key->choices;
	size_t len = text != NULL ? strlen(text) : 0;

	for (int value = 0; len > 0 && at != NULL; value++) {
		const char *end = strchr(at, '|');

		if ((end != NULL ? (size_t)(end - at) : strlen(at)) == len &&
		        memcmp(at, text, len) == 0) {
			*(int *)((char *)source->config + key->offset) = value;
			return 0;
		}
		at = end != NULL ? end + 1 : NULL;
	}
	return config_refuse(source, setting, NULL, "expected one of %s, not %.40s", key->choices,
	        text != NULL ? text : config_type_name(setting));
}

static int read_mode(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	const char *text = config_setting_get_string(setting);
	char *end = NULL;
	unsigned long mode = text != NULL ? strtoul(text, &end, 8) : 0;

	if (text == NULL || text[0] < '0' || text[0] > '7' || *end != '\0' || mode > key->max)
		return config_refuse(source, setting, NULL,
		        "expected octal digits in a string such as \"0660\"");
	return set_number(source, setting, key, mode, text);
}

static int read_text(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	const char *text = config_setting_get_string(setting);
	struct fault why = {0};

	if (text == NULL)
		return config_refuse(source, setting, NULL, "expected a string, not %s",
		        config_type_name(setting));
	if (strlen(text) >= key->size)
		return config_refuse(source, setting, NULL, "%zu characters, at most %zu",
		        strlen(text), key->size - 1);
	if (key->type == KEY_NAME && node_name_check(text, &why) < 0)
		return config_refuse(source, setting, NULL,
		        "expected letters, digits, '-', '_' and '.', not \"%.40s\"", text);
	strcpy((char *)source->config + key->offset, text);
	return 0;
}

static int read_key(
        struct config_source *source, const config_setting_t *setting, const struct key *key)
{
	switch (key->type) {
	case KEY_TEXT:
	case KEY_NAME:
		return read_text(source, setting, key);
	case KEY_CHOICE:
		return read_choice(source, setting, key);
	case KEY_COUNT:
	case KEY_SIZE:
		return read_count(source, setting, key);
	case KEY_DURATION:
		return read_duration(source, setting, key);
	default:
		return read_mode(source, setting, key);
	}
}

static int read_workers(struct config_source *source, config_setting_t *setting)
{
	struct config *config = source->config;
	const char *text = config_setting_get_string(setting);
	int n = config_setting_length(setting);

	config->n_workers = 0;
	if (text != NULL && strcmp(text, "auto") == 0)
		return 0;
	if (text != NULL || !config_setting_is_aggregate(setting) ||
	        config_setting_is_group(setting) || n == 0 || n > CONFIG_WORKERS_MAX)
		return config_refuse(source, setting, NULL,
		        "expected \"auto\" or a list of 1 to %d processors such as [2, 3]",
		        CONFIG_WORKERS_MAX);
	for (int i = 0; i < n; i++) {
		config_setting_t *entry = config_setting_get_elem(setting, (unsigned)i);
		long long cpu = -1;

		if (config_get_integer(entry, &cpu) < 0 || cpu < 0 || cpu > 1023)
			return config_refuse(
			        source, entry, NULL, "expected a processor's number, 0 to 1023");
		for (int k = 0; k < i; k++) {
			if (config->worker_cpus[k] == (unsigned)cpu)
				return config_refuse(
				        source, entry, NULL, "processor %lld is named twice", cpu);
		}
		config->worker_cpus[i] = (unsigned)cpu;
	}
	config->n_workers = (uint16_t)n;
	return 0;
}

static int read_eal_args(struct config_source *source, config_setting_t *setting)
{
	struct config *config = source->config;
	int n = config_setting_length(setting);

	if (!config_setting_is_aggregate(setting) || config_setting_is_group(setting) ||
	        n > CONFIG_EAL_ARGS_MAX)
		return config_refuse(source, setting, NULL, "expected a list of at most %d strings",
		        CONFIG_EAL_ARGS_MAX);
	for (int i = 0; i < n; i++) {
		const char *text = config_setting_get_string_elem(setting, i);

		if (text == NULL)
			return config_refuse(source, config_setting_get_elem(setting, (unsigned)i),
			        NULL, "expected a string");
		config->eal_args[config->n_eal_args] = strdup(text);
		if (config->eal_args[config->n_eal_args++] == NULL)
			return fault_set(source->fault, -ENOMEM, "eal_args", "no memory");
	}
	return 0;
}

static const char *const driver_names[] = {"af_xdp", "ethdev", "vhost_user"};

#define N_DRIVERS (sizeof(driver_names) / sizeof(driver_names[0]))

static_assert(N_DRIVERS <= CONFIG_DRIVERS_MAX, "all drivers can be opened");

static bool is_driver(const char *name)
{
	for (size_t i = 0; i < N_DRIVERS; i++) {
		if (strcmp(driver_names[i], name) == 0)
			return true;
	}
	return false;
}

static int read_drivers(struct config_source *source, config_setting_t *setting)
{
	struct config *config = source->config;
	int n = config_setting_length(setting);

	if (!config_setting_is_aggregate(setting) || config_setting_is_group(setting) || n == 0 ||
	        n > CONFIG_DRIVERS_MAX)
		return config_refuse(source, setting, NULL,
		        "expected a list of drivers such as [\"af_xdp\", \"ethdev\"]");
	for (int i = 0; i < n; i++) {
		const char *text = config_setting_get_string_elem(setting, i);

		if (text == NULL || !is_driver(text))
			return config_refuse(source, config_setting_get_elem(setting, (unsigned)i),
			        NULL, "expected \"af_xdp\", \"ethdev\" or \"vhost_user\"");
		for (int k = 0; k < i; k++) {
			if (strcmp(config->drivers[k], text) == 0)
				return config_refuse(source,
				        config_setting_get_elem(setting, (unsigned)i), NULL,
				        "\"%s\" is named twice", text);
		}
		strcpy(config->drivers[i], text);
	}
	config->n_drivers = (size_t)n;
	return 0;
}

static bool is_group_of_keys(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < N_KEYS; i++) {
		if (strncmp(keys[i].path, path, len) == 0 && keys[i].path[len] == '.')
			return true;
	}
	return false;
}

static const struct key *find_key(const char *path)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	}
	return NULL;
}

static int read_group(struct config_source *source, config_setting_t *group);

static int read_setting(struct config_source *source, config_setting_t *setting)
{
	const struct key *key;
	char path[64];

	setting_path(setting, path, sizeof(path));
	if (strcmp(path, "workers") == 0)
		return read_workers(source, setting);
	if (strcmp(path, "eal_args") == 0)
		return read_eal_args(source, setting);
	if (strcmp(path, "drivers") == 0)
		return read_drivers(source, setting);
	if (config_is_objects(path))
		return config_read_objects(source, setting);
	key = find_key(path);
	if (key != NULL)
		return read_key(source, setting, key);
	if (!is_group_of_keys(path))
		return config_refuse(source, setting, NULL, "unknown key");
	if (!config_setting_is_group(setting))
		return config_refuse(source, setting, NULL, "expected a group { ... }, not %s",
		        config_type_name(setting));
	return read_group(source, setting);
}

static int read_group(struct config_source *source, config_setting_t *group)
{
	int ret = 0;

	for (int i = 0; ret == 0 && i < config_setting_length(group); i++)
		ret = read_setting(source, config_setting_get_elem(group, (unsigned)i));
	return ret;
}

// What depends on other keys.
static int settle(struct config *c, const char *name, struct fault *fault)
{
	int n = 0;

	if (c->socket_path[0] == '\0')
		n = snprintf(
		        c->socket_path, sizeof(c->socket_path), "/run/orrery/%s.sock", c->instance);
	if (strlen(c->socket_path) >= sizeof((struct sockaddr_un){0}.sun_path))
		return fault_set(fault, -EINVAL, "socket.path",
		        "%s: socket.path: %zu bytes, a unix socket's path has at most %zu", name,
		        strlen(c->socket_path), sizeof((struct sockaddr_un){0}.sun_path) - 1);
	if (c->n_drivers == 0) {
		for (size_t i = 0; i < N_DRIVERS; i++)
			strcpy(c->drivers[i], driver_names[i]);
		c->n_drivers = N_DRIVERS;
	}
	if (c->vhost_user_dir[0] == '\0')
		n = snprintf(c->vhost_user_dir, sizeof(c->vhost_user_dir), "/run/orrery/%s-vhost",
		        c->instance);
	if (strcmp(c->state_dir, "default") == 0)
		n = snprintf(c->state_dir, sizeof(c->state_dir), "/run/orrery/%s", c->instance);
	if (c->slot_ns * 1024 > c->horizon_ns)
		return fault_set(fault, -EINVAL, "wheel.slot",
		        "%s: wheel.slot: too coarse: the horizon has fewer than 1024 slots", name);
	if (c->max_ports > c->max_ifaces)
		return fault_set(fault, -EINVAL, "limits.max_ports",
		        "%s: limits.max_ports: %" PRIu64
		        " ports need as many interfaces, max_interfaces is %" PRIu64,
		        name, c->max_ports, c->max_ifaces);
	return n < 0 ? -EINVAL : 0;
}

static struct config *config_new(void)
{
	struct config *c = calloc(1, sizeof(*c));

	for (size_t i = 0; c != NULL && i < N_KEYS; i++) {
		char *at = (char *)c + keys[i].offset;

		if (keys[i].fallback_text != NULL)
			strcpy(at, keys[i].fallback_text);
		else if (keys[i].type == KEY_CHOICE)
			*(int *)at = (int)keys[i].fallback;
		else if (keys[i].type != KEY_TEXT)
			*(uint64_t *)at = keys[i].fallback;
	}
	if (c != NULL)
		strcpy(c->state_dir, "default");
	return c;
}

struct config *config_default(void)
{
	struct config *c = config_new();

	if (c != NULL && settle(c, "defaults", NULL) < 0) {
		config_free(c);
		return NULL;
	}
	return c;
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_eal_args; i++)
		free(c->eal_args[i]);
	for (size_t i = 0; i < c->n_calls; i++)
		json_decref(c->calls[i].params);
	free(c->calls);
	free(c);
}

static int read_tree(
        config_t *tree, const char *name, struct config **ret_config, struct fault *fault)
{
	struct config_source source = {.name = name, .config = config_new(), .fault = fault};
	int ret;

	if (source.config == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for the configuration");
	ret = read_group(&source, config_root_setting(tree));
	if (ret == 0)
		ret = settle(source.config, name, fault);
	if (ret == 0)
		ret = config_check_refs(&source, config_root_setting(tree));
	if (ret < 0) {
		config_free(source.config);
		return ret;
	}
	*ret_config = source.config;
	return 0;
}

static int syntax_error(const config_t *tree, const char *name, struct fault *fault)
{
	const char *file = config_error_file(tree);

	return fault_set(fault, -EINVAL, NULL, "%s:%d: %s", file != NULL ? file : name,
	        config_error_line(tree), config_error_text(tree));
}

int config_load(const char *path, struct config **ret_config, struct fault *fault)
{
	char *text;
	int ret = text_file_read(path, &text, fault);

	if (ret < 0)
		return ret;
	ret = config_parse(text, path, ret_config, fault);
	free(text);
	return ret;
}

int config_parse(
        const char *text, const char *name, struct config **ret_config, struct fault *fault)
{
	config_t tree;
	int ret = conf_text_check(text, name, fault);

	if (ret < 0)
		return ret;
	config_init(&tree);
	if (config_read_string(&tree, text) == CONFIG_TRUE)
		ret = read_tree(&tree, name, ret_config, fault);
	else
		ret = syntax_error(&tree, name, fault);
	config_destroy(&tree);
	return ret;
}

static json_t *key_json(const struct config *c, const struct key *key)
{
	const char *at = (const char *)c + key->offset;
	char text[UNITS_TEXT_SIZE];
	uint64_t number = 0;

	if (key->type != KEY_CHOICE && key->type != KEY_TEXT && key->type != KEY_NAME)
		memcpy(&number, at, sizeof(number));
	switch (key->type) {
	case KEY_TEXT:
	case KEY_NAME:
		return json_string(at);
	case KEY_CHOICE: {
		const char *choice = key->choices;
		int value;

		memcpy(&value, at, sizeof(value));
		while (value-- > 0)
			choice = strchr(choice, '|') + 1;
		return json_stringn(choice, strcspn(choice, "|"));
	}
	case KEY_DURATION:
		return json_string(units_format_duration(text, (int64_t)number));
	case KEY_MODE:
		return json_sprintf("%04" PRIo64, number);
	default:
		return json_integer((json_int_t)number);
	}
}

json_t *config_json(const struct config *c)
{
	json_t *root = json_object(), *workers = json_array(), *args = json_array();
	json_t *drivers = json_array();

	for (size_t i = 0; i < N_KEYS; i++) {
		const char *dot = strchr(keys[i].path, '.');
		json_t *at = root;

		if (dot != NULL) {
			char group[32];

			snprintf(group, sizeof(group), "%.*s", (int)(dot - keys[i].path),
			        keys[i].path);
			at = json_object_get(root, group);
			if (at == NULL) {
				at = json_object();
				json_object_set_new(root, group, at);
			}
		}
		json_object_set_new(
		        at, dot != NULL ? dot + 1 : keys[i].path, key_json(c, &keys[i]));
	}
	for (uint16_t i = 0; i < c->n_workers; i++)
		json_array_append_new(workers, json_integer(c->worker_cpus[i]));
	for (size_t i = 0; i < c->n_eal_args; i++)
		json_array_append_new(args, json_string(c->eal_args[i]));
	for (size_t i = 0; i < c->n_drivers; i++)
		json_array_append_new(drivers, json_string(c->drivers[i]));
	json_object_set_new(root, "workers", workers);
	json_object_set_new(root, "eal_args", args);
	json_object_set_new(root, "drivers", drivers);
	return root;
}
