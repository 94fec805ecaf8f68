/* SPDX-License-Identifier: BSD-3-Clause */
// Text with units to numbers and back. Numbers are read as decimal digits and scaled in integers,
// so that "4.2ms" is 4200000 ns and not the nearest double.
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 19 // 10^19 still fits 64 bits

struct unit {
	const char *name;
	uint64_t factor;
};

struct decimal {
	uint64_t mantissa; // all digits
	unsigned n_frac; // of which this many stand behind the point
};

static const uint64_t powers_of_10[DIGITS_MAX + 1] = {1ull, 10ull, 100ull, 1000ull, 10000ull,
        100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull, 10000000000ull,
        100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
        1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
        10000000000000000000ull};

static const struct unit duration_units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000},
        {"s", 1000000000}, {"min", 60000000000ull}, {"h", 3600000000000ull},
        {"d", 86400000000000ull}, {"day", 86400000000000ull}, {"days", 86400000000000ull}};
static const struct unit rate_units[] = {{"bit", 1}, {"kbit", 1000}, {"mbit", 1000000},
        {"gbit", 1000000000}, {"tbit", 1000000000000ull}};
static const struct unit size_units[] = {{"", 1}, {"k", 1000}, {"m", 1000000}, {"g", 1000000000},
        {"t", 1000000000000ull}, {"ki", 1ull << 10}, {"mi", 1ull << 20}, {"gi", 1ull << 30},
        {"ti", 1ull << 40}};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Reads digits with an optional point from *text and moves it behind them.
static int parse_decimal(const char **text, struct decimal *ret)
{
	struct decimal d = {0};
	const char *p = *text;
	bool point = false, digits = false;

	for (; is_digit(*p) || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		unsigned digit = (unsigned)(*p - '0');

		digits = true;
		if (d.mantissa > (UINT64_MAX - digit) / 10 || d.n_frac == DIGITS_MAX)
			return -ERANGE;
		d.mantissa = d.mantissa * 10 + digit;
		d.n_frac += point;
	}
	// "1." and "." are typing errors
	if (!digits || p[-1] == '.')
		return -EINVAL;
	*text = p;
	*ret = d;
	return 0;
}

// mantissa * factor / 10^n_frac; halves are rounded up. `exact`: -EINVAL when there is a remainder.
static int scale(struct decimal d, uint64_t factor, bool exact, uint64_t *ret)
{
	unsigned __int128 product = (unsigned __int128)d.mantissa * factor;
	uint64_t divisor = powers_of_10[d.n_frac];
	unsigned __int128 value = (product + divisor / 2) / divisor;

	if (exact && product % divisor != 0)
		return -EINVAL;
	if (value > UINT64_MAX || (value == 0 && product != 0))
		return -ERANGE;
	*ret = (uint64_t)value;
	return 0;
}

static const struct unit *find_unit(
        const struct unit *units, size_t n_units, const char *name, size_t len, bool fold)
{
	for (size_t i = 0; i < n_units; i++) {
		if (strlen(units[i].name) != len)
			continue;
		if ((fold ? strncasecmp : strncmp)(units[i].name, name, len) == 0)
			return &units[i];
	}
	return NULL;
}

static const char *skip_spaces(const char *text)
{
	while (*text == ' ')
		text++;
	return text;
}

int units_parse_duration_ns(const char *text, int64_t *ret_ns)
{
	struct decimal d;
	uint64_t ns;
	int err = parse_decimal(&text, &d);

	if (err != 0)
		return err;
	text = skip_spaces(text);
	const struct unit *unit =
	        find_unit(duration_units, ARRAY_LEN(duration_units), text, strlen(text), false);

	if (unit == NULL) {
		if (*text != '\0' || d.mantissa != 0)
			return -EINVAL;
		unit = &duration_units[0];
	}
	err = scale(d, unit->factor, false, &ns);
	if (err != 0)
		return err;
	if (ns > INT64_MAX)
		return -ERANGE;
	*ret_ns = (int64_t)ns;
	return 0;
}

int units_parse_rate_bps(const char *text, uint64_t *ret_bps)
{
	struct decimal d;

	if (strcasecmp(text, "unlimited") == 0) {
		*ret_bps = 0;
		return 0;
	}
	int err = parse_decimal(&text, &d);

	if (err != 0)
		return err;
	text = skip_spaces(text);
	size_t len = strlen(text);

	if (len > 2 && strcmp(text + len - 2, "/s") == 0)
		len -= 2;
	const struct unit *unit = find_unit(rate_units, ARRAY_LEN(rate_units), text, len, true);

	if (unit == NULL) {
		if (*text != '\0' || d.mantissa != 0)
			return -EINVAL;
		unit = &rate_units[0];
	}
	return scale(d, unit->factor, false, ret_bps);
}

int units_parse_size_bytes(const char *text, uint64_t *ret_bytes)
{
	struct decimal d;
	int err = parse_decimal(&text, &d);

	if (err != 0)
		return err;
	text = skip_spaces(text);
	size_t len = strlen(text);

	// "kb" is not ours: to some it is bits
	if (len > 0 && text[len - 1] == 'B')
		len--;
	const struct unit *unit = find_unit(size_units, ARRAY_LEN(size_units), text, len, true);

	if (unit == NULL)
		return -EINVAL;
	return scale(d, unit->factor, true, ret_bytes);
}

int units_parse_probability(const char *text, double *ret_p)
{
	struct decimal d;
	uint64_t exponent = 0;
	int err = parse_decimal(&text, &d);

	if (err != 0)
		return err;
	if (*text == 'e') {
		// only down: a probability with a positive exponent is a slip
		if (text[1] != '-' || !is_digit(text[2]))
			return -EINVAL;
		for (text += 2; is_digit(*text); text++) {
			exponent = exponent * 10 + (uint64_t)(*text - '0');
			if (exponent > 30)
				return -ERANGE;
		}
	}
	double p = (double)d.mantissa / (double)powers_of_10[d.n_frac];

	text = skip_spaces(text);
	if (*text == '%') {
		text++;
		exponent += 2;
	}
	if (*text != '\0' || text[-1] == ' ')
		return -EINVAL;
	double divisor = 1;

	for (uint64_t i = 0; i < exponent; i++)
		divisor *= 10;
	p /= divisor;
	if (p > 1)
		return -ERANGE;
	*ret_p = p;
	return 0;
}

int units_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (*text == '\0')
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++) {
		if (!is_digit(*p))
			return -EINVAL;
	}
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

// value / 10^decimals without trailing zeros, then the unit.
static char *print_scaled(char buf[UNITS_TEXT_SIZE], const char *sign, uint64_t value,
        unsigned decimals, const char *unit)
{
	while (decimals > 0 && value % 10 == 0) {
		value /= 10;
		decimals--;
	}
	uint64_t divisor = powers_of_10[decimals];

	if (decimals == 0)
		snprintf(buf, UNITS_TEXT_SIZE, "%s%" PRIu64 "%s", sign, value, unit);
	else
		snprintf(buf, UNITS_TEXT_SIZE, "%s%" PRIu64 ".%0*" PRIu64 "%s", sign,
		        value / divisor, (int)decimals, value % divisor, unit);
	return buf;
}

// The largest of `units` that keeps the value >= 1, at most four decimals.
static char *print_with_unit(char buf[UNITS_TEXT_SIZE], const char *sign, uint64_t value,
        const struct unit *units, size_t n_units)
{
	size_t i = 0;
	unsigned __int128 scaled;

	for (;; i++) {
		scaled = ((unsigned __int128)value * 10000 + units[i].factor / 2) / units[i].factor;
		// rounding may lift 999.99996us to 1000us: then the next unit says it better
		if (i + 1 == n_units ||
		        scaled * units[i].factor < (unsigned __int128)units[i + 1].factor * 10000)
			break;
	}
	if (scaled > UINT64_MAX) // decimals no longer matter
		return print_scaled(buf, sign, value / units[i].factor, 0, units[i].name);
	return print_scaled(buf, sign, (uint64_t)scaled, 4, units[i].name);
}

char *units_format_duration(char buf[UNITS_TEXT_SIZE], int64_t ns)
{
	uint64_t magnitude = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	if (ns == 0)
		return print_scaled(buf, "", 0, 0, "");
	return print_with_unit(buf, ns < 0 ? "-" : "", magnitude, duration_units, 4 /* up to s */);
}

char *units_format_rate(char buf[UNITS_TEXT_SIZE], uint64_t bps)
{
	if (bps == 0) {
		snprintf(buf, UNITS_TEXT_SIZE, "unlimited");
		return buf;
	}
	return print_with_unit(buf, "", bps, rate_units, ARRAY_LEN(rate_units));
}

char *units_format_size(char buf[UNITS_TEXT_SIZE], uint64_t bytes)
{
	static const struct unit units[] = {{"B", 1}, {"kB", 1000}, {"MB", 1000000},
	        {"GB", 1000000000}, {"TB", 1000000000000ull}};

	return print_with_unit(buf, "", bytes, units, ARRAY_LEN(units));
}

char *units_format_probability(char buf[UNITS_TEXT_SIZE], double p)
{
	snprintf(buf, UNITS_TEXT_SIZE, "%.6g%%", p * 100);
	return buf;
}

char *units_format_count(char buf[UNITS_TEXT_SIZE], uint64_t n)
{
	static const char *const names[] = {"", "k", "M", "G", "T", "P", "E"};
	uint64_t factor = 1;
	unsigned i = 0;

	if (n < 1000)
		return print_scaled(buf, "", n, 0, "");
	while (i + 1 < ARRAY_LEN(names) && n / factor >= 1000) {
		factor *= 1000;
		i++;
	}
	// three digits that count
	for (;;) {
		unsigned decimals = n / factor >= 100 ? 0 : n / factor >= 10 ? 1 : 2;
		uint64_t unit = factor / powers_of_10[decimals];
		uint64_t scaled = n / unit + (n % unit >= (unit + 1) / 2);

		if (scaled == 1000 * powers_of_10[decimals] && i + 1 < ARRAY_LEN(names)) {
			factor *= 1000;
			i++;
			continue;
		}
		return print_scaled(buf, "", scaled, decimals, names[i]);
	}
}
