/* SPDX-License-Identifier: BSD-3-Clause */
// The method table as docs/api.md and as JSON.
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "methods.h"

static const char intro[] =
        "<!-- SPDX-License-Identifier: BSD-3-Clause -->\n"
        "# Control API, version 1\n"
        "\n"
        "Printed from the method table by `orrery-vswitch --print-api`; do not edit.\n"
        "\n"
        "The switch listens on a unix stream socket (`/run/orrery/orrery.sock` unless configured). "
        "Messages are\n"
        "[JSON-RPC 2.0](https://www.jsonrpc.org/specification), one a line, no batches:\n"
        "\n"
        "```\n"
        "$ echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}' | socat - "
        "UNIX:/run/orrery/orrery.sock | jq .result\n"
        "```\n"
        "\n"
        "* **Names.** A node is `sat-3-17`; an interface, a port or a link's end is "
        "`sat-3-17/isl0`. A link is one\n"
        "  direction and is named by the interface it leaves from; its id is that interface's id.\n"
        "* **Units** are in the field names: `_ns`, `_us`, `_bps` (bit/s), `_bytes`, `_pkts`. "
        "Shares are 0 to 1.\n"
        "* **Unknown fields are errors**, so that a misspelt one is not lost. A field that is null "
        "counts as absent,\n"
        "  but for `to`.\n"
        "* **Lists** come in pages: give `next_cursor` back as `cursor` until it is null.\n"
        "* **Access.** All who can open the socket may read. Methods that write need root, the "
        "switch's own user or\n"
        "  membership in the socket's group, as the kernel says.\n"
        "* **Descriptors** (a network namespace, a memfd) travel as `SCM_RIGHTS` with the line's "
        "bytes.\n"
        "* **Limits.** A line has at most 4 MiB and 32 levels. A client that does not read its "
        "answers is dropped.\n"
        "  Where there are `limits.max_clients`, a new one replaces the one that has been idle "
        "longest.\n"
        "\n"
        "An error has a `code`, a `message` and in `data` the `field` at fault and the `errno`, if "
        "any:\n"
        "\n"
        "| code | meaning |\n"
        "|---|---|\n"
        "| -32700 | not JSON, too deep, or a key twice |\n"
        "| -32600 | not a request |\n"
        "| -32601 | no such method |\n"
        "| -32602 | a parameter is missing, unknown, of the wrong type or out of range |\n"
        "| -32001 | not found |\n"
        "| -32002 | exists, and differs from what was asked |\n"
        "| -32003 | busy: in use |\n"
        "| -32004 | a limit is reached |\n"
        "| -32005 | not allowed |\n"
        "| -32006 | another system error, see `errno` |\n"
        "\n"
        "## Methods\n"
        "\n"
        "| method | access | |\n"
        "|---|---|---|\n";

static const char *access_name(enum access access)
{
	return access == ACCESS_WRITE ? "write" : "read";
}

// "integer, 0 to 65535"
static void type_text(const struct param *p, char *buf, size_t size)
{
	struct param entry = {.type = p->of};
	int len = 0;

	if (p->type == PARAM_LIST)
		snprintf(buf, size, "list of %s", param_type_name(&entry));
	else if (p->type == PARAM_CHOICE)
		snprintf(buf, size, "%s", p->choices);
	else if (p->type == PARAM_INT || p->type == PARAM_NUMBER)
		len = snprintf(buf, size, "%s, %.15g to %.15g", param_type_name(p), p->min, p->max);
	else
		snprintf(buf, size, "%s", param_type_name(p));
	if (p->step > 0)
		snprintf(buf + len, size - (size_t)len, " in steps of 1/%.0f", 1 / p->step);
}

// A bar would end the table's cell.
static void print_cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void print_params(FILE *out, const struct param *table, const char *prefix)
{
	for (const struct param *p = table; p->name != NULL; p++) {
		char type[128];

		type_text(p, type, sizeof(type));
		fprintf(out, "| %s%s%s | ", prefix, p->name, p->required ? " (required)" : "");
		print_cell(out, type);
		fprintf(out, " | ");
		print_cell(out, p->summary);
		if (p->fallback != NULL)
			fprintf(out, "; default: %s", p->fallback);
		fprintf(out, " |\n");
		// a link's record has the fields of link.set, listed there
		if (p->fields != NULL && p->max <= 64)
			print_params(out, p->fields, "- ");
	}
}

static void print_method(FILE *out, const struct method *m)
{
	fprintf(out, "\n### %s\n\n%s. Access: %s.\n", m->name, m->summary, access_name(m->access));
	if (m->params->name != NULL) {
		fprintf(out, "\n| parameter | type | |\n|---|---|---|\n");
		print_params(out, m->params, "");
	}
	if (m->result->name == NULL)
		return;
	fprintf(out, "\n| result | type | |\n|---|---|---|\n");
	for (const struct result_field *r = m->result; r->name != NULL; r++)
		fprintf(out, "| %s | %s | %s |\n", r->name, r->type, r->summary);
}

void methods_print_markdown(FILE *out)
{
	fputs(intro, out);
	for (const struct method *m = methods; m->name != NULL; m++)
		fprintf(out, "| %s | %s | %s |\n", m->name, access_name(m->access), m->summary);
	for (const struct method *m = methods; m->name != NULL; m++)
		print_method(out, m);
}

static json_t *describe_params(const struct param *table)
{
	json_t *list = json_array();

	for (const struct param *p = table; p->name != NULL; p++) {
		char type[128];
		json_t *object = json_object();

		type_text(p, type, sizeof(type));
		put_str(object, "name", p->name);
		put_str(object, "type", type);
		put(object, "required", json_boolean(p->required));
		if (p->fallback != NULL)
			put_str(object, "default", p->fallback);
		put_str(object, "summary", p->summary);
		if (p->fields != NULL)
			put(object, "fields", describe_params(p->fields));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *methods_describe(void)
{
	json_t *list = json_array();

	for (const struct method *m = methods; m->name != NULL; m++) {
		json_t *result = json_array();

		for (const struct result_field *r = m->result; r->name != NULL; r++)
			json_array_append_new(
			        result, json_pack("{s:s, s:s, s:s}", "name", r->name, "type",
			                        r->type, "summary", r->summary));
		json_array_append_new(
		        list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", m->name, "summary",
		                      m->summary, "access", access_name(m->access), "params",
		                      describe_params(m->params), "result", result));
	}
	return list;
}
