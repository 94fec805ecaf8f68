/* SPDX-License-Identifier: BSD-3-Clause */
// The connection of a command and its way to fail.
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum cli_exit cli_fail(struct cli *cli, const struct fault *fault)
{
	if (cli->json) {
		json_t *error = json_pack("{s:{s:s, s:s, s:s}}", "error", "errno",
		        fault->code != 0 ? strerrorname_np(-fault->code) : "EIO", "field",
		        fault->field, "message", fault->message);

		// a message is always valid UTF-8 (fault_set)
		json_dumpf(error, cli->err, JSON_COMPACT);
		fputc('\n', cli->err);
		json_decref(error);
		return CLI_FAILED;
	}
	// an invalid value needs its field; what is missing or in use is named by the sentence
	const char *field = fault->field;
	bool says_it = *field == '\0' || strstr(fault->message, field) != NULL;
	bool wanted = fault->code == -EINVAL || strncmp(field, "records[", 8) == 0;

	fprintf(cli->err, "orrery: %s%s%s\n", wanted && !says_it ? field : "",
	        wanted && !says_it ? ": " : "", fault->message);
	return CLI_FAILED;
}

enum cli_exit cli_failf(struct cli *cli, const char *fmt, ...)
{
	struct fault fault;
	char text[sizeof(fault.message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fault_set(&fault, 0, NULL, "%s", text);
	return cli_fail(cli, &fault);
}

enum cli_exit cli_usage(struct cli *cli, const char *fmt, ...)
{
	struct fault fault;
	char text[sizeof(fault.message)];
	const char *words = cli->command_words != NULL ? cli->command_words : "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (cli->where != NULL)
		return cli_failf(cli, "%s: %s", cli->where, text);
	// what was typed is quoted in it: fault_set makes it printable
	(void)fault_set(&fault, -EINVAL, "command line", "%s", text);
	if (cli->json) {
		(void)cli_fail(cli, &fault);
		return CLI_USAGE;
	}
	fprintf(cli->err, "orrery%s%s: %s\n", *words != '\0' ? " " : "", words, fault.message);
	fprintf(cli->err, "Try: orrery %s%s--help\n", words, *words != '\0' ? " " : "");
	return CLI_USAGE;
}

enum cli_exit cli_client(struct cli *cli, struct client **ret_client)
{
	struct fault fault;

	if (cli->client == NULL) {
		int err = client_connect(cli->socket_path, cli->timeout_ms, &cli->client, &fault);

		if (err != 0) {
			(void)cli_fail(cli, &fault);
			if ((err == -ENOENT || err == -ECONNREFUSED) && !cli->json)
				fprintf(cli->err, "Start it with 'systemctl start orrery' or "
				                  "'orrery-vswitch -c FILE', or name "
				                  "its socket with --socket or $ORRERY_SOCKET.\n");
			return CLI_FAILED;
		}
	}
	*ret_client = cli->client;
	return CLI_OK;
}

enum cli_exit cli_call(struct cli *cli, const char *method, json_t *params, json_t **ret_result)
{
	return cli_call_fd(cli, method, params, -1 /* fd */, ret_result);
}

enum cli_exit cli_call_fd(
        struct cli *cli, const char *method, json_t *params, int fd, json_t **ret_result)
{
	struct fault fault;
	struct client *client;

	if (cli_client(cli, &client) != CLI_OK) {
		json_decref(params);
		return CLI_FAILED;
	}
	if (client_call(client, method, params, &fd, fd >= 0 ? 1 : 0, ret_result, &fault) != 0)
		return cli_fail(cli, &fault);
	return CLI_OK;
}

enum cli_exit cli_list(struct cli *cli, const char *method, json_t *params, json_t **ret_items)
{
	struct fault fault;
	struct client *client;

	if (cli_client(cli, &client) != CLI_OK) {
		json_decref(params);
		return CLI_FAILED;
	}
	if (client_list(client, method, params, ret_items, &fault) != 0)
		return cli_fail(cli, &fault);
	return CLI_OK;
}

void cli_print_json(struct cli *cli, const json_t *value)
{
	json_dumpf(value, cli->out, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	fputc('\n', cli->out);
}

void cli_fini(struct cli *cli)
{
	client_close(cli->client);
	cli->client = NULL;
}
