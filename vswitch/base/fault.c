/* SPDX-License-Identifier: BSD-3-Clause */
// Filling a struct fault.
#include "fault.h"

#include <stddef.h>
#include <stdio.h>

// Length of the UTF-8 sequence at `p`, 0 if it is not one (overlong, surrogate, cut short, >
// U+10FFFF).
static size_t utf8_len(const unsigned char *p)
{
	static const unsigned char second_min[] = {[0xe0 - 0xe0] = 0xa0, [0xf0 - 0xe0] = 0x90};
	size_t len = p[0] < 0x80   ? 1
	             : p[0] < 0xc2 ? 0
	             : p[0] < 0xe0 ? 2
	             : p[0] < 0xf0 ? 3
	             : p[0] < 0xf5 ? 4
	                           : 0;

	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 || p[0] == 0xf0) && p[1] < second_min[p[0] - 0xe0])
		return 0;
	if ((p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return len;
}

// Messages quote what others sent. They end in JSON, in logs and on terminals: no broken UTF-8 (a
// text cut by its buffer has some) and no control characters.
static void sanitize(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p != '\0') {
		size_t len = utf8_len(p);

		if (len == 0 || *p < 0x20 || *p == 0x7f) {
			*p = '?';
			len = 1;
		}
		p += len;
	}
}

int fault_set(struct fault *fault, int code, const char *field, const char *fmt, ...)
{
	va_list ap;

	if (fault == NULL)
		return code;
	fault->code = code;
	snprintf(fault->field, sizeof(fault->field), "%s", field != NULL ? field : "");
	va_start(ap, fmt);
	vsnprintf(fault->message, sizeof(fault->message), fmt, ap);
	va_end(ap);
	sanitize(fault->field);
	sanitize(fault->message);
	return code;
}
