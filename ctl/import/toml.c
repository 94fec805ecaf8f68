/* SPDX-License-Identifier: BSD-3-Clause */
// TOML to JSON values, line by line; a list may go over several.
#include "toml.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define KEY_SIZE 128
#define TEXT_SIZE 4096
#define DEPTH_MAX 32
#define VALUES_MAX 1000000

struct toml {
	const char *name; // of the file
	const char *at;
	unsigned line;
	struct fault *fault;
	json_t *root;
	json_t *table; // the one that keys go to; borrowed
	unsigned n_values;
};

__attribute__((format(printf, 2, 3))) static int wrong(
        const struct toml *toml, const char *fmt, ...)
{
	const struct scan scan = {.name = toml->name, .line = toml->line, .fault = toml->fault};
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return scan_wrong(&scan, "%s", text);
}

static void skip_blanks(struct toml *toml)
{
	toml->at += strspn(toml->at, " \t");
}

// Blanks, comments and line ends.
static void skip_lines(struct toml *toml)
{
	for (;; toml->at++) {
		if (*toml->at == '#')
			toml->at += strcspn(toml->at, "\n");
		if (*toml->at == '\n')
			toml->line++;
		else if (*toml->at == '\0' || strchr(" \t\r", *toml->at) == NULL)
			return;
	}
}

static int end_line(struct toml *toml)
{
	skip_blanks(toml);
	if (*toml->at == '#')
		toml->at += strcspn(toml->at, "\n");
	if (*toml->at == '\r')
		toml->at++;
	if (*toml->at != '\n' && *toml->at != '\0')
		return wrong(toml, "expected the end of the line");
	return 0;
}

static int take_key(struct toml *toml, char key[KEY_SIZE])
{
	size_t n = 0;

	skip_blanks(toml);
	while (isalnum((unsigned char)toml->at[n]) || toml->at[n] == '_' || toml->at[n] == '-')
		n++;
	if (n == 0 || n >= KEY_SIZE)
		return wrong(toml, "expected a key of letters, digits, '_' and '-'");
	memcpy(key, toml->at, n);
	key[n] = '\0';
	toml->at += n;
	skip_blanks(toml);
	return 0;
}

// --- values -------------------------------------------------------------------------------------

static int take_text(struct toml *toml, json_t **ret)
{
	char quote = *toml->at++, text[TEXT_SIZE];
	size_t n = 0;

	if (toml->at[0] == quote && toml->at[1] == quote)
		return wrong(toml, "text over several lines is not read here");
	for (; *toml->at != quote; toml->at++) {
		if (*toml->at == '\0' || *toml->at == '\n')
			return wrong(toml, "expected %c at the end of the text", quote);
		if (*toml->at == '\\' && quote == '"') {
			toml->at++;
			if (*toml->at != '"' && *toml->at != '\\')
				return wrong(toml, "of escapes, only \\\" and \\\\ are read here");
		}
		if (n + 1 == sizeof(text))
			return wrong(toml, "text of more than %d bytes", TEXT_SIZE - 1);
		text[n++] = *toml->at;
	}
	toml->at++;
	*ret = json_stringn(text, n);
	return *ret != NULL ? 0 : wrong(toml, "expected text in UTF-8");
}

// An integer or a real, with '_' between digits.
static int take_number(struct toml *toml, json_t **ret)
{
	size_t len = strcspn(toml->at, " \t\r\n,]#");
	char text[64];
	size_t n = 0;
	int64_t whole;
	double real;

	for (size_t i = 0; i < len && n + 1 < sizeof(text); i++) {
		bool between = i > 0 && isdigit((unsigned char)toml->at[i - 1]) &&
		               isdigit((unsigned char)toml->at[i + 1]);

		if (toml->at[i] != '_' || !between)
			text[n++] = toml->at[i];
	}
	text[n] = '\0';
	const struct span span = {text + (text[0] == '+'), n - (text[0] == '+')};

	if (span_i64(span, INT64_MIN, INT64_MAX, &whole) == 0)
		*ret = json_integer(whole);
	else if (span_real(span, -1e300, 1e300, &real) == 0)
		*ret = json_real(real);
	else
		return wrong(
		        toml, "expected text, a number, true, false or a list; got '%.40s'", text);
	toml->at += len;
	return 0;
}

static int take_value(struct toml *toml, unsigned depth, json_t **ret);

static int take_list(struct toml *toml, unsigned depth, json_t *list)
{
	int err = 0;

	toml->at++;
	skip_lines(toml);
	while (err == 0 && *toml->at != ']') {
		json_t *value = NULL;

		err = take_value(toml, depth + 1, &value);
		if (err != 0)
			return err;
		if (json_array_append_new(list, value) != 0)
			return fault_set(toml->fault, -ENOMEM, "", "import: out of memory");
		skip_lines(toml);
		if (*toml->at == ',')
			toml->at++;
		else if (*toml->at != ']')
			return wrong(toml, "expected , or ] in a list");
		skip_lines(toml);
	}
	toml->at++;
	return 0;
}

static int take_value(struct toml *toml, unsigned depth, json_t **ret)
{
	int err;

	if (depth > DEPTH_MAX || ++toml->n_values > VALUES_MAX)
		return wrong(toml, "more than %d levels, or %d values", DEPTH_MAX, VALUES_MAX);
	if (*toml->at == '"' || *toml->at == '\'')
		return take_text(toml, ret);
	if (*toml->at == '{')
		return wrong(toml, "tables in braces are not read here");
	if (strncmp(toml->at, "true", 4) == 0 || strncmp(toml->at, "false", 5) == 0) {
		*ret = json_boolean(*toml->at == 't');
		toml->at += *toml->at == 't' ? 4 : 5;
		return 0;
	}
	if (*toml->at != '[')
		return take_number(toml, ret);
	*ret = json_array();
	err = take_list(toml, depth, *ret);
	if (err != 0)
		json_decref(*ret);
	return err;
}

static int take_pair(struct toml *toml)
{
	char key[KEY_SIZE];
	json_t *value = NULL;
	int err = take_key(toml, key);

	if (err != 0)
		return err;
	if (*toml->at != '=')
		return wrong(toml, "expected = behind '%.40s'", key);
	if (json_object_get(toml->table, key) != NULL)
		return wrong(toml, "key '%.40s': it is there already", key);
	toml->at++;
	skip_blanks(toml);
	err = take_value(toml, 0, &value);
	if (err != 0)
		return err;
	if (json_object_set_new(toml->table, key, value) != 0)
		return fault_set(toml->fault, -ENOMEM, "", "import: out of memory");
	return end_line(toml);
}

// --- tables -------------------------------------------------------------------------------------

static json_t *new_table(const struct toml *toml)
{
	return json_pack("{s:i}", TOML_LINE, (int)toml->line);
}

// The table of that name in `in`, the last one of a list of them; made if there is none.
static json_t *step_into(const struct toml *toml, json_t *in, const char *key)
{
	json_t *there = json_object_get(in, key);

	if (there == NULL) {
		there = new_table(toml);
		if (json_object_set_new(in, key, there) != 0)
			return NULL;
	}
	if (json_is_array(there))
		there = json_array_get(there, json_array_size(there) - 1);
	return json_is_object(there) ? there : NULL;
}

static int begin_list_table(struct toml *toml, json_t *in, const char *key)
{
	json_t *list = json_object_get(in, key);

	if (list == NULL) {
		list = json_array();
		(void)json_object_set_new(in, key, list);
	}
	toml->table = new_table(toml);
	if (!json_is_array(list) ||
	        (json_array_size(list) > 0 && !json_is_object(json_array_get(list, 0)))) {
		json_decref(toml->table);
		return wrong(toml, "[[%.40s]]: it is there already, and no list of tables", key);
	}
	if (++toml->n_values > VALUES_MAX || json_array_append_new(list, toml->table) != 0)
		return wrong(toml, "more than %d values", VALUES_MAX);
	return 0;
}

static int begin_table(struct toml *toml, json_t *in, const char *key)
{
	json_t *there = json_object_get(in, key);

	if (there != NULL)
		return wrong(toml, "[%.40s]: it is there already", key);
	toml->table = new_table(toml);
	if (json_object_set_new(in, key, toml->table) != 0)
		return fault_set(toml->fault, -ENOMEM, "", "import: out of memory");
	return 0;
}

// "[a.b]" or "[[a.b]]"
static int take_header(struct toml *toml)
{
	bool list = toml->at[1] == '[';
	json_t *in = toml->root;
	char key[KEY_SIZE];
	unsigned depth = 0;
	int err;

	toml->at += list ? 2 : 1;
	err = take_key(toml, key);
	while (err == 0 && *toml->at == '.') {
		toml->at++;
		in = step_into(toml, in, key);
		if (in == NULL || ++depth > DEPTH_MAX)
			return wrong(toml, "'%.40s' is no table", key);
		err = take_key(toml, key);
	}
	if (err != 0)
		return err;
	if (*toml->at != ']' || (list && toml->at[1] != ']'))
		return wrong(toml, "expected %s behind '%.40s'", list ? "]]" : "]", key);
	toml->at += list ? 2 : 1;
	err = list ? begin_list_table(toml, in, key) : begin_table(toml, in, key);
	return err == 0 ? end_line(toml) : err;
}

int toml_read(const struct text *text, json_t **ret_value, struct fault *fault)
{
	struct toml toml = {.name = text->name, .at = text->data, .line = 1, .fault = fault};
	int err = 0;

	toml.root = toml.table = new_table(&toml);
	if (toml.root == NULL)
		return fault_set(fault, -ENOMEM, "", "import: out of memory");
	skip_lines(&toml);
	while (err == 0 && *toml.at != '\0') {
		err = *toml.at == '[' ? take_header(&toml) : take_pair(&toml);
		skip_lines(&toml);
	}
	if (err != 0)
		json_decref(toml.root);
	else
		*ret_value = toml.root;
	return err;
}
