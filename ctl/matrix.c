/* SPDX-License-Identifier: BSD-3-Clause */
// orrery matrix: all links at once.
#include <inttypes.h>
#include <unistd.h>

#include "cmd.h"
#include "json_get.h"
#include "matrix_file.h"
#include "request.h"
#include "units.h"

static void print_matrix(FILE *out, const json_t *m, const struct invocation *in)
{
	char longest[UNITS_TEXT_SIZE], horizon[UNITS_TEXT_SIZE];

	units_format_duration(longest, get_int(m, "max_delay_ns"));
	units_format_duration(horizon, get_int(m, "horizon_ns"));
	fprintf(out, "epoch          %" PRId64 "\n", get_int(m, "epoch"));
	fprintf(out, "links          %" PRId64 ", %" PRId64 " up\n", get_int(m, "links"),
	        get_int(m, "links_up"));
	fprintf(out, "longest delay  %s of at most %s\n", longest, horizon);
	fprintf(out, "frames         %" PRId64 " needed in flight, %" PRId64 " there\n",
	        get_int(m, "needed_frames"), get_int(m, "pool_frames"));
	fprintf(out, "routes         of epoch %" PRId64 "\n", get_int(m, "routes_epoch"));
}

CMD(matrix_show)
{
	return request_print(cli, in, "matrix.show", NULL /* key */, print_matrix);
}

static void print_applied(FILE *out, const json_t *result, const struct invocation *in)
{
	char text[UNITS_TEXT_SIZE];

	fprintf(out,
	        "epoch %" PRId64 ": %" PRId64 " links changed, in use by every worker after %s\n",
	        get_int(result, "epoch"), get_int(result, "changed"),
	        units_format_duration(text, get_int(result, "applied_us") * 1000));
	if (get_int(result, "pinned") > 0)
		fprintf(out, "%" PRId64 " records left out: their links are pinned\n",
		        get_int(result, "pinned"));
	fprintf(out, "needs %" PRId64 " frames in flight%s\n", get_int(result, "needed_frames"),
	        get_bool(result, "routes_pending") ? "; routes are being computed" : "");
}

static void print_checked(FILE *out, const json_t *result, const struct invocation *in)
{
	fprintf(out, "good: %" PRId64 " links would change; needs %" PRId64 " frames in flight\n",
	        get_int(result, "changed"), get_int(result, "needed_frames"));
}

static enum cli_exit send_file(
        struct cli *cli, const struct invocation *in, const char *method, print_fn print)
{
	const char *path = invocation_arg(in, 0);
	json_t *params, *result;
	int fd = -1;
	enum cli_exit code = invocation_option(in, "records") != NULL
	                             ? matrix_file_read_records(cli, path, &params, &fd)
	                             : matrix_file_read(cli, path, &params);

	if (code != CLI_OK)
		return code;
	code = cli_call_fd(cli, method, params, fd, &result);
	if (fd >= 0)
		close(fd);
	return code != CLI_OK ? code : request_show(cli, in, result, print);
}

CMD(matrix_commit)
{
	return send_file(cli, in, "matrix.commit", print_applied);
}

CMD(matrix_check)
{
	return send_file(cli, in, "matrix.check", print_checked);
}
