/* SPDX-License-Identifier: BSD-3-Clause */
// orrery completion: the shell asks this program, which reads its own table and the switch's names.
#include "completion.h"

#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json_get.h"

#define WORDS_MAX 256
#define NAMES_MAX 200 // candidates a person can still read
#define TIMEOUT_MS 500 // a shell must not hang at a Tab

static const char bash_script[] = "# bash completion for orrery, made by 'orrery completion bash'\n"
                                  "_orrery()\n"
                                  "{\n"
                                  "\tlocal line\n"
                                  "\tCOMPREPLY=()\n"
                                  "\twhile IFS= read -r line; do\n"
                                  "\t\tCOMPREPLY+=(\"$line\")\n"
                                  "\tdone < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT "
                                  "\"${1/#\\~/$HOME}\" complete-line 2>/dev/null)\n"
                                  "\tcase ${COMPREPLY[0]-} in\n"
                                  "\t//files)\n"
                                  "\t\tCOMPREPLY=()\n"
                                  "\t\tcompopt -o default\n"
                                  "\t\t;;\n"
                                  "\t*/)\n"
                                  "\t\tcompopt -o nospace\n"
                                  "\t\t;;\n"
                                  "\tesac\n"
                                  "}\n"
                                  "complete -F _orrery orrery\n";

struct typed {
	char *words[WORDS_MAX + 1]; // before the last
	size_t n_words;
	const char *last; // the one at the cursor, may be ""
};

struct offer {
	struct cli *cli;
	FILE *out;
	const char *prefix;
};

// Words of a shell's line; quotes and backslashes as far as names need them. Changes `line`.
static void split(char *line, struct typed *ret)
{
	char *in = line;

	*ret = (struct typed){.last = ""};
	for (;;) {
		while (*in == ' ' || *in == '\t')
			in++;
		char *word = in, *out = in, quote = 0;

		for (; *in != '\0' && (quote != 0 || (*in != ' ' && *in != '\t')); in++) {
			if (quote == 0 && (*in == '\'' || *in == '"'))
				quote = *in;
			else if (quote == *in)
				quote = 0;
			else if (quote != '\'' && *in == '\\' && in[1] != '\0')
				*out++ = *++in;
			else
				*out++ = *in;
		}
		bool at_end = *in == '\0';

		if (!at_end)
			in++;
		*out = '\0';
		if (at_end || ret->n_words == WORDS_MAX) {
			ret->last = word;
			return;
		}
		ret->words[ret->n_words++] = word;
	}
}

static void offer_text(const struct offer *offer, const char *text, size_t len)
{
	size_t prefix_len = strlen(offer->prefix);

	if (len >= prefix_len && strncmp(text, offer->prefix, prefix_len) == 0)
		fprintf(offer->out, "%.*s\n", (int)len, text);
}

static void offer_choices(const struct offer *offer, const char *choices)
{
	while (choices != NULL && *choices != '\0') {
		size_t len = strcspn(choices, " ");

		offer_text(offer, choices, len);
		choices += len + (choices[len] == ' ');
	}
}

// Items of a list method whose names begin with the prefix. NULL when the switch does not answer.
static json_t *ask(const struct offer *offer, const char *method)
{
	struct client *client;
	json_t *result = NULL;
	char match[256];

	if (strpbrk(offer->prefix, "*?[]\\") != NULL || cli_client(offer->cli, &client) != CLI_OK)
		return NULL;
	snprintf(match, sizeof(match), "%s*", offer->prefix);
	json_t *params = json_pack("{s:s, s:i}", "match", match, "limit", NAMES_MAX);

	if (client_call(client, method, params, NULL /* fds */, 0, &result, NULL /* fault */) != 0)
		return NULL;
	return result;
}

static void offer_items(
        const struct offer *offer, const char *method, const char *key, const char *end)
{
	json_t *result = ask(offer, method), *item;
	size_t i;

	json_array_foreach (json_object_get(result, "items"), i, item)
		fprintf(offer->out, "%s%s\n", get_text(item, key), end);
	json_decref(result);
}

// A node's name with "/", so that the next Tab offers its interfaces; those at once if only one
// fits.
static void offer_interfaces(const struct offer *offer)
{
	json_t *result, *items;

	if (strchr(offer->prefix, '/') != NULL) {
		offer_items(offer, "interface.list", "ref", "");
		return;
	}
	result = ask(offer, "node.list");
	items = json_object_get(result, "items");
	if (json_array_size(items) == 1) {
		char prefix[256];

		snprintf(prefix, sizeof(prefix), "%s/", get_text(json_array_get(items, 0), "name"));
		offer_items(&(struct offer){offer->cli, offer->out, prefix}, "interface.list",
		        "ref", "");
	} else {
		const json_t *item;
		size_t i;

		json_array_foreach (items, i, item)
			fprintf(offer->out, "%s/\n", get_text(item, "name"));
	}
	json_decref(result);
}

// api.methods is not paged by name: filter here.
static void offer_methods(const struct offer *offer)
{
	struct client *client;
	json_t *result = NULL, *item;
	size_t i;

	if (cli_client(offer->cli, &client) != CLI_OK ||
	        client_call(client, "api.methods", NULL, NULL, 0, &result, NULL) != 0)
		return;
	json_array_foreach (json_object_get(result, "items"), i, item)
		offer_text(offer, get_text(item, "name"), strlen(get_text(item, "name")));
	json_decref(result);
}

static void offer_commands(const struct offer *offer, char *const *words, size_t n_words)
{
	const char *before = "";

	for (const struct command *c = commands; c->words != NULL; c++) {
		size_t len = strcspn(c->words, " ");

		if (c->hidden)
			continue;
		if (n_words == 0) {
			// rows of one group stand together
			if (strncmp(before, c->words, len) != 0 ||
			        (before[len] != ' ' && before[len] != '\0'))
				offer_text(offer, c->words, len);
			before = c->words;
		} else if (n_words == 1 && c->words[len] == ' ' && strlen(words[0]) == len &&
		           strncmp(c->words, words[0], len) == 0) {
			offer_text(offer, c->words + len + 1, strlen(c->words + len + 1));
		}
	}
}

static void offer_value(const struct offer *offer, const struct parameter *parameter)
{
	switch (parameter->kind) {
	case VALUE_CHOICE:
		offer_choices(offer, parameter->choices);
		break;
	case VALUE_NODE:
		offer_items(offer, "node.list", "name", "");
		break;
	case VALUE_INTERFACE:
	case VALUE_END:
		offer_interfaces(offer);
		break;
	case VALUE_METHOD:
		offer_methods(offer);
		break;
	case VALUE_FILE:
		fputs(COMPLETION_FILES "\n", offer->out);
		break;
	default:
		break;
	}
}

static const struct parameter *find(const struct parameter *list, const char *name, size_t len)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (strlen(list->name) == len && strncmp(list->name, name, len) == 0)
			return list;
	}
	return NULL;
}

static const struct parameter *find_option(const struct command *command, const char *word)
{
	const struct parameter *lists[] = {
	        command != NULL ? command->options : NULL, global_options};

	for (size_t i = 0; i < 2; i++) {
		if (word[1] == '-') {
			const struct parameter *option =
			        find(lists[i], word + 2, strcspn(word + 2, "="));

			if (option != NULL)
				return option;
		}
		for (const struct parameter *p = lists[i]; p != NULL && p->name != NULL; p++) {
			if (p->letter != 0 && p->letter == word[1] && word[2] == '\0')
				return p;
		}
	}
	return NULL;
}

static void offer_options(const struct offer *offer, const struct command *command)
{
	const struct parameter *lists[] = {
	        command != NULL ? command->options : NULL, global_options};
	char text[64];

	for (size_t i = 0; i < 2; i++) {
		for (const struct parameter *p = lists[i]; p != NULL && p->name != NULL; p++) {
			snprintf(text, sizeof(text), "--%s", p->name);
			offer_text(offer, text, strlen(text));
		}
	}
}

// What the words behind a command leave to be said.
struct position {
	size_t n_args;
	const struct parameter *wants; // the value this keyword or option waits for
	const struct parameter *used[WORDS_MAX];
	size_t n_used;
};

static void walk(
        const struct command *command, char *const *words, size_t n_words, struct position *at)
{
	*at = (struct position){0};
	for (size_t i = 0; i < n_words; i++) {
		const char *word = words[i];
		const struct parameter *keyword = find(command->keywords, word, strlen(word));

		if (at->wants != NULL) {
			at->wants = NULL;
		} else if (word[0] == '-' && word[1] != '\0' &&
		           strchr("0123456789.", word[1]) == NULL) {
			const struct parameter *option = find_option(command, word);

			if (option != NULL && !value_is_flag(option->kind) &&
			        strchr(word, '=') == NULL)
				at->wants = option;
		} else if (keyword != NULL && (at->n_args > 0 || command->args == NULL)) {
			at->used[at->n_used++] = keyword;
			at->wants = value_is_flag(keyword->kind) ? NULL : keyword;
		} else {
			at->n_args++;
		}
	}
}

static void offer_rest(
        const struct offer *offer, const struct command *command, const struct position *at)
{
	size_t n_args = 0;

	while (command->args != NULL && command->args[n_args].name != NULL)
		n_args++;
	if (at->n_used == 0 && at->n_args < n_args)
		offer_value(offer, &command->args[at->n_args]);
	// keywords only once nothing must stand before them
	if (at->n_args < n_args && (command->args[at->n_args].flags & PARAMETER_OPTIONAL) == 0)
		return;
	for (const struct parameter *k = command->keywords; k != NULL && k->name != NULL; k++) {
		bool used = false;

		for (size_t i = 0; i < at->n_used; i++)
			used = used || (at->used[i] == k && (k->flags & PARAMETER_REPEATED) == 0);
		if (!used)
			offer_text(offer, k->name, strlen(k->name));
	}
}

static void complete_command(const struct offer *offer, const struct command *command,
        char *const *words, size_t n_words)
{
	struct position at;
	const char *equals = strchr(offer->prefix, '=');

	walk(command, words, n_words, &at);
	if (at.wants != NULL) {
		offer_value(offer, at.wants);
	} else if (offer->prefix[0] == '-' && equals != NULL) {
		const struct parameter *option = find_option(command, offer->prefix);

		// the shell replaces what stands behind the equals sign
		if (option != NULL)
			offer_value(&(struct offer){offer->cli, offer->out, equals + 1}, option);
	} else if (offer->prefix[0] == '-') {
		offer_options(offer, command);
	} else if (command->args != NULL && command->args[0].kind == VALUE_COMMAND) {
		offer_commands(offer, words, n_words);
	} else {
		offer_rest(offer, command, &at);
	}
}

void completion_print(struct cli *cli, const char *line, FILE *out)
{
	struct typed typed;
	size_t i = 1, n_used = 0;
	char *copy = strdup(line);

	if (copy == NULL)
		return;
	split(copy, &typed);
	struct offer offer = {cli, out, typed.last};
	const struct parameter *option = NULL;

	// global options before the command
	for (; i < typed.n_words && typed.words[i][0] == '-'; i++) {
		option = find_option(NULL, typed.words[i]);
		bool has_value = option != NULL && !value_is_flag(option->kind) &&
		                 strchr(typed.words[i], '=') == NULL;

		if (has_value && ++i < typed.n_words && strcmp(option->name, "socket") == 0)
			cli->socket_path = typed.words[i];
		if (i == typed.n_words) {
			offer_value(&offer, option);
			free(copy);
			return;
		}
	}
	size_t n_words = typed.n_words > i ? typed.n_words - i : 0;
	char **words = typed.words + i;
	const struct command *command = command_find((const char *const *)words, n_words, &n_used);

	if (typed.n_words == 0)
		n_words = 0;
	else if (command != NULL)
		complete_command(&offer, command, words + n_used, n_words - n_used);
	if (typed.n_words > 0 && n_words < 2 && (command == NULL || n_used == n_words)) {
		if (command == NULL && offer.prefix[0] == '-')
			offer_options(&offer, NULL);
		else if (offer.prefix[0] != '-')
			offer_commands(&offer, words, n_words);
	}
	free(copy);
}

CMD(complete_line)
{
	const char *line = getenv("COMP_LINE"), *point = getenv("COMP_POINT");

	if (line == NULL)
		return cli_usage(cli, "for the shell's completion only: expected $COMP_LINE");
	size_t len = strlen(line), at = point != NULL ? strtoul(point, NULL, 10) : len;
	char *head = strndup(line, at < len ? at : len);
	FILE *err = cli->err;

	if (head == NULL)
		return CLI_FAILED;
	// complaints would land in the middle of the prompt
	cli->err = fopen("/dev/null", "w");
	if (cli->err != NULL) {
		cli->timeout_ms = TIMEOUT_MS;
		completion_print(cli, head, cli->out);
		fclose(cli->err);
	}
	cli->err = err;
	free(head);
	return CLI_OK;
}

CMD(completion)
{
	// the table allows only bash
	fputs(bash_script, cli->out);
	return CLI_OK;
}
