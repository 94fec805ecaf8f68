/* SPDX-License-Identifier: BSD-3-Clause */
// Units: durations, rates, sizes, probabilities, counts; and the sentences of a fault.
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "rng.h"
#include "units.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct good {
	const char *text;
	uint64_t value;
};

struct bad {
	const char *text;
	int err;
};

static void test_fault_set(void **state)
{
	struct fault fault;

	assert_int_equal(fault_set(&fault, -EINVAL, "mtu", "too %s", "big"), -EINVAL);
	assert_int_equal(fault.code, -EINVAL);
	assert_string_equal(fault.field, "mtu");
	assert_string_equal(fault.message, "too big");
	assert_int_equal(fault_set(NULL, -ENOENT, NULL, "x"), -ENOENT);
}

static void test_fault_keeps_utf8_whole(void **state)
{
	struct fault fault;
	char text[400], want[sizeof(fault.message)];

	// the euro sign is three bytes: cut after its second
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(fault.message) - 3, "\xe2\x82\xac", 3);
	text[399] = '\0';
	(void)fault_set(&fault, -EINVAL, "", "%s", text);
	memset(want, 'a', sizeof(want));
	strcpy(want + sizeof(want) - 3, "??");
	assert_string_equal(fault.message, want);

	(void)fault_set(&fault, -EINVAL, "f\n",
	        "a\x1b[2J \xe2\x82\xac \xc3 \xed\xa0\x80 \xc0\x80 \xf5 \xf0\x80\x80\x80");
	assert_string_equal(fault.field, "f?");
	assert_string_equal(fault.message, "a?[2J \xe2\x82\xac ? ??? ?? ? ????");
}

static void test_duration(void **state)
{
	static const struct good good[] = {{"0", 0}, {"0.000", 0}, {"0ms", 0}, {"10ns", 10},
	        {"150us", 150000}, {"4.2ms", 4200000}, {"30 s", 30000000000}, {"0.1us", 100},
	        {".5ms", 500000}, {"1.0000004us", 1000}, {"1.0005us", 1001}, {"2min", 120000000000},
	        {"1h", 3600000000000}, {"1d", 86400000000000}, {"1day", 86400000000000},
	        {"1.5 days", 129600000000000}, {"9223372036854775807ns", INT64_MAX},
	        {"0.000000001s", 1}, {"3.333333333333333333s", 3333333333}};
	static const struct bad bad[] = {{"", -EINVAL}, {"4", -EINVAL}, {"4.2", -EINVAL},
	        {"ms", -EINVAL}, {" 4ms", -EINVAL}, {"4ms ", -EINVAL}, {"4 ms ", -EINVAL},
	        {"4.ms", -EINVAL}, {".", -EINVAL}, {".ms", -EINVAL}, {"1.2.3ms", -EINVAL},
	        {"-4ms", -EINVAL}, {"+4ms", -EINVAL}, {"4m", -EINVAL}, {"4MS", -EINVAL},
	        {"4mss", -EINVAL}, {"1dd", -EINVAL}, {"200000d", -ERANGE}, {"0x4ms", -EINVAL},
	        {"1e3ms", -EINVAL}, {"nan", -EINVAL}, {"inf", -EINVAL}, {"4,2ms", -EINVAL},
	        {"4\tms", -EINVAL}, {"9223372036854775808ns", -ERANGE},
	        {"18446744073709551616ns", -ERANGE}, {"1000000000000h", -ERANGE},
	        {"0.1ns", -ERANGE}, {"0.00000000000000000001s", -ERANGE}};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t ns = -1;

		assert_int_equal(units_parse_duration_ns(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t ns = -77;

		assert_int_equal(units_parse_duration_ns(bad[i].text, &ns), bad[i].err);
		assert_int_equal(ns, -77);
	}
}

static void test_rate(void **state)
{
	static const struct good good[] = {{"unlimited", 0}, {"Unlimited", 0}, {"0", 0},
	        {"10gbit", 10000000000}, {"10Gbit", 10000000000}, {"10Gbit/s", 10000000000},
	        {"2.5 mbit", 2500000}, {"64kbit", 64000}, {"1000bit", 1000},
	        {"1.5tbit", 1500000000000}, {"18446744073709551615bit", UINT64_MAX}};
	static const struct bad bad[] = {{"", -EINVAL}, {"10", -EINVAL}, {"10mbps", -EINVAL},
	        {"10gbps", -EINVAL}, {"10g", -EINVAL}, {"10gb", -EINVAL}, {"10 gbit /s", -EINVAL},
	        {"/s", -EINVAL}, {"1/s", -EINVAL}, {"gbit", -EINVAL}, {"10kibit", -EINVAL},
	        {"-1gbit", -EINVAL}, {"unlimitedx", -EINVAL}, {"18446744073709551616bit", -ERANGE},
	        {"18446744073709552tbit", -ERANGE}, {"0.1bit", -ERANGE}};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint64_t bps = 77;

		assert_int_equal(units_parse_rate_bps(good[i].text, &bps), 0);
		assert_int_equal(bps, good[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t bps = 77;

		assert_int_equal(units_parse_rate_bps(bad[i].text, &bps), bad[i].err);
		assert_int_equal(bps, 77);
	}
}

static void test_size(void **state)
{
	static const struct good good[] = {{"0", 0}, {"1500", 1500}, {"1500B", 1500},
	        {"64k", 64000}, {"64K", 64000}, {"64kB", 64000}, {"64 kB", 64000},
	        {"1.5MB", 1500000}, {"2MiB", 2097152}, {"2Mi", 2097152}, {"0.5KiB", 512},
	        {"1G", 1000000000}, {"1TiB", 1099511627776}};
	static const struct bad bad[] = {{"", -EINVAL}, {"64kb", -EINVAL}, {"64b", -EINVAL},
	        {"B", -EINVAL}, {"k", -EINVAL}, {"1.5", -EINVAL}, {"1.5B", -EINVAL},
	        {"1.0005k", -EINVAL}, {"64kBB", -EINVAL}, {"64p", -EINVAL}, {"-1", -EINVAL},
	        {"64kB ", -EINVAL}, {"18446744073709551616", -ERANGE}, {"18446745T", -ERANGE}};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint64_t bytes = 77;

		assert_int_equal(units_parse_size_bytes(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t bytes = 77;

		assert_int_equal(units_parse_size_bytes(bad[i].text, &bytes), bad[i].err);
		assert_int_equal(bytes, 77);
	}
}

static void test_probability(void **state)
{
	static const struct {
		const char *text;
		double p;
	} good[] = {{"0", 0}, {"1", 1}, {"0%", 0}, {"100%", 1}, {"0.1%", 0.001}, {"0.001", 0.001},
	        {"1e-6", 1e-6}, {"2.5e-3%", 2.5e-5}, {"50 %", 0.5}, {"1.000", 1}};
	static const struct bad bad[] = {{"", -EINVAL}, {"%", -EINVAL}, {"0.1 ", -EINVAL},
	        {"0.1%%", -EINVAL}, {"1e6", -EINVAL}, {"1e-", -EINVAL}, {"1e--6", -EINVAL},
	        {"-0.1", -EINVAL}, {"nan", -EINVAL}, {"0.1p", -EINVAL}, {"1.001", -ERANGE},
	        {"101%", -ERANGE}, {"2", -ERANGE}, {"1e-31", -ERANGE},
	        {"1e-99999999999999999999999", -ERANGE}, {"0.00000000000000000001", -ERANGE}};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		double p = 77;

		assert_int_equal(units_parse_probability(good[i].text, &p), 0);
		assert_float_equal(p, good[i].p, 1e-15);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		double p = 77;

		assert_int_equal(units_parse_probability(bad[i].text, &p), bad[i].err);
		assert_float_equal(p, 77, 0);
	}
}

static void test_u64(void **state)
{
	uint64_t value = 77;

	assert_int_equal(units_parse_u64("", 0, 9, &value), -EINVAL);
	assert_int_equal(units_parse_u64("-1", 0, 9, &value), -EINVAL);
	assert_int_equal(units_parse_u64(" 1", 0, 9, &value), -EINVAL);
	assert_int_equal(units_parse_u64("1x", 0, 9, &value), -EINVAL);
	assert_int_equal(units_parse_u64("99999999999999999999x", 0, 9, &value), -EINVAL);
	assert_int_equal(units_parse_u64("10", 0, 9, &value), -ERANGE);
	assert_int_equal(units_parse_u64("0", 1, 9, &value), -ERANGE);
	assert_int_equal(units_parse_u64("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(value, 77);
	assert_int_equal(units_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_int_equal(value, UINT64_MAX);
	assert_int_equal(units_parse_u64("007", 0, 9, &value), 0);
	assert_int_equal(value, 7);
}

static void test_format_duration(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {{0, "0"}, {1, "1ns"}, {999, "999ns"}, {1000, "1us"}, {1500, "1.5us"},
	        {4200000, "4.2ms"}, {13440000, "13.44ms"}, {12345678, "12.3457ms"},
	        {999999960, "1s"}, {999999949, "999.9999ms"}, {90000000000, "90s"},
	        {-1500, "-1.5us"}, {INT64_MAX, "9223372036.8548s"},
	        {INT64_MIN, "-9223372036.8548s"}};
	char buf[UNITS_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(units_format_duration(buf, cases[i].ns), cases[i].text);
}

static void test_format_others(void **state)
{
	static const struct {
		uint64_t value;
		const char *rate, *size, *count;
	} cases[] = {{0, "unlimited", "0B", "0"}, {999, "999bit", "999B", "999"},
	        {1000, "1kbit", "1kB", "1k"}, {1234, "1.234kbit", "1.234kB", "1.23k"},
	        {12345, "12.345kbit", "12.345kB", "12.3k"},
	        {123456, "123.456kbit", "123.456kB", "123k"},
	        {999499, "999.499kbit", "999.499kB", "999k"},
	        {999500, "999.5kbit", "999.5kB", "1M"}, {99950, "99.95kbit", "99.95kB", "100k"},
	        {10000000000, "10gbit", "10GB", "10G"}, {2500000, "2.5mbit", "2.5MB", "2.5M"},
	        {UINT64_MAX, "18446744.0737tbit", "18446744.0737TB", "18.4E"}};
	char buf[UNITS_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(units_format_rate(buf, cases[i].value), cases[i].rate);
		assert_string_equal(units_format_size(buf, cases[i].value), cases[i].size);
		assert_string_equal(units_format_count(buf, cases[i].value), cases[i].count);
	}
	assert_string_equal(units_format_probability(buf, 0), "0%");
	assert_string_equal(units_format_probability(buf, 0.001), "0.1%");
	assert_string_equal(units_format_probability(buf, 4294967 / 4294967296.0), "0.1%");
	assert_string_equal(units_format_probability(buf, 0.99999), "99.999%");
	assert_string_equal(units_format_probability(buf, 1), "100%");
}

// What we print we can read again, and it is no further off than the four decimals allow.
static void test_round_trip(void **state)
{
	struct rng rng;
	char buf[UNITS_TEXT_SIZE];

	rng_seed(&rng, 1, 1);
	for (int i = 0; i < 20000; i++) {
		uint64_t value = rng_next(&rng) >> (2 + rng_next(&rng) % 60), bytes = 0, bps = 0;
		int64_t ns = 0;
		double p = (double)(value % 1000001) / 1e6, parsed_p = 0;

		assert_int_equal(
		        units_parse_duration_ns(units_format_duration(buf, (int64_t)value), &ns),
		        0);
		assert_true(
		        (double)(ns > (int64_t)value ? ns - (int64_t)value : (int64_t)value - ns) <=
		        0.00006 * (double)value);
		assert_int_equal(units_parse_rate_bps(units_format_rate(buf, value), &bps), 0);
		assert_true((double)(bps > value ? bps - value : value - bps) <=
		            0.00006 * (double)value);
		assert_int_equal(units_parse_size_bytes(units_format_size(buf, value), &bytes), 0);
		assert_true((double)(bytes > value ? bytes - value : value - bytes) <=
		            0.00006 * (double)value);
		assert_int_equal(
		        units_parse_probability(units_format_probability(buf, p), &parsed_p), 0);
		assert_float_equal(parsed_p, p, 1e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fault_set),
	        cmocka_unit_test(test_fault_keeps_utf8_whole), cmocka_unit_test(test_duration),
	        cmocka_unit_test(test_rate), cmocka_unit_test(test_size),
	        cmocka_unit_test(test_probability), cmocka_unit_test(test_u64),
	        cmocka_unit_test(test_format_duration), cmocka_unit_test(test_format_others),
	        cmocka_unit_test(test_round_trip)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
