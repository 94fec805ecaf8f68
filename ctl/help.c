/* SPDX-License-Identifier: BSD-3-Clause */
// --help at each level.
#include "help.h"

#include <stdarg.h>
#include <string.h>

#include "cmd.h"

#define TEXT_COLUMNS 80

__attribute__((format(printf, 3, 4))) static void append(
        char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

void help_synopsis(const struct command *command, char *buf, size_t size)
{
	buf[0] = '\0';
	append(buf, size, "orrery %s", command->words);
	for (const struct parameter *p = command->args; p != NULL && p->name != NULL; p++) {
		bool optional = (p->flags & PARAMETER_OPTIONAL) != 0;
		bool repeated = (p->flags & PARAMETER_REPEATED) != 0;

		append(buf, size, " %s%s%s%s", optional ? "[" : "", p->name, repeated ? "..." : "",
		        optional ? "]" : "");
	}
	if (command->keywords != NULL)
		append(buf, size, " [KEYWORD [VALUE]]...");
	if (command->options != NULL)
		append(buf, size, " [OPTION]...");
}

// Words of `text` in lines of at most TEXT_COLUMNS, each behind `indent` spaces; the cursor stands
// at `column`.
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
	while (*text != '\0') {
		int len = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + len > TEXT_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		if (column < indent)
			column += fprintf(out, "%*s", indent - column, "");
		else if (column > indent)
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", len, text);
		text += len;
		if (*text == '\n') {
			fputc('\n', out);
			column = 0;
		}
		text += *text != '\0';
	}
	fputc('\n', out);
}

static void print_row(FILE *out, const char *left, int width, const char *summary)
{
	int column = fprintf(out, "  %-*s  ", width, left);

	if (column > width + 4) {
		fputc('\n', out);
		column = 0;
	}
	print_wrapped(out, summary, column, width + 4);
}

static void format_parameter(const struct parameter *p, bool is_option, char *buf, size_t size)
{
	buf[0] = '\0';
	if (is_option && p->letter != 0)
		append(buf, size, "-%c, ", p->letter);
	append(buf, size, "%s%s", is_option ? "--" : "", p->name);
	if (p->value != NULL)
		append(buf, size, " %s", p->value);
}

static void print_parameters(
        FILE *out, const char *title, const struct parameter *list, bool is_option)
{
	char left[80];
	size_t width = 0;

	if (list == NULL || list->name == NULL)
		return;
	for (const struct parameter *p = list; p->name != NULL; p++) {
		format_parameter(p, is_option, left, sizeof(left));
		width = strlen(left) > width ? strlen(left) : width;
	}
	fprintf(out, "\n%s:\n", title);
	for (const struct parameter *p = list; p->name != NULL; p++) {
		char summary[512];

		format_parameter(p, is_option, left, sizeof(left));
		snprintf(summary, sizeof(summary), "%s%s%s%s", p->summary,
		        p->choices != NULL ? " (" : "", p->choices != NULL ? p->choices : "",
		        p->choices != NULL ? ")" : "");
		print_row(out, left, (int)width, summary);
	}
}

void help_command(FILE *out, const struct command *command)
{
	char synopsis[256];

	help_synopsis(command, synopsis, sizeof(synopsis));
	fprintf(out, "Usage: %s\n\n", synopsis);
	print_wrapped(out, command->summary, 0, 0);
	if (command->detail != NULL) {
		fputc('\n', out);
		print_wrapped(out, command->detail, 0, 0);
	}
	print_parameters(out, "Arguments", command->args, false);
	print_parameters(out, "Keywords", command->keywords, false);
	print_parameters(out, "Options", command->options, true);
	print_parameters(out, "Global options", global_options, true);
	if (command->example != NULL)
		fprintf(out, "\nExample:\n%s\n", command->example);
}

static void print_commands(FILE *out, const char *group)
{
	size_t width = 0, group_len = group != NULL ? strlen(group) : 0;

	for (int print = 0; print <= 1; print++) {
		for (const struct command *c = commands; c->words != NULL; c++) {
			if (c->hidden ||
			        (group != NULL && (strncmp(c->words, group, group_len) != 0 ||
			                                  (c->words[group_len] != ' ' &&
			                                          c->words[group_len] != '\0'))))
				continue;
			if (print)
				print_row(out, c->words, (int)width, c->summary);
			else if (strlen(c->words) > width)
				width = strlen(c->words);
		}
	}
}

void help_group(FILE *out, const char *word)
{
	fprintf(out, "Usage: orrery %s COMMAND [ARGUMENT]...\n\nCommands:\n", word);
	print_commands(out, word);
	fprintf(out, "\nMore about one: orrery %s COMMAND --help\n", word);
}

void help_group_words(const char *word, char *buf, size_t size)
{
	size_t len = strlen(word);

	buf[0] = '\0';
	for (const struct command *c = commands; c->words != NULL; c++) {
		if (!c->hidden && strncmp(c->words, word, len) == 0 && c->words[len] == ' ')
			append(buf, size, "%s%s", buf[0] != '\0' ? " " : "", c->words + len + 1);
	}
}

void help_all(FILE *out)
{
	fprintf(out, "Usage: orrery [OPTION]... COMMAND [ARGUMENT]...\n\n"
	             "Talks to the switch orrery-vswitch: its nodes, ports, links and "
	             "routes.\n\nCommands:\n");
	print_commands(out, NULL);
	print_parameters(out, "Global options", global_options, true);
	fprintf(out, "\nMore about one: orrery COMMAND --help\n"
	             "Exit status: 0 done, 1 failed, 2 the command line was wrong.\n");
}

CMD(help)
{
	size_t n_used = 0;
	const struct command *command = command_find(in->args, in->n_args, &n_used);

	cli->command_words = in->command->words;
	if (in->n_args == 0)
		help_all(cli->out);
	else if (command != NULL && n_used == in->n_args)
		help_command(cli->out, command);
	else if (in->n_args == 1 && command_is_group(in->args[0]))
		help_group(cli->out, in->args[0]);
	else
		return cli_usage(cli, "there is no command '%s%s%s'", in->args[0],
		        in->n_args > 1 ? " " : "", in->n_args > 1 ? in->args[1] : "");
	return CLI_OK;
}
