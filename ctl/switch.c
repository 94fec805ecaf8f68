/* SPDX-License-Identifier: BSD-3-Clause */
// Commands about the switch as a whole.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "columns.h"
#include "input.h"
#include "json_get.h"
#include "request.h"
#include "text.h"

static void print_version(FILE *out, const json_t *result, const struct invocation *in)
{
	int64_t uptime_s = get_int(result, "uptime_s");

	fprintf(out, "orrery %s\n", ORRERY_VERSION);
	fprintf(out, "switch %s, API %" PRId64 ", instance '%s' on %s\n",
	        get_text(result, "version"), get_int(result, "api"), get_text(result, "instance"),
	        get_text(result, "socket"));
	fprintf(out, "%s, %" PRId64 " worker%s, memory: %s\n", get_text(result, "dpdk"),
	        get_int(result, "workers"), text_plural(get_int(result, "workers")),
	        get_text(result, "memory"));
	fprintf(out, "up %" PRId64 "d %02d:%02d:%02d\n", uptime_s / 86400,
	        (int)(uptime_s / 3600 % 24), (int)(uptime_s / 60 % 60), (int)(uptime_s % 60));
}

CMD(version)
{
	return request_print(cli, in, "version", NULL /* key */, print_version);
}

static void print_stopped(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "the switch stops%s\n",
	        invocation_option(in, "keep") != NULL ? ", the pods keep their interfaces" : "");
}

CMD(shutdown)
{
	return request_print(cli, in, "shutdown", NULL /* key */, print_stopped);
}

static void print_level(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "log level %s\n", get_text(result, "level"));
}

CMD(log_level)
{
	return request_print(cli, in, "log.level", NULL /* key */, print_level);
}

static void print_workers(FILE *out, const json_t *workers, const struct invocation *in)
{
	struct columns *columns = columns_create(">WORKER >LCORE >CPU STATE >PORTS >HOT_QUEUES");
	const json_t *worker;
	size_t i;

	json_array_foreach (workers, i, worker) {
		columns_cell(columns, "%" PRId64, get_int(worker, "index"));
		columns_cell(columns, "%" PRId64, get_int(worker, "lcore"));
		columns_cell(columns, "%" PRId64, get_int(worker, "cpu"));
		columns_cell(columns, "%s", get_bool(worker, "sleeping") ? "sleeping" : "polling");
		columns_cell(columns, "%" PRId64, get_int(worker, "ports"));
		columns_cell(columns, "%" PRId64, get_int(worker, "hot_queues"));
	}
	columns_print(columns, out);
	columns_destroy(columns);
}

CMD(worker_list)
{
	return request_print(cli, in, "worker.list", "items", print_workers);
}

static void print_as_json(FILE *out, const json_t *value, const struct invocation *in)
{
	json_dumpf(value, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
	fputc('\n', out);
}

CMD(config_show)
{
	return request_print(cli, in, "config.show", NULL /* key */, print_as_json);
}

CMD(call)
{
	const char *text = invocation_arg(in, 1);
	json_t *params = NULL, *result;
	char *data = NULL;
	enum cli_exit code = CLI_OK;

	if (text != NULL && strcmp(text, "-") == 0) {
		code = input_read(cli, text, &data, NULL /* ret_len */);
		text = data;
	}
	if (code == CLI_OK && text != NULL)
		code = input_parse_json(cli, "PARAMS", text, &params);
	free(data);
	if (code == CLI_OK)
		code = cli_call(cli, invocation_arg(in, 0), params, &result);
	return code != CLI_OK ? code : request_show(cli, in, result, print_as_json);
}

// The switch's program beside ours: installed in one folder or in bin and sbin, or in the build
// tree.
static bool find_beside(char *path, size_t size)
{
	static const char *const places[] = {
	        "orrery-vswitch", "../sbin/orrery-vswitch", "../vswitch/orrery-vswitch"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return false;
	self[len] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, size, "%s%s", self, places[i]) < (int)size &&
		        access(path, X_OK) == 0)
			return true;
	}
	return false;
}

CMD(config_check)
{
	char path[PATH_MAX], program[] = "orrery-vswitch", option[] = "-t", *file;
	bool beside = find_beside(path, sizeof(path));

	file = strdup(
	        strcmp(invocation_arg(in, 0), "-") == 0 ? "/dev/stdin" : invocation_arg(in, 0));
	if (file == NULL)
		return cli_failf(cli, "out of memory");
	char *const argv[] = {program, option, file, NULL};

	fflush(cli->out);
	// the switch's words and status are the command's
	if (beside)
		execv(path, argv);
	else
		execvp(program, argv);
	int err = errno;

	free(file);
	return cli_failf(cli,
	        "cannot run %s: %s; it is looked for beside this program and in $PATH",
	        beside ? path : program, strerror(err));
}
