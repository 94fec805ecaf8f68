/* SPDX-License-Identifier: BSD-3-Clause */
// orrery: finds the command in the table and runs it. Exit status: 0 ok, 1 failed, 2 usage.
#include <string.h>

#include "command.h"
#include "help.h"

#define TIMEOUT_DEFAULT_MS 10000

static bool wants_help(char **argv)
{
	for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++) {
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
			return true;
	}
	return false;
}

// "node" alone, or "node rename"
static enum cli_exit unknown_command(struct cli *cli, char **argv)
{
	if (!command_is_group(argv[0]))
		return cli_usage(cli, "there is no command '%s'", argv[0]);
	if (wants_help(argv + 1)) {
		help_group(cli->out, argv[0]);
		return CLI_OK;
	}
	cli->command_words = argv[0];
	char words[128];

	help_group_words(argv[0], words, sizeof(words));
	if (argv[1] == NULL)
		return cli_usage(cli, "expected one of: %s", words);
	return cli_usage(cli, "expected one of: %s; got '%s'", words, argv[1]);
}

static enum cli_exit run_command(struct cli *cli, const struct command *command, char **argv)
{
	struct invocation in;

	cli->command_words = command->words;
	if (wants_help(argv)) {
		help_command(cli->out, command);
		return CLI_OK;
	}
	enum cli_exit code = invocation_init(&in, cli, command, argv);

	if (code == CLI_OK)
		code = command->run(cli, &in);
	invocation_fini(&in);
	return code;
}

static enum cli_exit dispatch(struct cli *cli, char **argv)
{
	const struct parameter *option;
	const char *value, *words[2];
	size_t n_words = 0, n_used = 0;

	// in front of the command stand global options only
	while (*argv != NULL && argv[0][0] == '-') {
		if (wants_help((char *[]){*argv, NULL})) {
			help_all(cli->out);
			return CLI_OK;
		}
		enum cli_exit code = option_parse(cli, NULL /* options */, &argv, &option, &value);

		if (code != CLI_OK)
			return code;
		if (strcmp(option->name, "version") == 0) {
			fprintf(cli->out, "orrery %s\n", ORRERY_VERSION);
			return CLI_OK;
		}
	}
	if (*argv == NULL) {
		help_all(cli->err);
		return CLI_USAGE;
	}
	while (n_words < 2 && argv[n_words] != NULL) {
		words[n_words] = argv[n_words];
		n_words++;
	}
	const struct command *command = command_find(words, n_words, &n_used);

	if (command == NULL)
		return unknown_command(cli, argv);
	return run_command(cli, command, argv + n_used);
}

int main(int argc, char **argv)
{
	struct cli cli = {.out = stdout, .err = stderr, .timeout_ms = TIMEOUT_DEFAULT_MS};
	enum cli_exit code = argc > 0 ? dispatch(&cli, argv + 1) : CLI_USAGE;

	cli_fini(&cli);
	// a full disk must not look like success
	if (fflush(stdout) != 0 && code == CLI_OK) {
		perror("orrery: standard output");
		code = CLI_FAILED;
	}
	return code;
}
