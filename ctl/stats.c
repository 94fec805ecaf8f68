/* SPDX-License-Identifier: BSD-3-Clause */
// orrery stats: counters, once or again and again.
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "columns.h"
#include "json_get.h"
#include "request.h"
#include "text.h"
#include "units.h"

struct watch {
	int64_t interval_ns;
	uint64_t count; // 0: no end
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

// Change a second of one counter; 0 when the switch was started anew in between.
static uint64_t rate(const json_t *now, const json_t *before, const char *key, int64_t elapsed_ns)
{
	int64_t n = get_int(now, key) - get_int(before, key);

	if (before == NULL || n < 0 || elapsed_ns <= 0)
		return 0;
	return (uint64_t)((double)n * 1e9 / (double)elapsed_ns + 0.5);
}

static void print_direction(
        FILE *out, const char *title, const json_t *total, const char *pkts, const char *bytes)
{
	char size[UNITS_TEXT_SIZE];

	fprintf(out, "%-10s %" PRId64 " frames, %" PRId64 " bytes (%s)\n", title,
	        get_int(total, pkts), get_int(total, bytes),
	        units_format_size(size, (uint64_t)get_int(total, bytes)));
}

static void print_dropped(FILE *out, const json_t *stats)
{
	json_t *drops = json_object_get(stats, "drops"),
	       *texts = json_object_get(stats, "drop_texts"), *count;
	const char *reason;
	struct columns *columns = columns_create(">DROPPED REASON MEANING");
	bool any = false;

	json_object_foreach (drops, reason, count) {
		if (json_integer_value(count) == 0)
			continue;
		columns_cell(columns, "%" JSON_INTEGER_FORMAT, json_integer_value(count));
		columns_cell(columns, "%s", reason);
		columns_cell(columns, "%s", get_text(texts, reason));
		any = true;
	}
	if (any)
		columns_print(columns, out);
	columns_destroy(columns);
}

static void print_drivers(FILE *out, const json_t *stats)
{
	json_t *drivers = json_object_get(stats, "drivers"), *counters, *count;
	const char *driver, *name;

	json_object_foreach (drivers, driver, counters) {
		fprintf(out, "%-10s", driver);
		const char *comma = " ";

		json_object_foreach (counters, name, count) {
			if (json_integer_value(count) == 0)
				continue;
			fprintf(out, "%s%s %" JSON_INTEGER_FORMAT, comma, name,
			        json_integer_value(count));
			comma = ", ";
		}
		fputs(*comma == ' ' ? " all counters 0\n" : "\n", out);
	}
}

static void print_stats(FILE *out, const json_t *stats, const struct invocation *in)
{
	const json_t *total = json_object_get(stats, "total"),
	             *pool = json_object_get(stats, "pool"),
	             *control = json_object_get(stats, "control");

	fprintf(out, "%-10s %" PRId64 "\n", "epoch", get_int(stats, "epoch"));
	fprintf(out, "%-10s %zu\n", "workers", json_array_size(json_object_get(stats, "workers")));
	print_direction(out, "received", total, "rx_pkts", "rx_bytes");
	print_direction(out, "sent", total, "tx_pkts", "tx_bytes");
	fprintf(out, "%-10s %" PRId64 " frames\n", "dropped", get_sum(stats, "drops"));
	fprintf(out, "%-10s %" PRId64 " of %" PRId64 " frames in use\n", "pool",
	        get_int(pool, "in_use"), get_int(pool, "frames"));
	fprintf(out,
	        "%-10s clients %" PRId64 ", requests %" PRId64 ", clients dropped %" PRId64 "\n",
	        "control", get_int(control, "clients"), get_int(control, "requests"),
	        get_int(control, "dropped_clients"));
	print_drivers(out, stats);
	print_dropped(out, stats);
}

static void print_rates(
        FILE *out, const json_t *now, const json_t *before, int64_t elapsed_ns, uint64_t n)
{
	const json_t *total = json_object_get(now, "total"),
	             *old = json_object_get(before, "total");
	char rx[UNITS_TEXT_SIZE], tx[UNITS_TEXT_SIZE], rx_bps[UNITS_TEXT_SIZE],
	        tx_bps[UNITS_TEXT_SIZE], drops[UNITS_TEXT_SIZE];
	int64_t dropped = before != NULL ? get_sum(now, "drops") - get_sum(before, "drops") : 0;

	if (n % 20 == 0)
		fprintf(out, "%8s %10s %14s %10s %14s %10s %10s\n", "EPOCH", "RX/S", "RX_RATE",
		        "TX/S", "TX_RATE", "DROPS/S", "IN_USE");
	fprintf(out, "%8" PRId64 " %10s %14s %10s %14s %10s %10" PRId64 "\n", get_int(now, "epoch"),
	        units_format_count(rx, rate(total, old, "rx_pkts", elapsed_ns)),
	        text_bit_rate(rx_bps, rate(total, old, "rx_bytes", elapsed_ns) * 8),
	        units_format_count(tx, rate(total, old, "tx_pkts", elapsed_ns)),
	        text_bit_rate(tx_bps, rate(total, old, "tx_bytes", elapsed_ns) * 8),
	        units_format_count(drops,
	                dropped > 0 && elapsed_ns > 0
	                        ? (uint64_t)((double)dropped * 1e9 / (double)elapsed_ns + 0.5)
	                        : 0),
	        get_int(json_object_get(now, "pool"), "in_use"));
	fflush(out);
}

static enum cli_exit watch_options(struct cli *cli, const struct invocation *in, struct watch *ret)
{
	const char *interval = invocation_option(in, "interval"),
	           *count = invocation_option(in, "count");
	struct watch watch = {.interval_ns = 1000000000};

	if (interval != NULL &&
	        (units_parse_duration_ns(interval, &watch.interval_ns) != 0 ||
	                watch.interval_ns < 10000000 || watch.interval_ns > 3600000000000))
		return cli_usage(cli,
		        "--interval: expected a duration from 10ms to 1h, such as 1s, got '%s'",
		        interval);
	if (count != NULL && units_parse_u64(count, 1, UINT32_MAX, &watch.count) != 0)
		return cli_usage(cli, "--count: expected a whole number from 1, got '%s'", count);
	*ret = watch;
	return CLI_OK;
}

static void sleep_ns(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

// One JSON object a line with --json, else one line of rates.
static enum cli_exit watch_stats(struct cli *cli, const struct watch *watch)
{
	json_t *before = NULL, *now = NULL;
	int64_t before_ns = 0;
	enum cli_exit code = CLI_OK;

	// the first sample only gives the next something to be compared with
	for (uint64_t n = 0; watch->count == 0 || n <= watch->count; n++) {
		if (n > 0)
			sleep_ns(watch->interval_ns);
		code = cli_call(cli, "stats.get", NULL /* params */, &now);
		if (code != CLI_OK)
			break;
		int64_t at_ns = now_ns();

		if (before != NULL && cli->json) {
			json_dumpf(now, cli->out, JSON_COMPACT);
			fputc('\n', cli->out);
			fflush(cli->out);
		} else if (before != NULL) {
			print_rates(cli->out, now, before, at_ns - before_ns, n - 1);
		}
		json_decref(before);
		before = now;
		before_ns = at_ns;
		if (ferror(cli->out))
			break;
	}
	json_decref(before);
	return code;
}

CMD(stats)
{
	struct watch watch = {0};
	enum cli_exit code = watch_options(cli, in, &watch);

	if (code != CLI_OK)
		return code;
	if (invocation_option(in, "watch") != NULL)
		return watch_stats(cli, &watch);
	return request_print(cli, in, "stats.get", NULL /* key */, print_stats);
}

static void print_all_drops(FILE *out, const json_t *stats, const struct invocation *in)
{
	json_t *drops = json_object_get(stats, "drops"),
	       *texts = json_object_get(stats, "drop_texts"), *count;
	const char *reason;
	struct columns *columns = columns_create(">DROPPED REASON MEANING");

	json_object_foreach (drops, reason, count) {
		columns_cell(columns, "%" JSON_INTEGER_FORMAT, json_integer_value(count));
		columns_cell(columns, "%s", reason);
		columns_cell(columns, "%s", get_text(texts, reason));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(stats_drops)
{
	json_t *stats;
	enum cli_exit code = request(cli, in, "stats.get", &stats);

	if (code != CLI_OK)
		return code;
	if (cli->json) {
		json_t *part = json_pack("{s:O*, s:O*}", "drops", json_object_get(stats, "drops"),
		        "drop_texts", json_object_get(stats, "drop_texts"));

		json_decref(stats);
		stats = part;
	}
	return request_show(cli, in, stats, print_all_drops);
}

// Counters as rows, workers as columns: a reader compares workers.
static void print_worker_stats(FILE *out, const json_t *workers, const struct invocation *in)
{
	json_t *first = json_array_get(workers, 0), *value;
	const char *key;
	const json_t *worker;
	size_t i, n = json_array_size(workers);
	char titles[256] = "COUNTER";

	// what fits; --json has all
	n = n > 16 ? 16 : n;
	for (i = 0; i < n; i++)
		snprintf(titles + strlen(titles), sizeof(titles) - strlen(titles), " >WORKER_%zu",
		        i);
	struct columns *columns = columns_create(titles);

	json_object_foreach (first, key, value) {
		if (!json_is_integer(value))
			continue;
		columns_cell(columns, "%s", key);
		json_array_foreach (workers, i, worker) {
			if (i < n)
				columns_cell(columns, "%" PRId64, get_int(worker, key));
		}
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(stats_workers)
{
	return request_print(cli, in, "stats.get", "workers", print_worker_stats);
}
