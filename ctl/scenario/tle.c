/* SPDX-License-Identifier: BSD-3-Clause */
// Reads two-line element sets. Columns are counted from 1 here, as in every description of them.
#include "tle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simtime.h"
#include "text_file.h"

#define LINE_LEN 69
#define EPOCH_UNIT_NS 864000ll // of the epoch's eight decimals of a day
#define EPOCH_UNITS_DAY 100000000ll
#define MINUTES_DAY 1440.0

struct source {
	const char *name;
	const char *at; // next line
	uint32_t line; // of the last one
	struct fault *fault;
};

struct line {
	char text[LINE_LEN + 1];
	uint32_t number;
};

struct list {
	struct tle *tles;
	size_t n, size;
};

__attribute__((format(printf, 3, 4))) static int wrong(
        const struct source *source, uint32_t line, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(source->fault, -EINVAL, "", "%.80s:%u: %s", source->name, line, text);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// A field: columns `first` to `last` of line 1 or 2.
struct field {
	const char *name;
	int first, last;
	enum { FIXED, FRACTION, POWER, WHOLE } form;
	double min, max;
};

// Blanks and a sign in front, then digits; `point`: with exactly one among them. The number itself.
static int take_number(const char *text, bool point, double *ret_value)
{
	const char *at = text + strspn(text, " ");
	const char *start = at;
	int n_digits = 0, n_points = 0;

	if (*at == '-' || *at == '+')
		at++;
	for (; is_digit(*at) || *at == '.'; at++) {
		n_digits += *at != '.';
		n_points += *at == '.';
	}
	if (*at != '\0' || n_digits == 0 || n_points != (point ? 1 : 0))
		return -EINVAL;
	*ret_value = strtod(start, NULL);
	return 0;
}

// "-11606-4" is -0.11606e-4.
static int take_power(const char *text, double *ret_value)
{
	size_t len = strlen(text);
	char mantissa[16], number[32];
	char sign = text[len - 2], power = text[len - 1];
	bool negative;

	memcpy(mantissa, text, len - 2);
	mantissa[len - 2] = '\0';
	negative = mantissa[0] == '-';
	if (strchr(" +-", mantissa[0]) == NULL || strspn(mantissa + 1, "0123456789") != len - 3 ||
	        (sign != '-' && sign != '+' && sign != ' ') || !is_digit(power))
		return -EINVAL;
	snprintf(number, sizeof(number), "%s0.%se%c%c", negative ? "-" : "", mantissa + 1,
	        sign == '-' ? '-' : '+', power);
	*ret_value = strtod(number, NULL);
	return 0;
}

static int take_field(const struct source *source, const struct line *line,
        const struct field *field, double *ret_value)
{
	char text[LINE_LEN + 1], fraction[LINE_LEN + 3];
	size_t len = (size_t)field->last - (size_t)field->first + 1;
	double value = 0;
	int err;

	memcpy(text, line->text + field->first - 1, len);
	text[len] = '\0';
	switch (field->form) {
	case FRACTION: // the point in front is understood
		snprintf(fraction, sizeof(fraction), ".%s", text);
		err = is_digit(text[0]) ? take_number(fraction, true, &value) : -EINVAL;
		break;
	case POWER:
		err = take_power(text, &value);
		break;
	default:
		err = take_number(text, field->form == FIXED, &value);
		break;
	}
	if (err != 0 || !(value >= field->min && value <= field->max))
		return wrong(source, line->number,
		        "%s (columns %d to %d) is '%s', expected a number from %g to %g",
		        field->name, field->first, field->last, text, field->min, field->max);
	*ret_value = value;
	return 0;
}

// "25544", or "A0000" for 100000 and on; I and O are not used.
static int take_catalog(const struct source *source, const struct line *line, uint32_t *ret_number)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
	const char *text = line->text + 2;
	const char *letter = *text != '\0' ? strchr(letters, *text) : NULL;
	uint32_t number = letter != NULL ? (uint32_t)(letter - letters) + 10 : 0;
	bool digits = letter != NULL, good = true;

	for (int i = letter != NULL ? 1 : 0; i < 5 && good; i++) {
		digits |= is_digit(text[i]);
		good = is_digit(text[i]) || (text[i] == ' ' && !digits);
		number = number * 10 + (is_digit(text[i]) ? (uint32_t)(text[i] - '0') : 0);
	}
	if (!good || !digits)
		return wrong(source, line->number,
		        "catalog number (columns 3 to 7) is '%.5s', expected 5 digits or a letter "
		        "and 4 digits",
		        text);
	*ret_number = number;
	return 0;
}

static int check_line(const struct source *source, const struct line *line, char kind)
{
	static const unsigned char blanks[2][9] = {
	        {2, 9, 18, 33, 44, 53, 62, 64, 0}, {2, 8, 17, 26, 34, 43, 52, 0, 0}};
	const char *text = line->text;
	int sum = 0;

	if (text[0] != kind || text[1] != ' ')
		return wrong(source, line->number, "expected line %c of an element set", kind);
	if (strlen(text) != LINE_LEN)
		return wrong(source, line->number, "has %zu characters, expected %d", strlen(text),
		        LINE_LEN);
	for (const unsigned char *at = blanks[kind - '1']; *at != 0; at++) {
		if (text[*at - 1] != ' ')
			return wrong(source, line->number, "column %d is '%c', expected a blank",
			        *at, text[*at - 1]);
	}
	for (int i = 0; i < LINE_LEN - 1; i++)
		sum += is_digit(text[i]) ? text[i] - '0' : text[i] == '-';
	if (text[LINE_LEN - 1] != '0' + sum % 10)
		return wrong(source, line->number, "checksum is '%c', computed %d",
		        text[LINE_LEN - 1], sum % 10);
	return 0;
}

// Year of two digits (57 is 1957) and day with eight decimals.
static int take_epoch(const struct source *source, const struct line *line, int64_t *ret_ns)
{
	static const struct field year_field = {"epoch year", 19, 20, WHOLE, 0, 99};
	static const struct field day_field = {"epoch day", 21, 32, FIXED, 1, 366.99999999};
	const char *text = line->text + 20;
	char first[SIMTIME_TEXT_SIZE];
	double year = 0, day = 0;
	int64_t start_ns;
	int err = take_field(source, line, &year_field, &year);

	if (err == 0)
		err = take_field(source, line, &day_field, &day);
	if (err != 0)
		return err;
	if (text[3] != '.')
		return wrong(source, line->number, "epoch day has its point in column 24");
	year += year < 57 ? 2000 : 1900;
	snprintf(first, sizeof(first), "%04.0f-01-01T00:00:00Z", year);
	if (simtime_parse(first, &start_ns) != 0)
		return wrong(
		        source, line->number, "epoch is in %.0f, expected 1970 or later", year);
	*ret_ns = start_ns +
	          (llround(day * (double)EPOCH_UNITS_DAY) - EPOCH_UNITS_DAY) * EPOCH_UNIT_NS;
	return 0;
}

// Fields that are checked, and not used: SGP4 takes no derivative of the mean motion.
static int take_first(const struct source *source, const struct line *line, struct tle *tle)
{
	static const struct field fields[] = {
	        {"first derivative of the mean motion", 34, 43, FIXED, -1, 1},
	        {"second derivative of the mean motion", 45, 52, POWER, -1, 1},
	        {"drag term", 54, 61, POWER, -9.9999, 9.9999},
	};
	double values[3];
	int err = check_line(source, line, '1');

	if (err == 0)
		err = take_catalog(source, line, &tle->catalog);
	if (err == 0)
		err = take_epoch(source, line, &tle->elements.epoch_ns);
	for (int i = 0; i < 3 && err == 0; i++)
		err = take_field(source, line, &fields[i], &values[i]);
	if (err != 0)
		return err;
	if (strchr("UCS ", line->text[7]) == NULL)
		return wrong(source, line->number, "class (column 8) is '%c', expected U, C or S",
		        line->text[7]);
	tle->elements.bstar = values[2];
	tle->line = line->number;
	return 0;
}

static int take_second(const struct source *source, const struct line *line, struct tle *tle)
{
	static const struct field fields[] = {
	        {"inclination", 9, 16, FIXED, 0, 180},
	        {"right ascension of the node", 18, 25, FIXED, 0, 360},
	        {"eccentricity", 27, 33, FRACTION, 0, 0.9999999},
	        {"argument of perigee", 35, 42, FIXED, 0, 360},
	        {"mean anomaly", 44, 51, FIXED, 0, 360},
	        {"mean motion", 53, 63, FIXED, 0.001, 18},
	};
	double values[6];
	uint32_t catalog = 0;
	int err = check_line(source, line, '2');

	if (err == 0)
		err = take_catalog(source, line, &catalog);
	for (int i = 0; i < 6 && err == 0; i++)
		err = take_field(source, line, &fields[i], &values[i]);
	if (err != 0)
		return err;
	if (catalog != tle->catalog)
		return wrong(source, line->number, "catalog number is %u, line 1 has %u", catalog,
		        tle->catalog);
	tle->elements.inclination_rad = deg_to_rad(values[0]);
	tle->elements.raan_rad = deg_to_rad(values[1]);
	tle->elements.eccentricity = values[2];
	tle->elements.perigee_rad = deg_to_rad(values[3]);
	tle->elements.anomaly_rad = deg_to_rad(values[4]);
	tle->elements.mean_motion_rad_min = values[5] * (2 * M_PI / MINUTES_DAY);
	return 0;
}

// The next line that says something, without blanks at its end. False: there is none.
static int next_line(struct source *source, struct line *line, bool *ret_found)
{
	*ret_found = false;
	while (*source->at != '\0') {
		const char *start = source->at;
		size_t len = strcspn(start, "\n");

		source->at += len + (start[len] == '\n');
		source->line++;
		while (len > 0 && strchr(" \t\r", start[len - 1]) != NULL)
			len--;
		if (len == 0 || start[0] == '#')
			continue;
		if (len > LINE_LEN)
			return wrong(source, source->line,
			        "has %zu characters, expected at most %d", len, LINE_LEN);
		for (size_t i = 0; i < len; i++) {
			if (start[i] < ' ' || start[i] > '~')
				return wrong(
				        source, source->line, "column %zu is not printable", i + 1);
		}
		memcpy(line->text, start, len);
		line->text[len] = '\0';
		line->number = source->line;
		*ret_found = true;
		return 0;
	}
	return 0;
}

static bool is_first(const struct line *line)
{
	return line->text[0] == '1' && line->text[1] == ' ' && strlen(line->text) > TLE_NAME_SIZE;
}

static int take_name(const struct source *source, const struct line *line, struct tle *tle)
{
	const char *name = line->text;

	if (name[0] == '0' && name[1] == ' ')
		name += 2;
	name += strspn(name, " ");
	if (strlen(name) >= TLE_NAME_SIZE)
		return wrong(source, line->number,
		        "expected a name of at most %d characters or line 1 of an element set",
		        TLE_NAME_SIZE - 1);
	snprintf(tle->name, sizeof(tle->name), "%.*s", TLE_NAME_SIZE - 1, name);
	return 0;
}

static int expect_line(struct source *source, struct line *line, const char *what)
{
	bool found;
	int err = next_line(source, line, &found);

	if (err == 0 && !found)
		return wrong(source, source->line, "the text ends, expected line %s", what);
	return err;
}

// One element set, whose first line was read.
static int take_set(struct source *source, struct line *line, struct tle *tle)
{
	struct sgp4 sgp4;
	struct vec3 position;
	int err = 0;

	*tle = (struct tle){0};
	if (!is_first(line)) {
		err = take_name(source, line, tle);
		if (err == 0)
			err = expect_line(source, line, "1 of the element set");
	}
	if (err == 0)
		err = take_first(source, line, tle);
	if (err == 0)
		err = expect_line(source, line, "2 of the element set");
	if (err == 0)
		err = take_second(source, line, tle);
	if (err != 0)
		return err;
	if (sgp4_init(&sgp4, &tle->elements) != 0 || sgp4_at(&sgp4, 0, &position, NULL) != 0)
		return wrong(source, tle->line, "satellite %u is in no orbit at its own epoch",
		        tle->catalog);
	return 0;
}

static int append(struct list *list, const struct tle *tle)
{
	if (list->n == list->size) {
		size_t size = list->size != 0 ? list->size * 2 : 64;
		struct tle *tles = realloc(list->tles, size * sizeof(*tles));

		if (tles == NULL)
			return -ENOMEM;
		list->tles = tles;
		list->size = size;
	}
	list->tles[list->n++] = *tle;
	return 0;
}

static int read_all(struct source *source, struct list *list)
{
	for (;;) {
		struct line line;
		struct tle tle;
		bool found;
		int err = next_line(source, &line, &found);

		if (err != 0 || !found)
			return err;
		if (list->n == TLE_COUNT_MAX)
			return wrong(
			        source, source->line, "more than %d element sets", TLE_COUNT_MAX);
		err = take_set(source, &line, &tle);
		if (err == 0 && append(list, &tle) != 0)
			err = fault_set(
			        source->fault, -ENOMEM, "", "%.80s: out of memory", source->name);
		if (err != 0)
			return err;
	}
}

int tle_read_text(const char *text, const char *name, struct tle **ret_tles, size_t *ret_n_tles,
        struct fault *fault)
{
	struct source source = {name, text, 0, fault};
	struct list list = {0};
	int err = read_all(&source, &list);

	if (err == 0 && list.n == 0)
		err = wrong(&source, source.line, "has no element sets");
	if (err != 0) {
		free(list.tles);
		return err;
	}
	*ret_tles = list.tles;
	*ret_n_tles = list.n;
	return 0;
}

// The whole file as text.
static int load(const char *path, char **ret_text, struct fault *fault)
{
	int err = text_file_read(path, ret_text, fault);

	if (err == 0 && strlen(*ret_text) > TLE_FILE_MAX) {
		free(*ret_text);
		*ret_text = NULL;
		return fault_set(
		        fault, -EFBIG, "", "%.200s: larger than %d MiB", path, TLE_FILE_MAX >> 20);
	}
	return err;
}

int tle_read_file(const char *path, struct tle **ret_tles, size_t *ret_n_tles, struct fault *fault)
{
	char *text = NULL;
	int err = load(path, &text, fault);

	if (err != 0 || text == NULL)
		return err;
	err = tle_read_text(text, path, ret_tles, ret_n_tles, fault);
	free(text);
	return err;
}
