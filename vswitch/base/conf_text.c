/* SPDX-License-Identifier: BSD-3-Clause */
// Whole numbers in libconfig text, by the patterns of its scanner.
#include "conf_text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_file.h"

#define DEPTH_MAX 10 // of includes, as in libconfig
#define FILES_MAX 1000 // included in all: they may include each other again and again
#define KEY_SIZE 64
#define PATH_SIZE 1024

static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789abcdefABCDEF";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*";
static const char name_letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*0123456789-_";

struct scan {
	const char *name;
	const char *text;
	const char *at;
	unsigned line;
	char key[KEY_SIZE]; // the last name
	unsigned depth;
	unsigned *n_files; // included so far, and bytes in them
	size_t *n_bytes;
	struct fault *fault;
};

static bool is_in(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void skip(struct scan *scan, size_t n)
{
	for (; n > 0 && *scan->at != '\0'; n--) {
		scan->line += *scan->at == '\n';
		scan->at++;
	}
}

static void skip_block_comment(struct scan *scan)
{
	const char *end = strstr(scan->at + 2, "*/");

	skip(scan, end != NULL ? (size_t)(end + 2 - scan->at) : strlen(scan->at));
}

static void skip_string(struct scan *scan)
{
	skip(scan, 1);
	while (*scan->at != '\0' && *scan->at != '"')
		skip(scan, *scan->at == '\\' ? 2 : 1);
	skip(scan, 1);
}

static void take_name(struct scan *scan)
{
	size_t len = strspn(scan->at, name_letters);

	snprintf(scan->key, sizeof(scan->key), "%.*s", (int)(len < KEY_SIZE ? len : KEY_SIZE - 1),
	        scan->at);
	skip(scan, len);
}

// Length of a fraction: ".5", "1.", "-2e3"; 0 if it is none. `n_digits` of the number at `text`
// stand behind its sign.
static size_t fraction_len(const char *text, size_t n_digits)
{
	size_t len = (is_in("+-", *text) ? 1 : 0) + n_digits;
	bool point = text[len] == '.';
	size_t sign;

	if (point)
		len += 1 + strspn(text + len + 1, digits);
	else if (n_digits == 0)
		return 0;
	sign = is_in("eE", text[len]) && is_in("+-", text[len + 1]) ? 1 : 0;
	if (is_in("eE", text[len]) && is_in(digits, text[len + 1 + sign]))
		return len + 1 + sign + strspn(text + len + 1 + sign, digits);
	return point ? len : 0;
}

static int refuse(const struct scan *scan, size_t len, bool wide)
{
	if (wide)
		return fault_set(scan->fault, -ERANGE, scan->key,
		        "%.120s:%u: key '%s': %.*s does not fit 64 bits", scan->name, scan->line,
		        scan->key, (int)(len < 40 ? len : 40), scan->at);
	return fault_set(scan->fault, -ERANGE, scan->key,
	        "%.120s:%u: key '%s': %.*s does not fit 32 bits; larger numbers have an L behind",
	        scan->name, scan->line, scan->key, (int)(len < 40 ? len : 40), scan->at);
}

static bool fits(const char *text, bool hex, bool wide)
{
	int64_t min = wide ? INT64_MIN : INT32_MIN, max = wide ? INT64_MAX : INT32_MAX;
	long long value;

	errno = 0;
	value = strtoll(text, NULL, hex ? 16 : 10);
	return errno == 0 && value >= min && value <= max;
}

static int take_number(struct scan *scan)
{
	size_t sign = is_in("+-", *scan->at) ? 1 : 0;
	size_t n_digits = strspn(scan->at + sign, digits);
	size_t len = fraction_len(scan->at, n_digits), suffix = 0;
	bool hex = scan->at[0] == '0' && is_in("xX", scan->at[1]) && is_in(hex_digits, scan->at[2]);

	if (len != 0 || (n_digits == 0 && !hex)) {
		skip(scan, len != 0 ? len : 1);
		return 0;
	}
	len = hex ? 2 + strspn(scan->at + 2, hex_digits) : sign + n_digits;
	while (suffix < 2 && scan->at[len + suffix] == 'L')
		suffix++;
	if (!fits(scan->at, hex, suffix > 0))
		return refuse(scan, len + suffix, suffix > 0);
	skip(scan, len + suffix);
	return 0;
}

static int scan_text(struct scan *scan);

// libconfig includes where nothing but blanks stands before it in its line.
static bool is_include(const struct scan *scan)
{
	const char *p = scan->at;

	if (strncmp(p, "@include", strlen("@include")) != 0 || !is_in(" \t", p[strlen("@include")]))
		return false;
	while (p > scan->text && is_in(" \t", p[-1]))
		p--;
	return p == scan->text || p[-1] == '\n';
}

static int scan_file(struct scan *scan, const char *path)
{
	struct fault fault = {0};
	char *text;
	int err;

	if (scan->depth == DEPTH_MAX)
		return fault_set(scan->fault, -EINVAL, "",
		        "%.120s:%u: files are included more than %d deep", scan->name, scan->line,
		        DEPTH_MAX);
	if (++*scan->n_files > FILES_MAX)
		return fault_set(scan->fault, -EINVAL, "",
		        "%.120s:%u: more than %d files are included", scan->name, scan->line,
		        FILES_MAX);
	err = text_file_read(path, &text, &fault);
	if (err != 0)
		return fault_set(scan->fault, err, "", "%.120s:%u: %s", scan->name, scan->line,
		        fault.message);
	struct scan inner = {.name = path,
	        .text = text,
	        .at = text,
	        .line = 1,
	        .depth = scan->depth + 1,
	        .n_files = scan->n_files,
	        .n_bytes = scan->n_bytes,
	        .fault = scan->fault};

	*scan->n_bytes += strlen(text);
	err = *scan->n_bytes <= TEXT_FILE_MAX
	              ? scan_text(&inner)
	              : fault_set(scan->fault, -EFBIG, "",
	                        "%.120s:%u: more than %u bytes are included", scan->name,
	                        scan->line, TEXT_FILE_MAX);
	free(text);
	return err;
}

// What libconfig would open, from the same folder.
static int take_include(struct scan *scan)
{
	char path[PATH_SIZE];
	const char *start = scan->at + strlen("@include");
	size_t len;
	int err;

	start += strspn(start, " \t");
	len = *start == '"' ? strcspn(start + 1, "\"\\\n") : 0;
	if (*start != '"') {
		skip(scan, strlen("@include")); // libconfig says what is wrong
		return 0;
	}
	if (len == 0 || len >= sizeof(path) || start[1 + len] != '"')
		return fault_set(scan->fault, -EINVAL, "",
		        "%.120s:%u: @include: expected a path without '\\', at most %d bytes, in "
		        "quotes",
		        scan->name, scan->line, PATH_SIZE - 1);
	memcpy(path, start + 1, len);
	path[len] = '\0';
	err = scan_file(scan, path);
	skip(scan, (size_t)(start + len + 2 - scan->at));
	return err;
}

static int scan_text(struct scan *scan)
{
	int err = 0;

	while (*scan->at != '\0' && err == 0) {
		char c = *scan->at;

		if (c == '#' || (c == '/' && scan->at[1] == '/'))
			skip(scan, strcspn(scan->at, "\n"));
		else if (c == '/' && scan->at[1] == '*')
			skip_block_comment(scan);
		else if (c == '"')
			skip_string(scan);
		else if (is_in(letters, c))
			take_name(scan);
		else if (is_in(digits, c) || is_in("+-.", c))
			err = take_number(scan);
		else if (is_include(scan))
			err = take_include(scan);
		else
			skip(scan, 1);
	}
	return err;
}

int conf_text_check(const char *text, const char *name, struct fault *fault)
{
	unsigned n_files = 0;
	size_t n_bytes = 0;
	struct scan scan = {.name = name,
	        .text = text,
	        .at = text,
	        .line = 1,
	        .n_files = &n_files,
	        .n_bytes = &n_bytes,
	        .fault = fault};

	return scan_text(&scan);
}
