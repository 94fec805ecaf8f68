/* SPDX-License-Identifier: BSD-3-Clause */
// The language of links.
#include "link_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "json_get.h"
#include "units.h"

enum cli_exit link_words_params(struct cli *cli, const struct invocation *in, json_t **ret_params)
{
	json_t *params = invocation_params(in);

	if (invocation_keyword(in, "ge", NULL) &&
	        (json_object_get(params, "good_us") == NULL ||
	                json_object_get(params, "bad_us") == NULL)) {
		json_decref(params);
		return cli_usage(cli, "ge: expected good DURATION and bad DURATION behind it");
	}
	*ret_params = params;
	return CLI_OK;
}

__attribute__((format(printf, 3, 4))) static void append(
        char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	if (len > 0 && len + 1 < size) {
		buf[len++] = ' ';
		buf[len] = '\0';
	}
	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static void print_time(const json_t *link, char *buf, size_t size)
{
	char text[UNITS_TEXT_SIZE];
	int64_t slope_ns_s = get_int(link, "slope_ns_s"), jitter_ns = get_int(link, "jitter_ns");

	append(buf, size, "delay %s", units_format_duration(text, get_int(link, "delay_ns")));
	if (slope_ns_s != 0)
		append(buf, size, "slope %s/s", units_format_duration(text, slope_ns_s));
	if (jitter_ns != 0)
		append(buf, size, "jitter %s", units_format_duration(text, jitter_ns));
	if (get_real(link, "jitter_corr") > 0)
		append(buf, size, "corr %s",
		        units_format_probability(text, get_real(link, "jitter_corr")));
}

static void print_queue(const json_t *link, char *buf, size_t size)
{
	char text[UNITS_TEXT_SIZE];

	if (get_int(link, "rate_bps") != 0)
		append(buf, size, "rate %s",
		        units_format_rate(text, (uint64_t)get_int(link, "rate_bps")));
	// a size in words must come back as the same number: bytes, if the unit would round
	if (get_int(link, "queue_bytes") != 0)
		append(buf, size, "queue %" PRId64 "B", get_int(link, "queue_bytes"));
	if (get_int(link, "queue_pkts") != 0)
		append(buf, size, "queue %" PRId64 "p", get_int(link, "queue_pkts"));
}

static void print_probability(
        const json_t *link, const char *key, const char *word, char *buf, size_t size)
{
	char text[UNITS_TEXT_SIZE];
	double p = get_real(link, key);

	if (p > 0)
		append(buf, size, "%s %s", word, units_format_probability(text, p));
}

void link_words_print(const json_t *link, char *buf, size_t size)
{
	char good[UNITS_TEXT_SIZE], bad[UNITS_TEXT_SIZE];

	buf[0] = '\0';
	print_time(link, buf, size);
	print_queue(link, buf, size);
	print_probability(link, "loss", "loss", buf, size);
	if (get_int(link, "good_us") != 0) {
		append(buf, size, "ge good %s bad %s",
		        units_format_duration(good, get_int(link, "good_us") * 1000),
		        units_format_duration(bad, get_int(link, "bad_us") * 1000));
		print_probability(link, "loss_bad", "loss-bad", buf, size);
	}
	print_probability(link, "duplicate", "duplicate", buf, size);
	print_probability(link, "reorder", "reorder", buf, size);
	if (get_bool(link, "allow_reorder"))
		append(buf, size, "allow-reorder");
	if (get_int(link, "mtu") != 0)
		append(buf, size, "mtu %" PRId64, get_int(link, "mtu"));
}
