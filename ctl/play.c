/* SPDX-License-Identifier: BSD-3-Clause */
// orrery play: an ephemeris file in the switch.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "json_get.h"
#include "request.h"
#include "simtime.h"
#include "units.h"

#define LOAD_TIMEOUT_MS 120000 // a large file is read and checked whole

static void print_place(FILE *out, const json_t *status)
{
	const json_t *file = json_object_get(status, "file");
	char at[SIMTIME_TEXT_SIZE], end[SIMTIME_TEXT_SIZE], utc[SIMTIME_TEXT_SIZE];
	int64_t t_ns = get_int(status, "time_ns");

	fprintf(out, "%s: %s at %gx, %s of %s, %s%s\n", get_text(status, "name"),
	        get_text(status, "state"), get_real(status, "speed"), simtime_format_span(at, t_ns),
	        simtime_format_span(end, get_int(file, "duration_ns")),
	        simtime_format(utc, get_int(file, "epoch_ns") + t_ns),
	        get_bool(status, "loop") ? ", in a loop" : "");
}

static void print_status(FILE *out, const json_t *status, const struct invocation *in)
{
	const json_t *file = json_object_get(status, "file");
	int64_t n_pinned = get_int(status, "skipped_pinned");
	int64_t n_gone = get_int(status, "skipped_gone");
	int64_t n_with = get_int(status, "routes_with_epoch");
	int64_t n_late = get_int(status, "routes_late");
	const char *error = get_text(status, "error");

	if (file == NULL) {
		fprintf(out, "nothing is loaded\n");
		return;
	}
	print_place(out, status);
	fprintf(out,
	        "  file    %s: %" PRId64 " nodes, %" PRId64 " interfaces, %" PRId64
	        " epochs; made by %s\n",
	        get_text(file, "scenario"), get_int(file, "nodes"), get_int(file, "interfaces"),
	        get_int(file, "epochs"), get_text(file, "producer"));
	fprintf(out,
	        "  epochs  %" PRId64 " applied, %" PRId64 " of them merged, %" PRId64 " late\n",
	        get_int(status, "applied"), get_int(status, "merged"), get_int(status, "late"));
	fprintf(out, "  late    %.1f us the last, %.1f us the most\n", get_real(status, "late_us"),
	        get_real(status, "late_max_us"));
	if (n_with + n_late > 0)
		fprintf(out,
		        "  routes  with their epoch %" PRId64 " times, later %" PRId64 " times\n",
		        n_with, n_late);
	if (n_pinned + n_gone > 0)
		fprintf(out,
		        "  skipped %" PRId64 " changes of pinned links, %" PRId64
		        " of deleted interfaces\n",
		        n_pinned, n_gone);
	if (*error != '\0')
		fprintf(out, "  paused by itself: %s\n", error);
}

static enum cli_exit speed_option(struct cli *cli, const struct invocation *in, json_t *params)
{
	const char *text = invocation_option(in, "speed");
	double speed;
	char *end;

	if (text == NULL)
		return CLI_OK;
	speed = strtod(text, &end);
	if (end == text || *end != '\0' || !(speed >= 0.001 && speed <= 10000))
		return cli_usage(
		        cli, "--speed: expected a number from 0.001 to 10000; got '%s'", text);
	json_object_set_new(params, "speed", json_real(speed));
	return CLI_OK;
}

static bool parse_time(const char *text, int64_t epoch_ns, int64_t *ret_ns)
{
	int64_t utc_ns;

	if (units_parse_duration_ns(text, ret_ns) == 0)
		return true;
	if (simtime_parse(text, &utc_ns) != 0 || utc_ns < epoch_ns)
		return false;
	*ret_ns = utc_ns - epoch_ns;
	return true;
}

// `text` as a time of the file that `status` is of, into `params`.
static enum cli_exit set_time(struct cli *cli, const char *what, const char *text,
        const json_t *status, const char *param, json_t *params)
{
	int64_t ns;

	if (!parse_time(text, get_int(json_object_get(status, "file"), "epoch_ns"), &ns))
		return cli_usage(cli,
		        "%s: expected a time after the file's start such as 10min, or a UTC time "
		        "not before it such as 2026-01-01T00:10:00Z; got '%s'",
		        what, text);
	json_object_set_new(params, param, json_integer(ns));
	return CLI_OK;
}

static enum cli_exit load(struct cli *cli, const char *path, json_t **ret_status)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum cli_exit code;

	if (fd < 0)
		return cli_failf(cli, "%s: %s", path, strerror(errno));
	if (cli->timeout_ms < LOAD_TIMEOUT_MS)
		cli->timeout_ms = LOAD_TIMEOUT_MS;
	code = cli_call_fd(
	        cli, "player.load", json_pack("{s:b, s:s}", "fd", 1, "name", path), fd, ret_status);
	close(fd);
	return code;
}

static enum cli_exit load_and_start(
        struct cli *cli, const struct invocation *in, json_t *params, json_t **ret_status)
{
	const char *from = invocation_option(in, "from");
	json_t *loaded = NULL, *stopped = NULL;
	enum cli_exit code = load(cli, invocation_arg(in, 0), &loaded);

	if (code != CLI_OK)
		return code;
	if (from != NULL)
		code = set_time(cli, "--from", from, loaded, "from_ns", params);
	json_decref(loaded);
	if (code == CLI_OK)
		code = cli_call(cli, "player.start", json_incref(params), ret_status);
	// as if nothing had been asked
	if (code != CLI_OK &&
	        cli_call(cli, "player.stop", json_pack("{s:b}", "clean", 1), &stopped) == CLI_OK)
		json_decref(stopped);
	return code;
}

CMD(play)
{
	json_t *params = invocation_params(in), *status;
	enum cli_exit code = speed_option(cli, in, params);

	if (code == CLI_OK)
		code = load_and_start(cli, in, params, &status);
	json_decref(params);
	return code != CLI_OK ? code : request_show(cli, in, status, print_status);
}

CMD(play_status)
{
	return request_print(cli, in, "player.status", NULL /* key */, print_status);
}

CMD(play_pause)
{
	return request_print(cli, in, "player.pause", NULL /* key */, print_status);
}

CMD(play_resume)
{
	json_t *params = json_object(), *status;
	enum cli_exit code = speed_option(cli, in, params);

	if (code != CLI_OK) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "player.resume", params, &status);
	return code != CLI_OK ? code : request_show(cli, in, status, print_status);
}

CMD(play_seek)
{
	json_t *params = json_object(), *status;
	enum cli_exit code = cli_call(cli, "player.status", json_object(), &status);

	if (code == CLI_OK) {
		code = set_time(cli, "T", invocation_arg(in, 0), status, "time_ns", params);
		json_decref(status);
	}
	if (code != CLI_OK) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "player.seek", params, &status);
	return code != CLI_OK ? code : request_show(cli, in, status, print_status);
}

CMD(play_step)
{
	return request_print(cli, in, "player.step", NULL /* key */, print_status);
}

static void print_stopped(FILE *out, const json_t *result, const struct invocation *in)
{
	if (!get_bool(result, "stopped"))
		fprintf(out, "nothing is loaded\n");
	else if (invocation_option(in, "clean") != NULL)
		fprintf(out, "%" PRId64 " nodes deleted\n", get_int(result, "deleted"));
}

CMD(play_stop)
{
	return request_print(cli, in, "player.stop", NULL /* key */, print_stopped);
}
