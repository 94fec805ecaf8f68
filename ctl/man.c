/* SPDX-License-Identifier: BSD-3-Clause */
// orrery(1) from the table of commands.
#include <string.h>

#include "cmd.h"
#include "help.h"

// Text as roff: no line of it is taken for a request, a minus stays a minus.
static void print_text(FILE *out, const char *text)
{
	bool line_start = true;

	for (; *text != '\0'; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		line_start = *text == '\n';
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

static void print_parameters(
        FILE *out, const char *title, const struct parameter *list, bool is_option)
{
	if (list == NULL || list->name == NULL)
		return;
	if (title != NULL)
		fprintf(out, ".PP\n%s:\n", title);
	for (; list->name != NULL; list++) {
		fputs(".TP\n", out);
		if (is_option && list->letter != 0)
			fprintf(out, "\\fB\\-%c\\fR, ", list->letter);
		fputs(is_option ? "\\fB\\-\\-" : "\\fB", out);
		print_text(out, list->name);
		fputs("\\fR", out);
		if (list->value != NULL) {
			fputs(" \\fI", out);
			print_text(out, list->value);
			fputs("\\fR", out);
		}
		fputc('\n', out);
		print_text(out, list->summary);
		if (list->choices != NULL) {
			fputs(" (", out);
			print_text(out, list->choices);
			fputc(')', out);
		}
		fputc('\n', out);
	}
}

static void print_command(FILE *out, const struct command *command)
{
	char synopsis[256];

	help_synopsis(command, synopsis, sizeof(synopsis));
	fputs(".SS ", out);
	print_text(out, synopsis);
	fputc('\n', out);
	print_text(out, command->summary);
	fputc('\n', out);
	if (command->detail != NULL) {
		fputs(".PP\n", out);
		print_text(out, command->detail);
		fputc('\n', out);
	}
	print_parameters(out, "Arguments", command->args, false);
	print_parameters(out, "Keywords", command->keywords, false);
	print_parameters(out, "Options", command->options, true);
	if (command->example != NULL) {
		fputs(".PP\nExample:\n.PP\n.nf\n", out);
		print_text(out, command->example);
		fputs("\n.fi\n", out);
	}
}

void help_man_page(FILE *out)
{
	fputs(".\\\" Made by the build from the table of commands.\n"
	      ".TH ORRERY 1 \"\" \"orrery " ORRERY_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\norrery \\- talk to the switch orrery\\-vswitch\n"
	      ".SH SYNOPSIS\n\\fBorrery\\fR [\\fIOPTION\\fR]... \\fICOMMAND\\fR "
	      "[\\fIARGUMENT\\fR]...\n"
	      ".SH DESCRIPTION\n"
	      "Shows and changes the nodes, ports, links and routes of a running switch over its "
	      "control "
	      "socket. Output is text for people; with \\fB\\-\\-json\\fR it is what the switch "
	      "answered. "
	      "Values have units, both in and out: 4.2ms, 10gbit, 64k, 0.1%.\n"
	      ".SH OPTIONS\n",
	        out);
	print_parameters(out, NULL, global_options, true);
	fputs(".SH COMMANDS\n", out);
	for (const struct command *c = commands; c->words != NULL; c++) {
		if (!c->hidden)
			print_command(out, c);
	}
	fputs(".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nFailed; standard error says why.\n.TP\n2\n"
	      "The command line was wrong; standard error says what was expected.\n"
	      ".SH ENVIRONMENT\n.TP\n\\fBORRERY_SOCKET\\fR\n"
	      "Path of the control socket, when \\-\\-socket does not name it.\n"
	      ".SH FILES\n.TP\n/run/orrery/orrery.sock\nThe control socket.\n"
	      ".SH SEE ALSO\n\\fBsocat\\fR(1), \\fBip\\fR(8), \\fBtc\\-netem\\fR(8)\n",
	        out);
}

CMD(man_page)
{
	help_man_page(cli->out);
	return CLI_OK;
}
