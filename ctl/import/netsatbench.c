/* SPDX-License-Identifier: BSD-3-Clause */
// NetSatBench: sat-config.json names the nodes, and epoch files add, change and delete links.
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "json_text.h"
#include "scan.h"
#include "simtime.h"
#include "sink.h"

#define S_NS 1000000000ull
#define NAME_SIZE 256
#define PATTERN_DEFAULT "NetSatBench-epoch*.json"
#define ANTENNAS_MAX 4096

struct epoch_file {
	uint64_t number;
	char name[NAME_SIZE];
};

struct bench {
	struct import *import;
	char folder[NAME_SIZE];
	char pattern[NAME_SIZE];
	struct epoch_file *files;
	size_t n_files, capacity;
	const char *name; // of the file being read
	uint64_t n_missing; // links to delete that were not there
	bool runs, positions; // seen
};

__attribute__((format(printf, 2, 3))) static int wrong(
        const struct bench *bench, const char *fmt, ...)
{
	char text[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(bench->import->fault, -EINVAL, "", "%.64s: %s", bench->name, text);
}

// --- units as tc reads them ---------------------------------------------------------------------

struct unit {
	const char *name; // small letters
	double factor;
};

static const struct unit rates[] = {{"bit", 1}, {"", 1}, {"kbit", 1e3}, {"mbit", 1e6},
        {"gbit", 1e9}, {"tbit", 1e12}, {"kibit", 1024}, {"mibit", 1048576.0},
        {"gibit", 1073741824.0}, {"bps", 8}, {"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9},
        {"tbps", 8e12}, {"kibps", 8 * 1024}, {"mibps", 8 * 1048576.0}, {"gibps", 8 * 1073741824.0},
        {NULL, 0}};
// tc takes a bare number for microseconds
static const struct unit times[] = {{"", 1e3}, {"us", 1e3}, {"usec", 1e3}, {"usecs", 1e3},
        {"ms", 1e6}, {"msec", 1e6}, {"msecs", 1e6}, {"s", 1e9}, {"sec", 1e9}, {"secs", 1e9},
        {"ns", 1}, {"nsec", 1}, {"nsecs", 1}, {NULL, 0}};

static int with_unit(const char *text, const struct unit *units, double *ret)
{
	size_t len = strspn(text, "0123456789.eE+-");
	char unit[16];
	size_t n;

	// the e of a unit that is none of a number
	while (len > 0 && isalpha((unsigned char)text[len - 1]))
		len--;
	if (span_real((struct span){text, len}, 0, 1e18, ret) != 0)
		return -EINVAL;
	for (n = 0; text[len + n] != '\0' && n + 1 < sizeof(unit); n++)
		unit[n] = (char)tolower((unsigned char)text[len + n]);
	unit[n] = '\0';
	for (; units->name != NULL; units++) {
		if (strcmp(units->name, unit) == 0 && text[len + n] == '\0') {
			*ret *= units->factor;
			return 0;
		}
	}
	return -EINVAL;
}

// --- time ---------------------------------------------------------------------------------------

// ISO 8601 with Z, an offset, or none (UTC).
static int parse_time(const char *text, int64_t *ret_unix_ns)
{
	char utc[48];
	size_t len = strlen(text), end = len;
	int hours = 0, minutes = 0, sign = 1;

	if (len < 19 || len > 40)
		return -EINVAL;
	if (text[len - 1] == 'Z' || text[len - 1] == 'z') {
		end = len - 1;
	} else if (len >= 25 && (text[len - 6] == '+' || text[len - 6] == '-')) {
		const char *at = text + len - 5;

		if (!isdigit((unsigned char)at[0]) || !isdigit((unsigned char)at[1]) ||
		        at[2] != ':' || !isdigit((unsigned char)at[3]) ||
		        !isdigit((unsigned char)at[4]))
			return -EINVAL;
		sign = text[len - 6] == '-' ? -1 : 1;
		hours = (at[0] - '0') * 10 + at[1] - '0';
		minutes = (at[3] - '0') * 10 + at[4] - '0';
		end = len - 6;
	}
	snprintf(utc, sizeof(utc), "%.*sZ", (int)end, text);
	if (utc[10] == ' ' || utc[10] == 't')
		utc[10] = 'T';
	if (hours > 23 || minutes > 59 || simtime_parse(utc, ret_unix_ns) != 0)
		return -EINVAL;
	*ret_unix_ns -= sign * (hours * 3600ll + minutes * 60ll) * (int64_t)S_NS;
	return 0;
}

static int read_time(const struct bench *bench, const json_t *epoch, int64_t *ret_ns)
{
	const char *text = json_string_value(json_object_get(epoch, "time"));

	if (text == NULL || parse_time(text, ret_ns) != 0)
		return wrong(bench, "time: expected such as \"2026-01-01T00:00:05Z\"; got '%.40s'",
		        text != NULL ? text : "nothing");
	return 0;
}

// --- links --------------------------------------------------------------------------------------

struct ends {
	uint32_t ifaces[2];
};

static int antenna(const struct bench *bench, const json_t *link, const char *key, uint32_t *ret)
{
	const json_t *value = json_object_get(link, key);
	json_int_t number = value != NULL ? json_integer_value(value) : 1;

	if (value != NULL && (!json_is_integer(value) || number < 0 || number > ANTENNAS_MAX))
		return wrong(bench, "%s: expected a whole number up to %d", key, ANTENNAS_MAX);
	*ret = (uint32_t)number;
	return 0;
}

static int find_ends(struct bench *bench, const json_t *link, struct ends *ends)
{
	static const char *const keys[2] = {"endpoint1", "endpoint2"};
	static const char *const antennas[2] = {"endpoint1_antenna", "endpoint2_antenna"};
	uint32_t nodes[2], numbers[2];
	int err = 0;

	for (int i = 0; i < 2 && err == 0; i++) {
		const char *name = json_string_value(json_object_get(link, keys[i]));

		if (name == NULL)
			return wrong(bench, "%s: expected the name of a node", keys[i]);
		nodes[i] = sink_find_node(bench->import->sink, (struct span){name, strlen(name)});
		if (nodes[i] == SINK_NONE)
			return wrong(
			        bench, "%s: '%.64s' is no node of sat-config.json", keys[i], name);
		err = antenna(bench, link, antennas[i], &numbers[i]);
	}
	if (err == 0 && nodes[0] == nodes[1])
		err = wrong(bench, "a link from '%s' to itself",
		        sink_node_name(bench->import->sink, nodes[0]));
	for (int i = 0; i < 2 && err == 0; i++)
		err = sink_get_iface_to(bench->import->sink, nodes[i], nodes[1 - i],
		        numbers[i] * (ANTENNAS_MAX + 1) + numbers[1 - i], &ends->ifaces[i]);
	return err;
}

static int set_delay(const struct bench *bench, const json_t *value, struct orrery_record *record)
{
	const char *text = json_string_value(value);
	double ns = 0;

	if (value == NULL)
		return 0;
	if (text == NULL || with_unit(text, times, &ns) != 0)
		return wrong(bench, "delay: expected a time as tc has it, such as \"5ms\"");
	return import_delay(bench->import, ns, bench->name, &record->delay_ns);
}

static int set_rate(const struct bench *bench, const json_t *value, struct orrery_record *record)
{
	const char *text = json_string_value(value);
	double bps = 0;

	if (value == NULL)
		return 0;
	if (text == NULL || with_unit(text, rates, &bps) != 0 || bps / 1000 > UINT32_MAX)
		return wrong(bench, "rate: expected a rate as tc has it, such as \"10mbit\"");
	record->rate_kbps = (uint32_t)llround(bps / 1000);
	if (record->rate_kbps == 0 && bps > 0)
		record->rate_kbps = 1;
	return 0;
}

static int set_loss(const struct bench *bench, const json_t *value, struct orrery_record *record)
{
	double percent;

	if (value == NULL)
		return 0;
	if (json_text_real(value, 0, 100, 0, &percent) != 0)
		return wrong(bench, "loss: expected a number from 0 to 100 (%%)");
	record->loss = import_share(percent / 100);
	return 0;
}

static int set_limit(const struct bench *bench, const json_t *value, struct orrery_record *record)
{
	if (value == NULL)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	        json_integer_value(value) > UINT32_MAX)
		return wrong(bench, "limit: expected a number of packets");
	record->queue_pkts = (uint32_t)json_integer_value(value);
	return 0;
}

static int set_link(const struct bench *bench, const json_t *link, struct orrery_record *record)
{
	int err = set_delay(bench, json_object_get(link, "delay"), record);

	if (err == 0)
		err = set_rate(bench, json_object_get(link, "rate"), record);
	if (err == 0)
		err = set_loss(bench, json_object_get(link, "loss"), record);
	return err == 0 ? set_limit(bench, json_object_get(link, "limit"), record) : err;
}

static int add_link(struct bench *bench, const json_t *link, const struct ends *ends)
{
	int err = 0;

	for (int i = 0; i < 2 && err == 0; i++) {
		struct orrery_record *record;

		// what was there is replaced, not changed
		if (sink_link_to(bench->import->sink, ends->ifaces[i]) != SINK_NONE)
			err = sink_unplug(bench->import->sink, ends->ifaces[i]);
		if (err == 0)
			err = sink_link(
			        bench->import->sink, ends->ifaces[i], ends->ifaces[1 - i], &record);
		if (err == 0)
			err = set_link(bench, link, record);
	}
	bench->positions |= json_object_get(link, "pos1") != NULL;
	return err;
}

static int update_link(struct bench *bench, const json_t *link, const struct ends *ends)
{
	int err = 0;

	if (sink_link_to(bench->import->sink, ends->ifaces[0]) == SINK_NONE)
		return wrong(bench, "links-update: the link of '%.64s' and '%.64s' is not there",
		        json_string_value(json_object_get(link, "endpoint1")),
		        json_string_value(json_object_get(link, "endpoint2")));
	for (int i = 0; i < 2 && err == 0; i++) {
		struct orrery_record *record;

		err = sink_link(bench->import->sink, ends->ifaces[i], ends->ifaces[1 - i], &record);
		if (err == 0)
			err = set_link(bench, link, record);
	}
	return err;
}

static int del_link(struct bench *bench, const json_t *link, const struct ends *ends)
{
	int err = 0;

	if (sink_link_to(bench->import->sink, ends->ifaces[0]) == SINK_NONE) {
		bench->n_missing++;
		return 0;
	}
	for (int i = 0; i < 2 && err == 0; i++)
		err = sink_unplug(bench->import->sink, ends->ifaces[i]);
	return err;
}

static int each_link(struct bench *bench, const json_t *epoch, const char *key,
        int (*apply)(struct bench *bench, const json_t *link, const struct ends *ends))
{
	const json_t *list = json_object_get(epoch, key), *link;
	struct ends ends;
	size_t i;
	int err = 0;

	if (list != NULL && !json_is_array(list))
		return wrong(bench, "%s: expected a list", key);
	json_array_foreach (list, i, link) {
		if (!json_is_object(link))
			return wrong(bench, "%s[%zu]: expected an object", key, i);
		err = find_ends(bench, link, &ends);
		if (err == 0)
			err = apply(bench, link, &ends);
		if (err != 0)
			return err;
	}
	return 0;
}

// --- files --------------------------------------------------------------------------------------

// The digits behind everything else of a name.
static bool number_of(const char *name, uint64_t *ret)
{
	size_t len = strcspn(name, ".");
	size_t n = 0;

	while (n < len && isdigit((unsigned char)name[len - n - 1]))
		n++;
	return n > 0 && span_u64((struct span){name + len - n, n}, INT64_MAX, ret) == 0;
}

static int visit(void *arg, const char *name)
{
	struct bench *bench = arg;
	struct epoch_file *file;
	int len;

	if (fnmatch(bench->pattern, name, 0) != 0)
		return 0;
	if (bench->n_files == bench->capacity) {
		size_t capacity = bench->capacity != 0 ? bench->capacity * 2 : 64;
		void *files = reallocarray(bench->files, capacity, sizeof(*bench->files));

		if (files == NULL)
			return fault_set(
			        bench->import->fault, -ENOMEM, "", "import: out of memory");
		bench->files = files;
		bench->capacity = capacity;
	}
	file = &bench->files[bench->n_files];
	bench->name = name;
	if (!number_of(name, &file->number))
		return wrong(bench, "expected a number at the end of the name");
	len = snprintf(file->name, sizeof(file->name), "%s%s%s", bench->folder,
	        bench->folder[0] != '\0' ? "/" : "", name);
	if (len < 0 || (size_t)len >= sizeof(file->name))
		return wrong(bench, "the name is too long");
	bench->n_files++;
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct epoch_file *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int find_files(struct bench *bench)
{
	int err = source_list(
	        bench->import->source, bench->folder, visit, bench, bench->import->fault);

	if (err != 0)
		return err;
	bench->name = "sat-config.json";
	if (bench->n_files == 0)
		return wrong(bench, "epoch-config: no file in '%.64s' matches '%.64s'",
		        bench->folder[0] != '\0' ? bench->folder : ".", bench->pattern);
	qsort(bench->files, bench->n_files, sizeof(*bench->files), compare_files);
	for (size_t i = 1; i < bench->n_files; i++) {
		if (bench->files[i].number == bench->files[i - 1].number)
			return wrong(bench, "'%.100s' and '%.100s' have the same number",
			        bench->files[i - 1].name, bench->files[i].name);
	}
	return 0;
}

static int read_time_of(struct bench *bench, size_t i, int64_t *ret_ns)
{
	json_t *epoch;
	int err;

	bench->name = bench->files[i].name;
	err = json_text_read(bench->import->source, bench->name, &epoch, bench->import->fault);
	if (err != 0)
		return err;
	err = read_time(bench, epoch, ret_ns);
	json_decref(epoch);
	return err;
}

// The last state lasts as long as the one before it.
static int measure(struct bench *bench, struct ephemeris_info *info)
{
	int64_t first_ns = 0, before_ns, last_ns, gap_ns = (int64_t)S_NS;
	size_t n = bench->n_files;
	int err = read_time_of(bench, 0, &first_ns);

	before_ns = last_ns = first_ns;
	if (err == 0 && n > 1)
		err = read_time_of(bench, n - 2, &before_ns);
	if (err == 0)
		err = read_time_of(bench, n - 1, &last_ns);
	if (err != 0)
		return err;
	if (last_ns < first_ns)
		return wrong(bench, "time: expected one not before that of the first file");
	if (last_ns > before_ns)
		gap_ns = last_ns - before_ns;
	info->epoch_ns = first_ns;
	info->duration_ns = (uint64_t)(last_ns - first_ns + gap_ns);
	return 0;
}

static int apply_file(struct bench *bench, size_t i, int64_t start_ns, int64_t *last_ns)
{
	json_t *epoch;
	int64_t t_ns;
	int err;

	bench->name = bench->files[i].name;
	err = json_text_read(bench->import->source, bench->name, &epoch, bench->import->fault);
	if (err != 0)
		return err;
	err = read_time(bench, epoch, &t_ns);
	if (err == 0 && t_ns < *last_ns)
		err = wrong(bench, "time: expected one not before that of the file before");
	*last_ns = t_ns;
	if (err == 0)
		err = sink_epoch(bench->import->sink, (uint64_t)(t_ns - start_ns));
	if (err == 0)
		err = each_link(bench, epoch, "links-del", del_link);
	if (err == 0)
		err = each_link(bench, epoch, "links-add", add_link);
	if (err == 0)
		err = each_link(bench, epoch, "links-update", update_link);
	bench->runs |= json_object_get(epoch, "run") != NULL;
	json_decref(epoch);
	return err;
}

// --- sat-config.json ----------------------------------------------------------------------------

static int set_text(const struct bench *bench, const json_t *object, const char *key,
        const char *preset, char text[NAME_SIZE])
{
	const json_t *value = json_object_get(object, key);
	const char *given = value == NULL ? preset : json_string_value(value);

	if (given == NULL || strlen(given) >= NAME_SIZE)
		return wrong(bench, "epoch-config: %s: expected text of at most %d characters", key,
		        NAME_SIZE - 1);
	strcpy(text, given);
	return 0;
}

static int read_config(struct bench *bench, json_t **ret_config)
{
	const json_t *nodes, *epochs;
	int err;

	bench->name = "sat-config.json";
	err = json_text_read(bench->import->source, bench->name, ret_config, bench->import->fault);
	if (err != 0)
		return err;
	nodes = json_object_get(*ret_config, "nodes");
	epochs = json_object_get(*ret_config, "epoch-config");
	if (!json_is_object(nodes))
		return wrong(bench, "nodes: expected an object with a key for each node");
	if (epochs != NULL && !json_is_object(epochs))
		return wrong(bench, "epoch-config: expected an object");
	err = set_text(bench, epochs, "epoch-dir", "", bench->folder);
	if (err == 0)
		err = set_text(bench, epochs, "file-pattern", PATTERN_DEFAULT, bench->pattern);
	if (err == 0 && !source_has(bench->import->source, bench->folder) &&
	        bench->import->source->files == NULL) {
		// the folder is often named from where the tool was started
		const char *slash = strrchr(bench->folder, '/');

		if (slash != NULL)
			memmove(bench->folder, slash + 1, strlen(slash + 1) + 1);
	}
	return err;
}

static int add_nodes(struct bench *bench, json_t *config)
{
	json_t *nodes = json_object_get(config, "nodes"), *node;
	const char *name;
	uint32_t number;
	int err = 0;

	json_object_foreach (nodes, name, node) {
		if (err == 0)
			err = sink_add_node(
			        bench->import->sink, (struct span){name, strlen(name)}, &number);
	}
	return err;
}

static void say_notes(struct bench *bench)
{
	struct import *import = bench->import;

	import_note(import, "direction", "a link is both directions with the same parameters");
	import_note(import, "delay",
	        "one way, as they stand (StarPerf computes arcs at 300,000 km/s, not chords)%s",
	        import->options->interpolate ? "; in straight lines from one file to the next"
	                                     : "");
	import_note(
	        import, "units", "as tc: 'mbit' is bits, 'mbps' bytes; a time without unit is us");
	import_note(import, "queue",
	        "limit in packets is our queue, which does not count what is in flight");
	import_note(import, "nodes", "all are pods; interfaces are called after the far node");
	if (bench->n_missing > 0)
		import_note(import, "ignored", "%llu links to delete were not there",
		        (unsigned long long)bench->n_missing);
	if (bench->runs)
		import_note(import, "ignored", "run: commands in nodes");
	if (bench->positions)
		import_note(import, "ignored", "pos1, pos2: places");
}

static int run(struct bench *bench, json_t **config)
{
	struct ephemeris_info info = {.epoch_ns = 0};
	int64_t start_ns, last_ns;
	int err = read_config(bench, config);

	if (err == 0)
		err = find_files(bench);
	if (err == 0)
		err = measure(bench, &info);
	if (err != 0)
		return err;
	start_ns = last_ns = info.epoch_ns;
	if (info.epoch_ns < 0)
		info.epoch_ns = 0;
	if (bench->import->options->epoch_ns >= 0)
		info.epoch_ns = bench->import->options->epoch_ns;
	if (bench->import->options->duration_ns != 0)
		info.duration_ns = bench->import->options->duration_ns;
	err = sink_begin(bench->import->sink, &info);
	if (err == 0)
		err = add_nodes(bench, *config);
	for (size_t i = 0; i < bench->n_files && err == 0; i++)
		err = apply_file(bench, i, start_ns, &last_ns);
	say_notes(bench);
	return err;
}

int import_netsatbench(struct import *import)
{
	struct bench bench = {.import = import};
	json_t *config = NULL;
	int err = run(&bench, &config);

	json_decref(config);
	free(bench.files);
	return err;
}
