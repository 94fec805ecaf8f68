/* SPDX-License-Identifier: BSD-3-Clause */
// What static objects name must be there when they are made: drivers that are opened, and nodes and
// interfaces of the same file, so that it does not depend on what a switch before left.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_parse.h"
#include "names.h"

struct refs {
	struct config_source *source;
	json_t *names; // keys: "node", "node/interface", "node/interface port"
};

static const char *text_of(const config_setting_t *group, const char *key)
{
	const config_setting_t *setting = config_setting_get_member(group, key);

	return setting != NULL ? config_setting_get_string(setting) : NULL;
}

static void add(struct refs *refs, const char *node, const char *iface, const char *what)
{
	char name[IFACE_REF_SIZE + 8];

	snprintf(name, sizeof(name), "%s%s%s%s", node, iface != NULL ? "/" : "",
	        iface != NULL ? iface : "", what);
	json_object_set_new(refs->names, name, json_true());
}

static bool has(const struct refs *refs, const char *name, const char *what)
{
	char buf[IFACE_REF_SIZE + 8];

	snprintf(buf, sizeof(buf), "%s%s", name, what);
	return json_object_get(refs->names, buf) != NULL;
}

// `key` of the group, if it is there, names a node or interface that will be.
static int check_named(
        const struct refs *refs, const config_setting_t *group, const char *key, const char *what)
{
	const char *text = text_of(group, key);

	if (text == NULL || has(refs, text, ""))
		return 0;
	return config_refuse(refs->source, config_setting_get_member(group, key), NULL,
	        "no %s '%s' in 'nodes' or 'ports'", what, text);
}

static int visit_node(struct refs *refs, const config_setting_t *group)
{
	const config_setting_t *ifaces = config_setting_get_member(group, "interfaces");
	const char *name = text_of(group, "name");

	add(refs, name, NULL, "");
	for (int i = 0; ifaces != NULL && i < config_setting_length(ifaces); i++)
		add(refs, name, config_setting_get_string_elem(ifaces, i), "");
	return 0;
}

static bool is_open(const struct config *config, const char *driver)
{
	for (size_t i = 0; i < config->n_drivers; i++) {
		if (strcmp(config->drivers[i], driver) == 0)
			return true;
	}
	return false;
}

static int visit_port(struct refs *refs, const config_setting_t *group)
{
	const char *backend = text_of(group, "backend"), *ref = text_of(group, "interface");
	char node[NODE_NAME_SIZE], iface[IFACE_NAME_SIZE];
	int ret = iface_ref_parse(ref, node, iface, NULL);

	if (ret < 0)
		return ret; // not reached: the reader has checked it
	if (!is_open(refs->source->config, backend))
		return config_refuse(refs->source, config_setting_get_member(group, "backend"),
		        NULL, "'%s' is none of the drivers to open", backend);
	if (!has(refs, node, "") && text_of(group, "node_kind") == NULL)
		return config_refuse(refs->source, config_setting_get_member(group, "interface"),
		        NULL, "no node '%s' in 'nodes' (node_kind would make it)", node);
	add(refs, node, NULL, "");
	add(refs, node, iface, "");
	add(refs, node, iface, " port");
	return 0;
}

static int visit_link(struct refs *refs, const config_setting_t *group)
{
	int ret = check_named(refs, group, "from", "interface");

	return ret < 0 ? ret : check_named(refs, group, "to", "interface");
}

static int visit_route(struct refs *refs, const config_setting_t *group)
{
	const char *node = text_of(group, "node"), *ref = text_of(group, "interface");
	int ret;

	if ((node == NULL) == (ref == NULL))
		return config_refuse(
		        refs->source, group, "node", "name either node or interface as the owner");
	ret = check_named(refs, group, "node", "node");
	if (ret == 0)
		ret = check_named(refs, group, "interface", "interface");
	if (ret == 0 && ref != NULL && text_of(group, "mac") == NULL && !has(refs, ref, " port"))
		ret = config_refuse(refs->source, group, "mac",
		        "missing: no port at '%s' that would have one", ref);
	return ret;
}

int config_check_refs(struct config_source *source, const config_setting_t *root)
{
	// in the order in which they are made
	static const struct {
		const char *list;
		int (*visit)(struct refs *, const config_setting_t *);
	} passes[] = {
	        {"nodes", visit_node},
	        {"ports", visit_port},
	        {"links", visit_link},
	        {"routes", visit_route},
	};
	struct refs refs = {.source = source, .names = json_object()};
	int ret = 0;

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
		const config_setting_t *list = config_setting_get_member(root, passes[i].list);
		int n = list != NULL ? config_setting_length(list) : 0;

		for (int k = 0; ret == 0 && k < n; k++)
			ret = passes[i].visit(&refs, config_setting_get_elem(list, (unsigned)k));
	}
	json_decref(refs.names);
	return ret;
}
