/* SPDX-License-Identifier: BSD-3-Clause */
// Element sets: what is read, what is refused and with which words.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simtime.h"
#include "tle.h"

#define FIRST "1 90001U 26001A   26001.50000000  .00000000  00000+0  30000-4 0    13"
#define SECOND "2 90001  51.6400 120.0000 0006000  30.0000 330.0000 15.50000000    18"

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.15g, expected %.15g", value, expected);
}

static size_t read_good(const char *text, struct tle **ret_tles)
{
	struct fault fault = {0};
	size_t n;

	if (tle_read_text(text, "t.tle", ret_tles, &n, &fault) != 0)
		fail_msg("%s", fault.message);
	return n;
}

static void test_values(void **state)
{
	struct tle *tles;
	char time[SIMTIME_TEXT_SIZE];

	assert_int_equal(read_good("STATION LOW\n" FIRST "\n" SECOND "\n", &tles), 1);
	assert_string_equal(tles[0].name, "STATION LOW");
	assert_int_equal(tles[0].catalog, 90001);
	assert_int_equal(tles[0].line, 2);
	assert_string_equal(
	        simtime_format(time, tles[0].elements.epoch_ns), "2026-01-01T12:00:00Z");
	assert_near(tles[0].elements.bstar, 3e-5, 1e-20);
	assert_near(rad_to_deg(tles[0].elements.inclination_rad), 51.64, 1e-12);
	assert_near(rad_to_deg(tles[0].elements.raan_rad), 120, 1e-12);
	assert_near(tles[0].elements.eccentricity, 0.0006, 1e-15);
	assert_near(rad_to_deg(tles[0].elements.perigee_rad), 30, 1e-12);
	assert_near(rad_to_deg(tles[0].elements.anomaly_rad), 330, 1e-12);
	assert_near(tles[0].elements.mean_motion_rad_min, 15.5 * 2 * M_PI / 1440, 1e-15);
	free(tles);
}

static void test_forms(void **state)
{
	struct tle *tles;

	// two lines; CR LF; "0 " before the name; empty lines and comments; no newline at the end
	assert_int_equal(read_good(FIRST "\n" SECOND, &tles), 1);
	assert_string_equal(tles[0].name, "");
	free(tles);
	assert_int_equal(read_good("# c\r\n\r\n0 LOW\r\n" FIRST "\r\n" SECOND "  \r\n\n" FIRST
	                           "\n#\n" SECOND "\n1 TWO\n" FIRST "\n" SECOND,
	                         &tles),
	        3);
	assert_string_equal(tles[0].name, "LOW");
	assert_string_equal(tles[1].name, "");
	assert_int_equal(tles[1].line, 7);
	assert_string_equal(tles[2].name, "1 TWO");
	free(tles);
}

// Replaces text in a line and sets its checksum right again.
static void change(char line[70], int column, const char *text)
{
	int sum = 0;

	memcpy(line + column - 1, text, strlen(text));
	for (int i = 0; i < 68; i++)
		sum += line[i] >= '0' && line[i] <= '9' ? line[i] - '0' : line[i] == '-';
	line[68] = (char)('0' + sum % 10);
}

static void assert_refused(const char *text, const char *words)
{
	struct fault fault = {0};
	struct tle *tles;
	size_t n;

	assert_true(tle_read_text(text, "t.tle", &tles, &n, &fault) < 0);
	if (strstr(fault.message, words) == NULL)
		fail_msg("'%s' is not in '%s'", words, fault.message);
}

static void test_changed_fields(void **state)
{
	static const struct {
		int line, column;
		const char *text, *words;
	} rows[] = {
	        {1, 3, "9000X", "t.tle:1: catalog number"},
	        {1, 8, "X", "t.tle:1: class"},
	        {1, 9, "x", "t.tle:1: column 9"},
	        {1, 19, "2x", "t.tle:1: epoch year"},
	        {1, 21, "000.5", "t.tle:1: epoch day"},
	        {1, 21, "367.0", "t.tle:1: epoch day"},
	        {1, 21, "1.50000", "t.tle:1: epoch day"},
	        {1, 34, " .0000000x", "t.tle:1: first derivative"},
	        {1, 45, " 00000*0", "t.tle:1: second derivative"},
	        {1, 54, " 3000 -4", "t.tle:1: drag term"},
	        {2, 3, "90002", "t.tle:2: catalog number is 90002, line 1 has 90001"},
	        {2, 9, "180.0001", "t.tle:2: inclination"},
	        {2, 9, " -1.0000", "t.tle:2: inclination"},
	        {2, 18, "360.0001", "t.tle:2: right ascension"},
	        {2, 27, "00 6000", "t.tle:2: eccentricity"},
	        {2, 27, "000.000", "t.tle:2: eccentricity"},
	        {2, 35, "1e2.0000", "t.tle:2: argument of perigee"},
	        {2, 44, "     nan", "t.tle:2: mean anomaly"},
	        {2, 53, "00.00000000", "t.tle:2: mean motion"},
	        {2, 53, "18.50000000", "t.tle:2: mean motion"},
	        {2, 53, "17.90000000", "t.tle:1: satellite 90001 is in no orbit"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char first[] = FIRST, second[] = SECOND, text[160];

		change(rows[i].line == 1 ? first : second, rows[i].column, rows[i].text);
		snprintf(text, sizeof(text), "%s\n%s\n", first, second);
		assert_refused(text, rows[i].words);
	}
}

static void test_refused(void **state)
{
	char first[] = FIRST;

	assert_refused("", "t.tle:0: has no element sets");
	assert_refused("# nothing\n", "t.tle:1: has no element sets");
	assert_refused("NAME\n", "t.tle:1: the text ends, expected line 1");
	assert_refused("NAME\n" FIRST "\n", "t.tle:2: the text ends, expected line 2");
	assert_refused(FIRST "\n" FIRST "\n", "t.tle:2: expected line 2");
	assert_refused("A\nB\n" FIRST "\n" SECOND, "t.tle:2: expected line 1");
	assert_refused(SECOND "\n" FIRST "\n", "t.tle:1: expected a name");
	assert_refused("a name of more than 24 letters\n" FIRST "\n" SECOND, "t.tle:1: expected a");
	assert_refused("tab\there\n" FIRST "\n" SECOND, "t.tle:1: column 4 is not printable");
	assert_refused(FIRST "7\n" SECOND, "t.tle:1: has 70 characters");
	first[68] = '0';
	assert_refused(first, "t.tle:1: checksum is '0', computed 3");
	first[68] = '\0';
	assert_refused(first, "t.tle:1: has 68 characters");
}

static void test_alpha5(void **state)
{
	static const struct {
		const char *text;
		uint32_t number;
	} rows[] = {{"A0001", 100001}, {"H9999", 179999}, {"J0000", 180000}, {"Z9999", 339999},
	        {"    5", 5}, {"00005", 5}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char first[] = FIRST, second[] = SECOND, text[160];
		struct tle *tles;

		change(first, 3, rows[i].text);
		change(second, 3, rows[i].text);
		snprintf(text, sizeof(text), "%s\n%s\n", first, second);
		assert_int_equal(read_good(text, &tles), 1);
		assert_int_equal(tles[0].catalog, rows[i].number);
		free(tles);
	}
}

static void test_years(void **state)
{
	static const struct {
		const char *text, *time;
	} rows[] = {{"70001.00000000", "1970-01-01T00:00:00Z"},
	        {"99365.00000000", "1999-12-31T00:00:00Z"},
	        {"00366.00000000", "2000-12-31T00:00:00Z"},
	        {"56060.50000000", "2056-02-29T12:00:00Z"},
	        {"26  1.00000000", "2026-01-01T00:00:00Z"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char first[] = FIRST, text[160], time[SIMTIME_TEXT_SIZE];
		struct tle *tles;

		change(first, 19, rows[i].text);
		snprintf(text, sizeof(text), "%s\n%s\n", first, SECOND);
		assert_int_equal(read_good(text, &tles), 1);
		assert_string_equal(simtime_format(time, tles[0].elements.epoch_ns), rows[i].time);
		free(tles);
	}
}

static void test_file(void **state)
{
	struct fault fault = {0};
	struct tle *tles;
	size_t n;

	assert_int_equal(tle_read_file("/nonexistent/x.tle", &tles, &n, &fault), -ENOENT);
	assert_non_null(strstr(fault.message, "/nonexistent/x.tle"));
	assert_true(tle_read_file("/dev/zero", &tles, &n, &fault) < 0);
	assert_true(tle_read_file("/", &tles, &n, &fault) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_values),
	        cmocka_unit_test(test_forms),
	        cmocka_unit_test(test_changed_fields),
	        cmocka_unit_test(test_refused),
	        cmocka_unit_test(test_alpha5),
	        cmocka_unit_test(test_years),
	        cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
