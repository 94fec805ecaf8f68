/* SPDX-License-Identifier: BSD-3-Clause */
// orrery top: samples of the switch as a page of text.
#include "top.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "json_get.h"
#include "text.h"

#define ROWS_ONCE 20
#define NUMBERS_WIDTH 40 // the columns of numbers
#define FIRST_SAMPLE_MS 1100

enum cli_exit top_fetch(struct cli *cli, const struct top_query *query, json_t **ret_page)
{
	return cli_call(cli, "stats.top",
	        json_pack("{s:s, s:s, s:I}", "what", query->what, "by", query->by, "limit",
	                (json_int_t)query->limit),
	        ret_page);
}

static void print_totals(
        const json_t *page, const struct top_query *query, int width, char buf[TOP_LINE_SIZE])
{
	const json_t *totals = json_object_get(page, "totals");
	char rx[UNITS_TEXT_SIZE], tx[UNITS_TEXT_SIZE], rx_bps[UNITS_TEXT_SIZE],
	        tx_bps[UNITS_TEXT_SIZE], drops[UNITS_TEXT_SIZE], text[TOP_LINE_SIZE];

	snprintf(text, sizeof(text),
	        "%s by %s  epoch %" PRId64 "  in %s/s %s  out %s/s %s  drops %s/s", query->what,
	        query->by, get_int(page, "epoch"),
	        units_format_count(rx, (uint64_t)get_int(totals, "rx_pps")),
	        text_bit_rate(rx_bps, (uint64_t)get_int(totals, "rx_bps")),
	        units_format_count(tx, (uint64_t)get_int(totals, "tx_pps")),
	        text_bit_rate(tx_bps, (uint64_t)get_int(totals, "tx_bps")),
	        units_format_count(drops, (uint64_t)get_int(totals, "drop_pps")));
	snprintf(buf, TOP_LINE_SIZE, "%.*s", width, text);
}

// Nothing where nothing is loaded.
static void print_player(const json_t *player, int width, char buf[TOP_LINE_SIZE])
{
	char text[TOP_LINE_SIZE], time[UNITS_TEXT_SIZE], last[UNITS_TEXT_SIZE],
	        most[UNITS_TEXT_SIZE];

	if (json_object_get(player, "time_ns") == NULL)
		return;
	snprintf(text, sizeof(text),
	        "%s at %s %gx  late %s, most %s  %" PRId64 " of %" PRId64 " epochs over 1 ms",
	        get_text(player, "state"),
	        units_format_duration(time, get_int(player, "time_ns") / 1000000000 * 1000000000),
	        get_real(player, "speed"),
	        units_format_duration(last, get_int(player, "late_us") * 1000),
	        units_format_duration(most, get_int(player, "late_max_us") * 1000),
	        get_int(player, "late"), get_int(player, "applied"));
	snprintf(buf, TOP_LINE_SIZE, "%.*s", width, text);
}

// The last `width` characters: names differ at their ends.
static void print_end(const char *name, int width, char *buf, size_t size)
{
	int len = (int)strlen(name);

	if (len > width)
		snprintf(buf, size, "<%s", name + len - width + 1);
	else
		snprintf(buf, size, "%s", name);
}

// "a/isl0 > b/isl1" in `width` columns; where that is too narrow each end gets half, or what the
// other leaves.
static void print_name(const json_t *item, int width, char *buf, size_t size)
{
	const char *name = get_text(item, "name"), *to = get_text(item, "to");
	char from_text[120], to_text[120];
	int room = width - 3, from_len = (int)strlen(name), to_len = (int)strlen(to);

	if (*to == '\0') {
		print_end(name, width, buf, size);
		return;
	}
	int from_width = from_len + to_len <= room ? from_len
	                 : from_len <= room / 2    ? from_len
	                 : to_len <= room / 2      ? room - to_len
	                                           : room / 2;

	print_end(name, from_width, from_text, sizeof(from_text));
	print_end(to, room - from_width, to_text, sizeof(to_text));
	snprintf(buf, size, "%s > %s", from_text, to_text);
}

static void print_item(const json_t *item, int name_width, char buf[TOP_LINE_SIZE])
{
	char name[256], pps[UNITS_TEXT_SIZE], bps[UNITS_TEXT_SIZE], drops[UNITS_TEXT_SIZE],
	        in_flight[UNITS_TEXT_SIZE] = "";

	print_name(item, name_width, name, sizeof(name));
	if (json_object_get(item, "in_flight_pkts") != NULL)
		units_format_count(in_flight, (uint64_t)get_int(item, "in_flight_pkts"));
	snprintf(buf, TOP_LINE_SIZE, "%-*s %9s %10s %8s %9s", name_width, name,
	        units_format_count(pps, (uint64_t)get_int(item, "pps")),
	        text_bit_rate(bps, (uint64_t)get_int(item, "bps")),
	        units_format_count(drops, (uint64_t)get_int(item, "drop_pps")), in_flight);
}

bool top_line(const json_t *page, const struct top_query *query, size_t i, int width,
        char buf[TOP_LINE_SIZE])
{
	int name_width = width - NUMBERS_WIDTH;
	char title[16];

	if (width >= TOP_LINE_SIZE)
		width = TOP_LINE_SIZE - 1;
	if (name_width < 8)
		name_width = 8;
	if (name_width > 100)
		name_width = 100;
	buf[0] = '\0';
	if (i == 0) {
		print_totals(page, query, width, buf);
	} else if (i == 1) {
		print_player(json_object_get(page, "player"), width, buf);
	} else if (i == 2) {
		snprintf(title, sizeof(title), "%.*s", (int)strlen(query->what) - 1, query->what);
		for (char *p = title; *p != '\0'; p++)
			*p = (char)(*p - 'a' + 'A');
		snprintf(buf, TOP_LINE_SIZE, "%-*s %9s %10s %8s %9s", name_width, title, "FRAMES/S",
		        "RATE", "DROPS/S", strcmp(query->what, "links") == 0 ? "IN_FLIGHT" : "");
	} else if (i >= TOP_HEAD_LINES) {
		const json_t *item =
		        json_array_get(json_object_get(page, "items"), i - TOP_HEAD_LINES);

		if (item == NULL)
			return false;
		print_item(item, name_width, buf);
	}
	size_t len = strlen(buf);

	if (len > (size_t)width)
		len = (size_t)width;
	while (len > 0 && buf[len - 1] == ' ')
		len--;
	buf[len] = '\0';
	return true;
}

static enum cli_exit print_once(struct cli *cli, const struct top_query *query)
{
	struct timespec wait = {FIRST_SAMPLE_MS / 1000, FIRST_SAMPLE_MS % 1000 * 1000000};
	char line[TOP_LINE_SIZE];
	json_t *page;
	enum cli_exit code = top_fetch(cli, query, &page);

	// the switch measures only while somebody looks: the first question starts it
	if (code == CLI_OK && get_int(page, "interval_ms") == 0) {
		json_decref(page);
		nanosleep(&wait, NULL);
		code = top_fetch(cli, query, &page);
	}
	if (code != CLI_OK)
		return code;
	if (cli->json)
		cli_print_json(cli, page);
	for (size_t i = 0; !cli->json && top_line(page, query, i, 100, line); i++)
		fprintf(cli->out, "%s\n", line);
	json_decref(page);
	return CLI_OK;
}

CMD(top)
{
	const char *by = invocation_option(in, "by"), *what = invocation_arg(in, 0);
	struct top_query query = {.what = what != NULL ? what : "links",
	        .by = by != NULL ? by : "traffic",
	        .limit = ROWS_ONCE};
	bool limited = json_object_get(in->params, "limit") != NULL;

	if (limited)
		query.limit = (size_t)get_int(in->params, "limit");
	if (invocation_option(in, "once") != NULL || cli->json)
		return print_once(cli, &query);
	if (!limited)
		query.limit = 0; // what fits
	return top_screen_run(cli, &query);
}
