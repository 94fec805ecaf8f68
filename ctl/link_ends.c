/* SPDX-License-Identifier: BSD-3-Clause */
// Names of nodes to the one link between them.
#include "link_ends.h"

#include <string.h>

#include "json_get.h"

static void node_of(const char *ref, char node[IFACE_REF_SIZE])
{
	size_t len = strcspn(ref, "/");

	if (len >= IFACE_REF_SIZE)
		len = IFACE_REF_SIZE - 1;
	memcpy(node, ref, len);
	node[len] = '\0';
}

// Whether `ref` is the interface, or an interface of the node, that was typed.
static bool is_meant(const char *typed, const char *ref)
{
	char node[IFACE_REF_SIZE];

	if (strchr(typed, '/') != NULL)
		return strcmp(typed, ref) == 0;
	node_of(ref, node);
	return strcmp(typed, node) == 0;
}

static enum cli_exit none_or_many(
        struct cli *cli, const char *from, const char *to, size_t n, const char *names)
{
	const char *towards = to != NULL ? " to " : "";

	if (to == NULL)
		to = "";
	if (n == 0)
		return cli_failf(cli,
		        "there is no link from %s%s%s; to plug one, name both interfaces as in "
		        "a/isl0 b/isl1",
		        from, towards, to);
	return cli_failf(cli, "%zu links lead from %s%s%s, name the interfaces: %s%s", n, from,
	        towards, to, names, n > 4 ? ", ..." : "");
}

enum cli_exit link_ends_find(struct cli *cli, const struct invocation *in, struct link_ends *ret)
{
	const char *from = invocation_arg(in, 0), *to = invocation_arg(in, 1);
	char node[IFACE_REF_SIZE], names[600] = "";
	json_t *links, *link;
	size_t i, n = 0;

	if (to == NULL && strchr(from, '/') != NULL)
		return link_ends_resolve(cli, in, ret);
	node_of(from, node);
	enum cli_exit code = cli_list(cli, "link.list", json_pack("{s:s}", "node", node), &links);

	if (code != CLI_OK)
		return code;
	json_array_foreach (links, i, link) {
		const char *link_from = get_text(link, "from"), *link_to = get_text(link, "to");

		if (!is_meant(from, link_from) || *link_to == '\0' ||
		        (to != NULL && !is_meant(to, link_to)))
			continue;
		size_t len = strlen(names);

		if (n < 4)
			snprintf(names + len, sizeof(names) - len, "%s%s %s", n > 0 ? ", " : "",
			        link_from, link_to);
		snprintf(ret->from, sizeof(ret->from), "%s", link_from);
		snprintf(ret->to, sizeof(ret->to), "%s", link_to);
		n++;
	}
	json_decref(links);
	return n == 1 ? CLI_OK : none_or_many(cli, from, to, n, names);
}

enum cli_exit link_ends_resolve(struct cli *cli, const struct invocation *in, struct link_ends *ret)
{
	const char *from = invocation_arg(in, 0), *to = invocation_arg(in, 1);

	if (strchr(from, '/') == NULL || (to != NULL && strchr(to, '/') == NULL))
		return link_ends_find(cli, in, ret);
	// the table's check has seen that both fit
	snprintf(ret->from, sizeof(ret->from), "%s", from);
	snprintf(ret->to, sizeof(ret->to), "%s", to != NULL ? to : "");
	return CLI_OK;
}
