/* SPDX-License-Identifier: BSD-3-Clause */
// orrery verify: what the switch does beside what the ephemeris file asks.
#include <signal.h>
#include <stdlib.h>

#include "cmd.h"
#include "units.h"
#include "verify.h"

#define PATHS_DEFAULT 8
#define PROBES_DEFAULT 200
#define PROBES_MAX 100000
#define MAX_ERROR_DEFAULT_NS 500000.0
#define CONFIDENCE_DEFAULT 0.999

static volatile sig_atomic_t stop_asked; // by a signal, the only writer

static void on_signal(int signal)
{
	stop_asked = 1;
}

static bool read_count(const char *text, unsigned max, unsigned *n)
{
	char *end;
	unsigned long value;

	if (text == NULL)
		return true;
	value = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || *text == '-' || value == 0 || value > max)
		return false;
	*n = (unsigned)value;
	return true;
}

static bool read_confidence(const char *text, double *confidence)
{
	char *end;

	if (text == NULL)
		return true;
	*confidence = strtod(text, &end);
	return end != text && *end == '\0' && *confidence >= 0.5 && *confidence < 1;
}

static enum cli_exit read_options(
        struct cli *cli, const struct invocation *in, struct verify *verify)
{
	const char *max_error = invocation_option(in, "max-error");
	int64_t ns;

	verify->from = invocation_arg(in, 1);
	verify->to = invocation_arg(in, 2);
	if (verify->from != NULL && verify->to == NULL)
		return cli_usage(cli, "two nodes make a path: TO is missing");
	if (!read_count(invocation_option(in, "links"), VERIFY_PATHS_MAX, &verify->n_paths))
		return cli_usage(cli, "--links: expected a number from 1 to %u", VERIFY_PATHS_MAX);
	if (!read_count(invocation_option(in, "count"), PROBES_MAX, &verify->n_probes))
		return cli_usage(cli, "--count: expected a number from 1 to %u", PROBES_MAX);
	if (!read_confidence(invocation_option(in, "confidence"), &verify->confidence))
		return cli_usage(cli, "--confidence: expected a number from 0.5 to below 1");
	if (max_error != NULL) {
		if (units_parse_duration_ns(max_error, &ns) != 0 || ns < 0)
			return cli_usage(cli, "--max-error: expected a duration such as 200us");
		verify->max_error_ns = (double)ns;
	}
	return CLI_OK;
}

static enum cli_exit measure(struct verify *verify)
{
	json_t *before = NULL, *after = NULL;
	enum cli_exit code = verify_matrix(verify);

	if (code == CLI_OK)
		code = verify_list_links(verify, &before);
	if (code == CLI_OK)
		code = verify_paths(verify);
	if (code == CLI_OK)
		code = verify_list_links(verify, &after);
	if (code == CLI_OK)
		code = verify_losses(verify, before, after);
	json_decref(before);
	json_decref(after);
	return code;
}

static enum cli_exit run(struct verify *verify)
{
	enum cli_exit code = measure(verify);

	if (code == CLI_OK && *verify->stop)
		return cli_failf(verify->cli, "interrupted");
	if (code != CLI_OK)
		return code;
	json_object_set_new(verify->result, "as_asked", json_boolean(!verify->failed));
	if (verify->cli->json)
		cli_print_json(verify->cli, verify->result);
	else
		verify_print(verify->cli->out, verify->result);
	return verify->failed ? CLI_FAILED : CLI_OK;
}

CMD(verify)
{
	struct verify verify = {.cli = cli,
	        .name = invocation_arg(in, 0),
	        .n_paths = PATHS_DEFAULT,
	        .n_probes = PROBES_DEFAULT,
	        .max_error_ns = MAX_ERROR_DEFAULT_NS,
	        .confidence = CONFIDENCE_DEFAULT,
	        .stop = &stop_asked};
	struct sigaction action = {.sa_handler = on_signal};
	enum cli_exit code = read_options(cli, in, &verify);
	struct fault fault = {0};
	struct ephemeris *file;

	if (code != CLI_OK)
		return code;
	if (ephemeris_open(verify.name, 0, &file, &fault) != 0)
		return cli_fail(cli, &fault);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	verify.file = file;
	verify.result = json_pack("{s:s}", "file", verify.name);
	code = run(&verify);
	json_decref(verify.result);
	ephemeris_close(file);
	return code;
}
