/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris import: options, what was assumed, result.
#include "import_cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "scan.h"
#include "simtime.h"
#include "text.h"
#include "units.h"

#define DURATION_MAX_NS (3660ll * 86400 * 1000000000) // ten years
#define FROM_DEFAULT "a/link0"
#define TO_DEFAULT "b/link0"

struct command_options {
	struct import_options import;
	char *config, *back; // absolute
};

static enum cli_exit scale_option(
        struct cli *cli, const struct invocation *in, struct import_options *options)
{
	const char *text = invocation_option(in, "delay-scale");

	options->delay_scale = 1;
	if (text == NULL || span_real((struct span){text, strlen(text)}, IMPORT_SCALE_MIN,
	                            IMPORT_SCALE_MAX, &options->delay_scale) == 0)
		return CLI_OK;
	return cli_usage(cli, "--delay-scale: expected a number from %g to %g; got '%s'",
	        IMPORT_SCALE_MIN, IMPORT_SCALE_MAX, text);
}

static enum cli_exit time_options(
        struct cli *cli, const struct invocation *in, struct import_options *options)
{
	const char *duration = invocation_option(in, "duration");
	const char *epoch = invocation_option(in, "epoch");
	int64_t ns = 0;

	options->epoch_ns = -1;
	if (duration != NULL &&
	        (units_parse_duration_ns(duration, &ns) != 0 || ns <= 0 || ns > DURATION_MAX_NS))
		return cli_usage(cli,
		        "--duration: expected a duration such as 90min, at most 87840h; got '%s'",
		        duration);
	options->duration_ns = (uint64_t)ns;
	if (epoch != NULL && simtime_parse(epoch, &options->epoch_ns) != 0)
		return cli_usage(cli,
		        "--epoch: expected a time in UTC, such as 2026-01-01T00:00:00Z; got '%s'",
		        epoch);
	return CLI_OK;
}

// Only formats that have a use for an option take it.
static enum cli_exit check_use(struct cli *cli, const struct invocation *in, const char *format)
{
	static const struct {
		const char *option, *format;
	} uses[] = {{"config", "starrynet"}, {"return", "theaterq"}, {"from", "theaterq"},
	        {"to", "theaterq"}};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (invocation_option(in, uses[i].option) != NULL &&
		        strcmp(uses[i].format, format) != 0)
			return cli_usage(
			        cli, "--%s goes with %s only", uses[i].option, uses[i].format);
	}
	return CLI_OK;
}

static enum cli_exit path_option(
        struct cli *cli, const struct invocation *in, const char *name, char **ret_path)
{
	const char *path = invocation_option(in, name);

	*ret_path = path != NULL ? realpath(path, NULL) : NULL;
	if (path == NULL || *ret_path != NULL)
		return CLI_OK;
	return cli_failf(cli, "%s: %s", path, strerror(errno));
}

static enum cli_exit read_options(struct cli *cli, const struct invocation *in, const char *format,
        struct command_options *options)
{
	const char *from = invocation_option(in, "from"), *to = invocation_option(in, "to");
	enum cli_exit code;

	*options = (struct command_options){
	        .import = {.output = invocation_option(in, "output"),
	                .from = from != NULL ? from : FROM_DEFAULT,
	                .to = to != NULL ? to : TO_DEFAULT,
	                .interpolate = invocation_option(in, "interpolate") != NULL}};
	if (options->import.output == NULL)
		return cli_usage(cli, "expected --output FILE: the ephemeris to write");
	code = check_use(cli, in, format);
	if (code == CLI_OK)
		code = scale_option(cli, in, &options->import);
	if (code == CLI_OK)
		code = time_options(cli, in, &options->import);
	if (code == CLI_OK)
		code = path_option(cli, in, "config", &options->config);
	if (code == CLI_OK)
		code = path_option(cli, in, "return", &options->back);
	options->import.config = options->config;
	options->import.back = options->back;
	return code;
}

static void print_json(struct cli *cli, const struct import_options *options,
        const struct import_notes *notes, const struct import_result *result)
{
	json_t *list = json_array(), *object;

	for (size_t i = 0; i < notes->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "topic", notes->notes[i].topic,
		                                    "text", notes->notes[i].text));
	object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "file", options->output, "nodes",
	        (json_int_t)result->n_nodes, "links", (json_int_t)result->n_links, "epochs",
	        (json_int_t)result->n_epochs, "changes", (json_int_t)result->n_changes,
	        "duration_ns", (json_int_t)result->duration_ns, "assumed", list);
	cli_print_json(cli, object);
	json_decref(object);
}

static void print_text(struct cli *cli, const struct import_options *options,
        const struct import_notes *notes, const struct import_result *result)
{
	char span[SIMTIME_TEXT_SIZE];

	for (size_t i = 0; i < notes->n; i++)
		fprintf(cli->err, "%s: %s\n", notes->notes[i].topic, notes->notes[i].text);
	fprintf(cli->out,
	        "%s: %" PRIu32 " node%s, %" PRIu32 " link%s, %" PRIu64 " epoch%s for %s\n",
	        options->output, result->n_nodes, text_plural(result->n_nodes), result->n_links,
	        text_plural(result->n_links), result->n_epochs,
	        text_plural((int64_t)result->n_epochs),
	        simtime_format_span(span, (int64_t)result->duration_ns));
}

static int go_on(void *arg)
{
	const struct timespec now = {0};

	return sigtimedwait(arg, NULL, &now) > 0 ? -EINTR : 0;
}

// SIGINT and SIGTERM wait until they are asked for, so that no scratch file stays.
static int run(const struct import_format *format, const struct source *source,
        struct import_options *options, struct import_notes *notes, struct import_result *result,
        struct fault *fault)
{
	sigset_t stop, before;
	int err;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, &before);
	options->go_on = go_on;
	options->arg = &stop;
	err = import_run(format, source, options, notes, result, fault);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}

enum cli_exit cmd_ephemeris_import(struct cli *cli, const struct invocation *in)
{
	const char *name = invocation_arg(in, 0);
	const struct source source = {.path = invocation_arg(in, 1)};
	struct import_notes notes = {.n = 0};
	struct import_result result;
	struct command_options options;
	struct fault fault = {0};
	enum cli_exit code = read_options(cli, in, name, &options);

	// the table lets only names of formats pass
	if (code == CLI_OK && run(import_format_find(name), &source, &options.import, &notes,
	                              &result, &fault) != 0)
		code = cli_fail(cli, &fault);
	else if (code == CLI_OK && cli->json)
		print_json(cli, &options.import, &notes, &result);
	else if (code == CLI_OK)
		print_text(cli, &options.import, &notes, &result);
	free(options.config);
	free(options.back);
	return code;
}
