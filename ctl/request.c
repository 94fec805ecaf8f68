/* SPDX-License-Identifier: BSD-3-Clause */
// Parameters, call, result: the way of most commands.
#include "request.h"

enum cli_exit request(
        struct cli *cli, const struct invocation *in, const char *method, json_t **ret_result)
{
	return cli_call(cli, method, invocation_params(in), ret_result);
}

enum cli_exit request_show(
        struct cli *cli, const struct invocation *in, json_t *value, print_fn print)
{
	if (cli->json)
		cli_print_json(cli, value);
	else
		print(cli->out, value, in);
	json_decref(value);
	return CLI_OK;
}

enum cli_exit request_print(struct cli *cli, const struct invocation *in, const char *method,
        const char *key, print_fn print)
{
	json_t *result;
	enum cli_exit code = request(cli, in, method, &result);

	if (code != CLI_OK)
		return code;
	if (key != NULL) {
		json_t *member = json_incref(json_object_get(result, key));

		json_decref(result);
		if (member == NULL)
			return cli_failf(cli, "%s: the answer has no '%s'", method, key);
		result = member;
	}
	return request_show(cli, in, result, print);
}

enum cli_exit request_print_list(
        struct cli *cli, const struct invocation *in, const char *method, print_fn print)
{
	json_t *items;
	enum cli_exit code = cli_list(cli, method, invocation_params(in), &items);

	return code != CLI_OK ? code : request_show(cli, in, items, print);
}
