/* SPDX-License-Identifier: BSD-3-Clause */
// KNE: a topology in text protobuf. Of its messages only `nodes { name }` and `links { a_node a_int
// z_node z_int }` matter; the rest is read over, whatever it is.
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "import.h"
#include "scan.h"
#include "sink.h"

#define DEPTH_MAX 64
#define TEXT_SIZE 256

struct proto {
	struct import *import;
	const char *name; // of the file
	const char *at;
	unsigned line;
	uint64_t n_ignored; // fields
	bool topology; // a node or a link was found
};

struct link {
	char a_node[TEXT_SIZE], a_int[TEXT_SIZE], z_node[TEXT_SIZE], z_int[TEXT_SIZE];
};

__attribute__((format(printf, 2, 3))) static int wrong(
        const struct proto *proto, const char *fmt, ...)
{
	const struct scan scan = {
	        .name = proto->name, .line = proto->line, .fault = proto->import->fault};
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return scan_wrong(&scan, "%s", text);
}

static void skip_blanks(struct proto *proto)
{
	for (;; proto->at++) {
		if (*proto->at == '#')
			proto->at += strcspn(proto->at, "\n");
		if (*proto->at == '\n')
			proto->line++;
		else if (*proto->at == '\0' || strchr(" \t\r,;", *proto->at) == NULL)
			return;
	}
}

static bool take(struct proto *proto, char c)
{
	skip_blanks(proto);
	if (*proto->at != c)
		return false;
	proto->at++;
	return true;
}

// Letters, digits, '_', '.', '-' and '/': names of fields, numbers, enumerations.
static int take_word(struct proto *proto, char word[TEXT_SIZE])
{
	size_t n = 0;

	skip_blanks(proto);
	while (isalnum((unsigned char)proto->at[n]) ||
	        (proto->at[n] != '\0' && strchr("_.-/+", proto->at[n]) != NULL))
		n++;
	if (n == 0 || n >= TEXT_SIZE)
		return wrong(proto, "expected a field; got '%.1s'",
		        isprint((unsigned char)*proto->at) ? proto->at : "?");
	memcpy(word, proto->at, n);
	word[n] = '\0';
	proto->at += n;
	return 0;
}

// One quoted part, behind what is in `text` already. What is longer is cut if nobody wants it.
static int take_quoted(struct proto *proto, char text[TEXT_SIZE], bool cut)
{
	char quote = *proto->at++;
	size_t n = strlen(text);

	for (; *proto->at != quote; proto->at++) {
		if (*proto->at == '\0' || *proto->at == '\n')
			return wrong(proto, "expected %c at the end of a text", quote);
		if (*proto->at == '\\') {
			proto->at++;
			if (*proto->at == '\0' || *proto->at == '\n')
				return wrong(proto, "expected a character behind \\");
			if (!cut && strchr("\\\"'", *proto->at) == NULL)
				return wrong(proto, "a name with \\%c in it", *proto->at);
		}
		if (n + 1 < TEXT_SIZE)
			text[n++] = *proto->at;
		else if (!cut)
			return wrong(proto, "a name of more than %d characters", TEXT_SIZE - 1);
	}
	text[n] = '\0';
	proto->at++;
	return 0;
}

// Parts one behind the other are one text.
static int take_text(struct proto *proto, char text[TEXT_SIZE], bool cut)
{
	int err = 0;

	text[0] = '\0';
	skip_blanks(proto);
	if (*proto->at != '"' && *proto->at != '\'')
		return wrong(proto, "expected a text in quotes");
	while (err == 0 && (*proto->at == '"' || *proto->at == '\'')) {
		err = take_quoted(proto, text, cut);
		skip_blanks(proto);
	}
	return err;
}

static int skip_field(struct proto *proto, unsigned depth);

static int skip_message(struct proto *proto, char end, unsigned depth)
{
	int err = 0;

	while (err == 0 && !take(proto, end)) {
		if (*proto->at == '\0')
			return wrong(proto, "expected %c before the end", end);
		err = skip_field(proto, depth);
	}
	return err;
}

static int skip_value(struct proto *proto, unsigned depth)
{
	char text[TEXT_SIZE];
	int err = 0;

	if (depth > DEPTH_MAX)
		return wrong(proto, "more than %d levels", DEPTH_MAX);
	if (take(proto, '{'))
		return skip_message(proto, '}', depth + 1);
	if (take(proto, '<'))
		return skip_message(proto, '>', depth + 1);
	if (take(proto, '[')) {
		while (err == 0 && !take(proto, ']')) {
			if (*proto->at == '\0')
				return wrong(proto, "expected ] before the end");
			err = skip_value(proto, depth + 1);
		}
		return err;
	}
	if (*proto->at == '"' || *proto->at == '\'')
		return take_text(proto, text, true);
	return take_word(proto, text);
}

// "name: value" or "name { ... }", or "[extension] { ... }".
static int skip_field(struct proto *proto, unsigned depth)
{
	char name[TEXT_SIZE];
	int err = 0;

	if (take(proto, '[')) {
		err = take_word(proto, name);
		if (err == 0 && !take(proto, ']'))
			err = wrong(proto, "expected ] behind '%.40s'", name);
	} else {
		err = take_word(proto, name);
	}
	if (err != 0)
		return err;
	if (!take(proto, ':') && *proto->at != '{' && *proto->at != '<')
		return wrong(proto, "expected : or { behind '%.40s'", name);
	return skip_value(proto, depth);
}

struct text_field {
	const char *name;
	char *value; // [TEXT_SIZE]
};

// Text fields of a message into `fields`, which end with a row without name; others are read over.
static int take_fields(struct proto *proto, const struct text_field *fields)
{
	char end = '}', name[TEXT_SIZE];
	int err = 0;

	(void)take(proto, ':');
	if (take(proto, '<'))
		end = '>';
	else if (!take(proto, '{'))
		return wrong(proto, "expected {");
	while (err == 0 && !take(proto, end)) {
		const struct text_field *field = fields;
		struct proto before = *proto;

		if (*proto->at == '\0')
			return wrong(proto, "expected %c before the end", end);
		err = *proto->at == '[' ? 0 : take_word(proto, name);
		while (err == 0 && *before.at != '[' && field->name != NULL &&
		        strcmp(field->name, name) != 0)
			field++;
		if (err == 0 && *before.at != '[' && field->name != NULL) {
			err = take(proto, ':') ? take_text(proto, field->value, false)
			                       : wrong(proto, "expected : behind '%.40s'", name);
			continue;
		}
		if (err == 0) {
			*proto = before;
			proto->n_ignored++;
			err = skip_field(proto, 1);
		}
	}
	return err;
}

static int take_node(struct proto *proto)
{
	char name[TEXT_SIZE] = "";
	const struct text_field fields[] = {{"name", name}, {NULL, NULL}};
	uint32_t node;
	int err = take_fields(proto, fields);

	if (err == 0 && name[0] == '\0')
		err = wrong(proto, "nodes: expected a name");
	return err == 0 ? sink_get_node(
	                          proto->import->sink, (struct span){name, strlen(name)}, &node)
	                : err;
}

static int take_end(struct proto *proto, const char *node, const char *iface, uint32_t *ret_iface)
{
	uint32_t number;
	int err = sink_get_node(proto->import->sink, (struct span){node, strlen(node)}, &number);

	return err == 0 ? sink_get_iface(proto->import->sink, number,
	                          (struct span){iface, strlen(iface)}, ret_iface)
	                : err;
}

static int take_link(struct proto *proto)
{
	struct link link = {.a_node = ""};
	const struct text_field fields[] = {{"a_node", link.a_node}, {"a_int", link.a_int},
	        {"z_node", link.z_node}, {"z_int", link.z_int}, {NULL, NULL}};
	struct sink *sink = proto->import->sink;
	struct orrery_record *record;
	uint32_t a, z;
	int err = take_fields(proto, fields);

	for (size_t i = 0; i < 4 && err == 0; i++) {
		if (fields[i].value[0] == '\0')
			err = wrong(proto, "links: expected %s", fields[i].name);
	}
	if (err == 0)
		err = take_end(proto, link.a_node, link.a_int, &a);
	if (err == 0)
		err = take_end(proto, link.z_node, link.z_int, &z);
	if (err == 0 && (a == z || sink_link_to(sink, a) != SINK_NONE ||
	                        sink_link_to(sink, z) != SINK_NONE))
		err = wrong(proto, "links: %.40s:%.20s or %.40s:%.20s has a link already",
		        link.a_node, link.a_int, link.z_node, link.z_int);
	if (err == 0)
		err = sink_link(sink, a, z, &record);
	return err == 0 ? sink_link(sink, z, a, &record) : err;
}

static int take_topology(struct proto *proto)
{
	char name[TEXT_SIZE];
	int err = 0;

	skip_blanks(proto);
	while (err == 0 && *proto->at != '\0') {
		struct proto before = *proto;

		err = take_word(proto, name);
		if (err == 0 && strcmp(name, "nodes") == 0) {
			proto->topology = true;
			err = take_node(proto);
		} else if (err == 0 && strcmp(name, "links") == 0) {
			proto->topology = true;
			err = take_link(proto);
		} else if (err == 0) {
			*proto = before;
			proto->n_ignored += strcmp(name, "name") != 0;
			err = skip_field(proto, 0);
		}
		skip_blanks(proto);
	}
	return err;
}

int import_kne(struct import *import)
{
	struct ephemeris_info info = {.duration_ns = import->options->duration_ns};
	struct proto proto = {.import = import, .line = 1};
	struct text text;
	int err = source_read(import->source, "", &text, import->fault);

	if (err != 0)
		return err;
	proto.name = text.name;
	proto.at = text.data;
	if (info.duration_ns == 0)
		info.duration_ns = IMPORT_STATIC_NS;
	if (import->options->epoch_ns >= 0)
		info.epoch_ns = import->options->epoch_ns;
	err = sink_begin(import->sink, &info);
	if (err == 0)
		err = sink_epoch(import->sink, 0);
	if (err == 0)
		err = take_topology(&proto);
	text_fini(&text);
	if (err == 0 && !proto.topology)
		err = wrong(&proto,
		        "has no node and no link; expected a KNE topology in text protobuf");
	import_note(import, "direction", "a link is both directions");
	import_note(import, "delay",
	        "none, no limit of rate, no loss: set them with 'orrery link set'");
	import_note(import, "time", "nothing changes for the whole duration (1 h unless given)");
	import_note(import, "nodes", "all are pods");
	if (proto.n_ignored > 0)
		import_note(import, "ignored", "%llu fields that say nothing of links",
		        (unsigned long long)proto.n_ignored);
	return err;
}
