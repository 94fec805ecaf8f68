/* SPDX-License-Identifier: BSD-3-Clause */
// Lines and fields of a text, without copying it. Errors say "NAME:LINE: ...". Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "source.h"

struct span { // part of a text, not terminated
	const char *at;
	size_t len;
};

struct scan {
	const char *name; // for messages
	const char *at; // terminated
	unsigned line; // of the last one; 0: none yet
	struct fault *fault;
};

void scan_init(struct scan *scan, const struct text *text, struct fault *fault);
// Puts name and line before the words; returns -EINVAL.
__attribute__((format(printf, 2, 3))) int scan_wrong(const struct scan *scan, const char *fmt, ...);
// The next line without its end (\n or \r\n). False: there is none.
bool scan_line(struct scan *scan, struct span *ret_line);
// The next line that is not blank and does not start with '#'.
bool scan_line_of_data(struct scan *scan, struct span *ret_line);

// Cuts the part before the first `separator` off, without blanks around it. False: `rest` was
// used up before. Starts with a rest whose `at` is not NULL.
bool span_cut(struct span *rest, char separator, struct span *ret_part);
struct span span_trim(struct span span);
bool span_is(struct span span, const char *text);
bool span_starts(struct span span, const char *text);
// Copies with a terminator; -ENAMETOOLONG (nothing copied) if it does not fit.
__attribute__((warn_unused_result)) int span_copy(struct span span, char *buf, size_t size);
// Not more than 40 characters of it, printable, for messages.
#define SPAN_TEXT_SIZE 48
const char *span_text(struct span span, char buf[SPAN_TEXT_SIZE]);

// Whole decimal number. 0, -EINVAL or -ERANGE.
__attribute__((warn_unused_result)) int span_u64(struct span span, uint64_t max, uint64_t *ret);
__attribute__((warn_unused_result)) int span_i64(
        struct span span, int64_t min, int64_t max, int64_t *ret);
// "12", "-0.5", "1e-3": finite. 0, -EINVAL or -ERANGE.
__attribute__((warn_unused_result)) int span_real(
        struct span span, double min, double max, double *ret);
// A number without sign and exponent times `unit`, rounded: exact where it can be. 0, -EINVAL or
// -ERANGE.
__attribute__((warn_unused_result)) int span_fixed(
        struct span span, uint64_t unit, uint64_t max, uint64_t *ret);
