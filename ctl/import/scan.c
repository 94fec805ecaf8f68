/* SPDX-License-Identifier: BSD-3-Clause */
// Lines and fields of a text.
#include "scan.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define NUMBER_SIZE 64

void scan_init(struct scan *scan, const struct text *text, struct fault *fault)
{
	*scan = (struct scan){.name = text->name, .at = text->data, .fault = fault};
}

int scan_wrong(const struct scan *scan, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(scan->fault, -EINVAL, "", "%.100s:%u: %s", scan->name, scan->line, text);
}

bool scan_line(struct scan *scan, struct span *ret_line)
{
	size_t len;

	if (*scan->at == '\0')
		return false;
	len = strcspn(scan->at, "\n");
	*ret_line = (struct span){scan->at, len};
	scan->at += len + (scan->at[len] == '\n');
	scan->line++;
	if (len > 0 && ret_line->at[len - 1] == '\r')
		ret_line->len--;
	return true;
}

bool scan_line_of_data(struct scan *scan, struct span *ret_line)
{
	while (scan_line(scan, ret_line)) {
		struct span span = span_trim(*ret_line);

		if (span.len > 0 && span.at[0] != '#')
			return true;
	}
	return false;
}

struct span span_trim(struct span span)
{
	while (span.len > 0 && (span.at[0] == ' ' || span.at[0] == '\t')) {
		span.at++;
		span.len--;
	}
	while (span.len > 0 && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t'))
		span.len--;
	return span;
}

bool span_cut(struct span *rest, char separator, struct span *ret_part)
{
	const char *end;

	if (rest->at == NULL)
		return false;
	end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
	if (end == NULL) {
		*ret_part = span_trim(*rest);
		*rest = (struct span){NULL, 0};
		return true;
	}
	*ret_part = span_trim((struct span){rest->at, (size_t)(end - rest->at)});
	rest->len -= (size_t)(end - rest->at) + 1;
	rest->at = end + 1;
	return true;
}

bool span_is(struct span span, const char *text)
{
	return strlen(text) == span.len && memcmp(span.at, text, span.len) == 0;
}

bool span_starts(struct span span, const char *text)
{
	size_t len = strlen(text);

	return span.len >= len && memcmp(span.at, text, len) == 0;
}

int span_copy(struct span span, char *buf, size_t size)
{
	if (span.len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, span.at, span.len);
	buf[span.len] = '\0';
	return 0;
}

const char *span_text(struct span span, char buf[SPAN_TEXT_SIZE])
{
	size_t len = span.len < 40 ? span.len : 40;

	for (size_t i = 0; i < len; i++)
		buf[i] = isprint((unsigned char)span.at[i]) ? span.at[i] : '?';
	strcpy(buf + len, len < span.len ? "..." : "");
	return buf;
}

int span_u64(struct span span, uint64_t max, uint64_t *ret)
{
	char number[NUMBER_SIZE];

	if (span_copy(span, number, sizeof(number)) != 0)
		return -EINVAL;
	return units_parse_u64(number, 0, max, ret);
}

int span_i64(struct span span, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = span.len > 0 && span.at[0] == '-';
	uint64_t value;
	int err;

	if (negative)
		span = (struct span){span.at + 1, span.len - 1};
	err = span_u64(span, INT64_MAX, &value);
	if (err != 0)
		return err;
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return *ret >= min && *ret <= max ? 0 : -ERANGE;
}

int span_real(struct span span, double min, double max, double *ret)
{
	char number[NUMBER_SIZE], *end;

	// strtod would take blanks, "inf" and hexadecimal numbers too
	if (span_copy(span, number, sizeof(number)) != 0 || number[0] == '\0' ||
	        strspn(number, "0123456789.eE+-") != span.len)
		return -EINVAL;
	*ret = strtod(number, &end);
	if (*end != '\0')
		return -EINVAL;
	return *ret >= min && *ret <= max ? 0 : -ERANGE;
}

int span_fixed(struct span span, uint64_t unit, uint64_t max, uint64_t *ret)
{
	uint64_t mantissa = 0, divisor = 1;
	bool point = false, digits = false;
	unsigned __int128 value;

	for (size_t i = 0; i < span.len; i++) {
		char c = span.at[i];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return -EINVAL;
		digits = true;
		if (point && divisor >= 1000000000000ull)
			continue; // a billionth part of any of our units
		if (mantissa > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		mantissa = mantissa * 10 + (unsigned)(c - '0');
		divisor *= point ? 10 : 1;
	}
	if (!digits)
		return -EINVAL;
	value = ((unsigned __int128)mantissa * unit + divisor / 2) / divisor;
	if (value > max)
		return -ERANGE;
	*ret = (uint64_t)value;
	return 0;
}
