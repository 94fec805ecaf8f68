/* SPDX-License-Identifier: BSD-3-Clause */
// From the words of a command line to what the table says about them.
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define TIMEOUT_MAX_MS 3600000

bool value_is_flag(enum value_kind kind)
{
	return kind == VALUE_NONE || kind == VALUE_TRUE || kind == VALUE_FALSE ||
	       kind == VALUE_NULL;
}

const struct command *command_find(const char *const *words, size_t n_words, size_t *ret_n_used)
{
	const struct command *found = NULL;

	for (const struct command *c = commands; c->words != NULL && n_words > 0; c++) {
		size_t len = strlen(words[0]);

		if (strcmp(c->words, words[0]) == 0 && found == NULL) {
			found = c;
			*ret_n_used = 1;
		} else if (n_words > 1 && strncmp(c->words, words[0], len) == 0 &&
		           c->words[len] == ' ' && strcmp(c->words + len + 1, words[1]) == 0) {
			*ret_n_used = 2;
			return c;
		}
	}
	return found;
}

bool command_is_group(const char *word)
{
	size_t len = strlen(word);

	for (const struct command *c = commands; c->words != NULL; c++) {
		if (strncmp(c->words, word, len) == 0 && c->words[len] == ' ' && len > 0)
			return true;
	}
	return false;
}

static const struct parameter *find_parameter(
        const struct parameter *list, const char *name, size_t len)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (strlen(list->name) == len && strncmp(list->name, name, len) == 0)
			return list;
	}
	return NULL;
}

static const struct parameter *find_letter(const struct parameter *list, char letter)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (list->letter != 0 && list->letter == letter)
			return list;
	}
	return NULL;
}

static size_t count_parameters(const struct parameter *list)
{
	size_t n = 0;

	while (list != NULL && list[n].name != NULL)
		n++;
	return n;
}

// "-3.4us/s" is a value, "-" is standard input, "-j" an option.
static bool looks_like_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && strchr("0123456789.", word[1]) == NULL;
}

static enum cli_exit set_global(struct cli *cli, const struct parameter *option, const char *value)
{
	int64_t ns;

	if (strcmp(option->name, "json") == 0) {
		cli->json = true;
	} else if (strcmp(option->name, "socket") == 0) {
		cli->socket_path = value;
	} else if (strcmp(option->name, "timeout") == 0) {
		if (units_parse_duration_ns(value, &ns) != 0 || ns < 1000000 ||
		        ns > (int64_t)TIMEOUT_MAX_MS * 1000000)
			return cli_usage(cli,
			        "--timeout: expected a duration from 1ms to 1h, such as 5s, got "
			        "'%s'",
			        value);
		cli->timeout_ms = (int)(ns / 1000000);
	}
	return CLI_OK;
}

enum cli_exit option_parse(struct cli *cli, const struct parameter *options, char ***argv,
        const struct parameter **ret_option, const char **ret_value)
{
	const char *word = **argv, *equals = strchr(word, '=');
	bool is_long = word[1] == '-';
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	const struct parameter *option = NULL, *lists[] = {options, global_options};

	for (size_t i = 0; i < 2 && option == NULL; i++) {
		if (is_long)
			option = find_parameter(lists[i], word + 2, len - 2);
		else if (len == 2)
			option = find_letter(lists[i], word[1]);
	}
	if (option == NULL)
		return cli_usage(cli, "there is no option '%.*s'", (int)len, word);
	(*argv)++;
	if (value_is_flag(option->kind)) {
		if (equals != NULL)
			return cli_usage(cli, "--%s takes no value", option->name);
		*ret_value = "";
	} else if (equals != NULL) {
		*ret_value = equals + 1;
	} else if (**argv == NULL) {
		return cli_usage(cli, "--%s: expected %s behind it", option->name, option->value);
	} else {
		*ret_value = *(*argv)++;
	}
	*ret_option = option;
	if (find_parameter(global_options, option->name, strlen(option->name)) == option)
		return set_global(cli, option, *ret_value);
	return CLI_OK;
}

static enum cli_exit take_option(struct invocation *in, struct cli *cli, char ***argv)
{
	const struct parameter *option = NULL, *own = in->command->options;
	const char *value = NULL;
	enum cli_exit code = option_parse(cli, own, argv, &option, &value);

	if (code != CLI_OK)
		return code;
	if (own != NULL && option >= own && option < own + count_parameters(own))
		in->option_values[option - own] = value;
	return CLI_OK;
}

static enum cli_exit unexpected(struct invocation *in, struct cli *cli, const char *word)
{
	char words[256] = "";
	const struct parameter *list = in->command->keywords;

	if (list == NULL)
		return cli_usage(cli, "unexpected '%s'", word);
	for (; list->name != NULL; list++) {
		if (strlen(words) + strlen(list->name) + 2 < sizeof(words)) {
			strcat(words, words[0] != '\0' ? " " : "");
			strcat(words, list->name);
		}
	}
	return cli_usage(cli, "expected one of: %s; got '%s'", words, word);
}

static enum cli_exit take_keyword(struct invocation *in, struct cli *cli, char ***argv)
{
	const char *word = *(*argv)++;
	const struct parameter *keyword = find_parameter(in->command->keywords, word, strlen(word));
	const char *value = NULL;

	if (keyword == NULL)
		return unexpected(in, cli, word);
	if (!value_is_flag(keyword->kind)) {
		if (**argv == NULL)
			return cli_usage(
			        cli, "%s: expected %s behind it", keyword->name, keyword->value);
		value = *(*argv)++;
	}
	for (size_t i = 0; i < in->n_keywords; i++) {
		if (in->keywords[i].keyword == keyword &&
		        (keyword->flags & PARAMETER_REPEATED) == 0)
			return cli_usage(cli, "'%s' is given twice", keyword->name);
	}
	in->keywords[in->n_keywords++] = (struct keyword_use){keyword, value};
	return CLI_OK;
}

// The argument that the next word would be, or NULL when all are there.
static const struct parameter *next_argument(const struct invocation *in)
{
	size_t n = count_parameters(in->command->args);

	if (in->n_args < n)
		return &in->command->args[in->n_args];
	if (n > 0 && (in->command->args[n - 1].flags & PARAMETER_REPEATED) != 0)
		return &in->command->args[n - 1];
	return NULL;
}

static enum cli_exit take_word(struct invocation *in, struct cli *cli, char ***argv)
{
	const struct parameter *arg = next_argument(in);
	const char *word = **argv;
	bool is_keyword = find_parameter(in->command->keywords, word, strlen(word)) != NULL;

	// an optional argument gives way to a keyword
	if (in->n_keywords == 0 && arg != NULL &&
	        !(is_keyword && (arg->flags & PARAMETER_OPTIONAL) != 0)) {
		in->args[in->n_args++] = word;
		(*argv)++;
		return CLI_OK;
	}
	return take_keyword(in, cli, argv);
}

static enum cli_exit check_arguments(const struct invocation *in, struct cli *cli)
{
	size_t n = count_parameters(in->command->args);

	for (size_t i = in->n_args; i < n; i++) {
		const struct parameter *arg = &in->command->args[i];

		if ((arg->flags & PARAMETER_OPTIONAL) == 0)
			return cli_usage(cli, "expected %s: %s", arg->name, arg->summary);
	}
	return CLI_OK;
}

static enum cli_exit convert_values(struct invocation *in, struct cli *cli)
{
	enum cli_exit code = CLI_OK;
	size_t n_args = count_parameters(in->command->args);
	const struct parameter *options = in->command->options;

	for (size_t i = 0; i < in->n_args && code == CLI_OK; i++)
		code = value_set(cli, &in->command->args[i < n_args ? i : n_args - 1], in->args[i],
		        in->params);
	for (size_t i = 0; code == CLI_OK && options != NULL && options[i].name != NULL; i++) {
		if (in->option_values[i] != NULL)
			code = value_set(cli, &options[i], in->option_values[i], in->params);
	}
	for (size_t i = 0; i < in->n_keywords && code == CLI_OK; i++)
		code = value_set(cli, in->keywords[i].keyword, in->keywords[i].value, in->params);
	return code;
}

enum cli_exit invocation_init(
        struct invocation *in, struct cli *cli, const struct command *command, char **argv)
{
	size_t n_words = 1;
	enum cli_exit code = CLI_OK;
	bool options_end = false;

	while (argv[n_words - 1] != NULL)
		n_words++;
	*in = (struct invocation){.command = command,
	        .args = calloc(n_words, sizeof(*in->args)),
	        .option_values =
	                calloc(count_parameters(command->options) + 1, sizeof(*in->option_values)),
	        .keywords = calloc(n_words, sizeof(*in->keywords)),
	        .params = json_object()};
	if (in->args == NULL || in->option_values == NULL || in->keywords == NULL ||
	        in->params == NULL)
		return cli_failf(cli, "out of memory");
	while (code == CLI_OK && *argv != NULL) {
		if (!options_end && strcmp(*argv, "--") == 0) {
			options_end = true;
			argv++;
		} else if (!options_end && looks_like_option(*argv)) {
			code = take_option(in, cli, &argv);
		} else {
			code = take_word(in, cli, &argv);
		}
	}
	if (code == CLI_OK)
		code = check_arguments(in, cli);
	return code == CLI_OK ? convert_values(in, cli) : code;
}

void invocation_fini(struct invocation *in)
{
	free(in->args);
	free(in->option_values);
	free(in->keywords);
	json_decref(in->params);
	*in = (struct invocation){0};
}

const char *invocation_arg(const struct invocation *in, size_t i)
{
	return i < in->n_args ? in->args[i] : NULL;
}

const char *invocation_option(const struct invocation *in, const char *name)
{
	const struct parameter *option = find_parameter(in->command->options, name, strlen(name));

	return option != NULL ? in->option_values[option - in->command->options] : NULL;
}

bool invocation_keyword(const struct invocation *in, const char *name, const char **ret_value)
{
	for (size_t i = in->n_keywords; i > 0; i--) {
		if (strcmp(in->keywords[i - 1].keyword->name, name) == 0) {
			if (ret_value != NULL)
				*ret_value = in->keywords[i - 1].value;
			return true;
		}
	}
	return false;
}

json_t *invocation_params(const struct invocation *in)
{
	return json_copy(in->params);
}
