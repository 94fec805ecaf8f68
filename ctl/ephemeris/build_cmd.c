/* SPDX-License-Identifier: BSD-3-Clause */
// orrery ephemeris build: options, progress bar, result.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compile.h"
#include "ephemeris_cmd.h"
#include "line.h"
#include "parallel.h"
#include "sim.h"
#include "simtime.h"
#include "units.h"

#define S_NS 1000000000ll
#define BAR_WIDTH 40
#define DURATION_MAX_NS (3660 * 86400 * S_NS) // ten years
#define STEP_MIN_NS 1000000 // 1 ms
#define STEP_MAX_NS (5 * S_NS) // as a scenario's; events must not come and go between two

struct progress {
	FILE *out; // NULL: nobody looks
	int percent; // drawn
	sigset_t stop; // signals that end the work
};

static enum cli_exit duration_option(struct cli *cli, const struct invocation *in, const char *name,
        int64_t min_ns, int64_t max_ns, int64_t *ns)
{
	const char *text = invocation_option(in, name);
	char least[UNITS_TEXT_SIZE], most[UNITS_TEXT_SIZE];

	if (text == NULL)
		return CLI_OK;
	if (units_parse_duration_ns(text, ns) == 0 && *ns >= min_ns && *ns <= max_ns)
		return CLI_OK;
	return cli_usage(cli,
	        "--%s: expected a duration from %s to %s, such as 90min or 1s; got '%s'", name,
	        units_format_duration(least, min_ns), units_format_duration(most, max_ns), text);
}

static enum cli_exit number_option(struct cli *cli, const struct invocation *in, const char *name,
        uint64_t max, uint64_t *value)
{
	const char *text = invocation_option(in, name);

	if (text == NULL || units_parse_u64(text, 1, max, value) == 0)
		return CLI_OK;
	return cli_usage(
	        cli, "--%s: expected a number from 1 to %" PRIu64 "; got '%s'", name, max, text);
}

static enum cli_exit read_options(struct cli *cli, const struct invocation *in,
        const struct scenario *scenario, struct compile_options *options)
{
	int64_t duration_ns = scenario->duration_ns, step_ns = scenario->step_ns;
	int64_t tolerance_ns = (int64_t)COMPILE_TOLERANCE_NS;
	uint64_t seed = 0, n_threads = parallel_cpus();
	enum cli_exit code = duration_option(cli, in, "duration", 1, DURATION_MAX_NS, &duration_ns);

	if (code == CLI_OK)
		code = duration_option(cli, in, "step", STEP_MIN_NS, STEP_MAX_NS, &step_ns);
	if (code == CLI_OK)
		code = duration_option(
		        cli, in, "tolerance", (int64_t)LINE_TOLERANCE_MIN_NS, S_NS, &tolerance_ns);
	if (code == CLI_OK)
		code = number_option(cli, in, "seed", UINT64_MAX, &seed);
	if (code == CLI_OK)
		code = number_option(cli, in, "threads", COMPILE_THREADS_MAX, &n_threads);
	if (code == CLI_OK && duration_ns == 0)
		code = cli_usage(cli, "scenario '%s' has no end: say how long with --duration",
		        scenario->name);
	if (n_threads > COMPILE_THREADS_MAX)
		n_threads = COMPILE_THREADS_MAX;
	*options = (struct compile_options){.duration_ns = (uint64_t)duration_ns,
	        .step_ns = (uint64_t)step_ns,
	        .tolerance_ns = (double)tolerance_ns,
	        .seed = seed,
	        .n_threads = (unsigned)n_threads};
	return code;
}

static void draw(struct progress *progress, double share)
{
	int percent = (int)(share * 100), width = (int)(share * BAR_WIDTH);

	if (progress->out == NULL || percent == progress->percent)
		return;
	progress->percent = percent;
	fprintf(progress->out, "\r[%.*s%*s] %3d %%", width,
	        "########################################", BAR_WIDTH - width, "", percent);
	fflush(progress->out);
}

static int go_on(void *arg, double share)
{
	const struct timespec now = {0};
	struct progress *progress = arg;

	draw(progress, share);
	return sigtimedwait(&progress->stop, NULL, &now) > 0 ? -EINTR : 0;
}

// SIGINT and SIGTERM wait until they are asked for, so that no scratch file stays.
static int build(struct cli *cli, const struct sim *sim, struct compile_options *options,
        const char *path, struct fault *fault)
{
	struct progress progress = {
	        .out = isatty(fileno(cli->err)) ? cli->err : NULL, .percent = -1};
	sigset_t before;
	int err;

	sigemptyset(&progress.stop);
	sigaddset(&progress.stop, SIGINT);
	sigaddset(&progress.stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &progress.stop, &before);
	options->progress = go_on;
	options->arg = &progress;
	err = compile(sim->con, options, path, fault);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (progress.out != NULL)
		fprintf(progress.out, "\r%*s\r", BAR_WIDTH + 8, "");
	return err;
}

static void print_result(
        struct cli *cli, const char *path, const struct compile_options *options, double took_s)
{
	struct stat st = {0};
	char size[UNITS_TEXT_SIZE], span[SIMTIME_TEXT_SIZE];

	if (stat(path, &st) != 0)
		st.st_size = 0;
	if (cli->json) {
		json_t *result = json_pack("{s:s, s:I, s:I, s:f}", "file", path, "size_bytes",
		        (json_int_t)st.st_size, "duration_ns", (json_int_t)options->duration_ns,
		        "took_s", took_s);

		cli_print_json(cli, result);
		json_decref(result);
		return;
	}
	fprintf(cli->out, "%s: %s of simulated time in %s, built in %.2f s\n", path,
	        simtime_format_span(span, (int64_t)options->duration_ns),
	        units_format_size(size, (uint64_t)st.st_size), took_s);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

enum cli_exit cmd_ephemeris_build(struct cli *cli, const struct invocation *in)
{
	const char *path = invocation_option(in, "output");
	struct compile_options options;
	struct fault fault = {0};
	struct sim sim;
	double start_s;
	enum cli_exit code;

	if (path == NULL)
		return cli_usage(cli, "expected --output FILE: the ephemeris to write");
	if (sim_open(&sim, invocation_arg(in, 0), &fault) != 0)
		return cli_fail(cli, &fault);
	code = read_options(cli, in, &sim.scenario, &options);
	start_s = now_s();
	if (code == CLI_OK && build(cli, &sim, &options, path, &fault) != 0)
		code = fault.code == -EINTR
		               ? cli_failf(cli, "interrupted; '%s' is not written", path)
		               : cli_fail(cli, &fault);
	if (code == CLI_OK)
		print_result(cli, path, &options, now_s() - start_s);
	sim_close(&sim);
	return code;
}
