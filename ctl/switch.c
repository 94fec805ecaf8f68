/* SPDX-License-Identifier: BSD-3-Clause */
// Commands about the switch as a whole.
#include <inttypes.h>

#include "cmd.h"
#include "json_get.h"

CMD(version)
{
	json_t *result;
	enum cli_exit code = cli_call(cli, "version", NULL /* params */, &result);

	if (code != CLI_OK)
		return code;
	if (cli->json) {
		cli_print_json(cli, result);
	} else {
		int64_t uptime_s = get_int(result, "uptime_s");

		fprintf(cli->out, "orrery %s\n", ORRERY_VERSION);
		fprintf(cli->out, "switch %s, API %" PRId64 ", instance '%s' on %s\n",
		        get_text(result, "version"), get_int(result, "api"),
		        get_text(result, "instance"), get_text(result, "socket"));
		fprintf(cli->out, "%s, %" PRId64 " workers, memory: %s\n", get_text(result, "dpdk"),
		        get_int(result, "workers"), get_text(result, "memory"));
		fprintf(cli->out, "up %" PRId64 "d %02d:%02d:%02d\n", uptime_s / 86400,
		        (int)(uptime_s / 3600 % 24), (int)(uptime_s / 60 % 60),
		        (int)(uptime_s % 60));
	}
	json_decref(result);
	return CLI_OK;
}
