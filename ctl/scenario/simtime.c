/* SPDX-License-Identifier: BSD-3-Clause */
// UTC as text and sidereal time.
#include "simtime.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define S_NS 1000000000ll
#define DAY_S 86400ll

// Days since 1970-01-01 of a date in the Gregorian calendar: years start in March, so that the leap
// day is the last of its year.
static int64_t days_from_date(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

// Exactly `n_digits` digits.
static int take_number(const char **at, int n_digits, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < n_digits; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return -EINVAL;
		value = value * 10 + (**at - '0');
	}
	*ret_value = value;
	return 0;
}

static int take_char(const char **at, char c)
{
	if (**at != c)
		return -EINVAL;
	(*at)++;
	return 0;
}

// ".123456789"; nothing is 0.
static int take_fraction_ns(const char **at, int64_t *ret_ns)
{
	int64_t ns = 0;
	int64_t unit = S_NS / 10;

	*ret_ns = 0;
	if (**at != '.')
		return 0;
	(*at)++;
	if (**at < '0' || **at > '9')
		return -EINVAL;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10) {
		if (unit == 0)
			return -EINVAL;
		ns += unit * (**at - '0');
	}
	*ret_ns = ns;
	return 0;
}

int simtime_parse(const char *text, int64_t *ret_unix_ns)
{
	const char *at = text;
	int year, month, day, hour, minute, second;
	int64_t fraction_ns;

	if (take_number(&at, 4, &year) != 0 || take_char(&at, '-') != 0 ||
	        take_number(&at, 2, &month) != 0 || take_char(&at, '-') != 0 ||
	        take_number(&at, 2, &day) != 0 || take_char(&at, 'T') != 0 ||
	        take_number(&at, 2, &hour) != 0 || take_char(&at, ':') != 0 ||
	        take_number(&at, 2, &minute) != 0 || take_char(&at, ':') != 0 ||
	        take_number(&at, 2, &second) != 0 || take_fraction_ns(&at, &fraction_ns) != 0 ||
	        take_char(&at, 'Z') != 0 || *at != '\0')
		return -EINVAL;
	if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
	        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59)
		return -ERANGE;
	*ret_unix_ns =
	        (days_from_date(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second) *
	                S_NS +
	        fraction_ns;
	return 0;
}

char *simtime_format(char buf[SIMTIME_TEXT_SIZE], int64_t unix_ns)
{
	int64_t s = unix_ns / S_NS;
	int64_t day = s / DAY_S;
	int year = 1970;
	int month = 1;

	if (unix_ns < 0)
		s = day = 0;
	s -= day * DAY_S;
	while (day >= days_from_date(year + 1, 1, 1))
		year++;
	day -= days_from_date(year, 1, 1);
	while (day >= days_in_month(year, month))
		day -= days_in_month(year, month++);
	snprintf(buf, SIMTIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month,
	        (int)day + 1, (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	return buf;
}

char *simtime_format_span(char buf[SIMTIME_TEXT_SIZE], int64_t ns)
{
	int64_t s = ns / S_NS;

	snprintf(buf, SIMTIME_TEXT_SIZE, "%lld:%02d:%02d", (long long)(s / 3600),
	        (int)(s / 60 % 60), (int)(s % 60));
	return buf;
}

double simtime_sidereal_rad(int64_t unix_ns)
{
	// Julian centuries of UT1 since 2000-01-01 12:00; whole days and the rest apart, for
	// precision.
	int64_t since = unix_ns - 946728000ll * S_NS;
	int64_t whole_days = since / (DAY_S * S_NS);
	double days = (double)whole_days;
	double rest = (double)(since % (DAY_S * S_NS)) / (DAY_S * S_NS);
	double t = (days + rest) / 36525.0;
	double seconds = 67310.54841 + 8640184.812866 * t + 0.093104 * t * t - 6.2e-6 * t * t * t +
	                 fmod(rest, 1.0) * DAY_S; // 876600 h a century is one turn a day
	double turns = fmod(seconds / DAY_S, 1.0);

	return (turns < 0 ? turns + 1 : turns) * 2 * M_PI;
}
