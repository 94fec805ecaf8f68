/* SPDX-License-Identifier: BSD-3-Clause */
// Text with units to numbers and back: durations, rates, sizes, probabilities.
// Parsers take the whole string or fail; they return 0, -EINVAL (not of the form) or -ERANGE.
// Formatters return `buf`, always terminated; UNITS_TEXT_SIZE holds every result.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_SIZE 32

// "4.2ms", "150us", "30 s", "10ns", "2days", "0"; a bare non-zero number is refused. Result in
// nanoseconds.
__attribute__((warn_unused_result)) int units_parse_duration_ns(const char *text, int64_t *ret_ns);
// "10gbit", "2.5 mbit", "64kbit", "1000bit", "unlimited" (0). Decimal multiples, bits per second.
// "mbps" and the like are refused: tc reads them as bytes, people as bits.
__attribute__((warn_unused_result)) int units_parse_rate_bps(const char *text, uint64_t *ret_bps);
// "64k", "1.5MB" (decimal), "2MiB", "1500B", "1500". Result in bytes.
__attribute__((warn_unused_result)) int units_parse_size_bytes(
        const char *text, uint64_t *ret_bytes);
// "0.1%" or a fraction "0.001"; 0 to 1. Result as a fraction.
__attribute__((warn_unused_result)) int units_parse_probability(const char *text, double *ret_p);
// Decimal integer, whole string, range checked.
__attribute__((warn_unused_result)) int units_parse_u64(
        const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

// "4.2ms", "13.44ms", "0"; at most 4 decimals, the largest unit that keeps the value >= 1.
char *units_format_duration(char buf[UNITS_TEXT_SIZE], int64_t ns);
char *units_format_rate(char buf[UNITS_TEXT_SIZE], uint64_t bps);
char *units_format_size(char buf[UNITS_TEXT_SIZE], uint64_t bytes);
char *units_format_probability(char buf[UNITS_TEXT_SIZE], double p);
// "1.23M": counters and packet rates for people.
char *units_format_count(char buf[UNITS_TEXT_SIZE], uint64_t n);
