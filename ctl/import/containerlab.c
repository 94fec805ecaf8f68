/* SPDX-License-Identifier: BSD-3-Clause */
// containerlab: the links of a topology file, in the brief form ("n1:eth1") and the extended one.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "import.h"
#include "scan.h"
#include "sink.h"

struct lab {
	struct import *import;
	const char *name; // of the file
	yaml_document_t document;
	uint64_t n_ignored; // links that do not join two nodes
};

__attribute__((format(printf, 3, 4))) static int wrong(
        const struct lab *lab, const yaml_node_t *at, const char *fmt, ...)
{
	const struct scan scan = {.name = lab->name,
	        .line = at != NULL ? (unsigned)at->start_mark.line + 1 : 1,
	        .fault = lab->import->fault};
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return scan_wrong(&scan, "%s", text);
}

static yaml_node_t *node_of(struct lab *lab, int index)
{
	return yaml_document_get_node(&lab->document, index);
}

static struct span text_of(const yaml_node_t *node)
{
	if (node == NULL || node->type != YAML_SCALAR_NODE)
		return (struct span){"", 0};
	return (struct span){(const char *)node->data.scalar.value, node->data.scalar.length};
}

// Of a mapping; NULL if it has no such key, or is none.
static yaml_node_t *value_of(struct lab *lab, const yaml_node_t *mapping, const char *key)
{
	if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	        pair < mapping->data.mapping.pairs.top; pair++) {
		if (span_is(text_of(node_of(lab, pair->key)), key))
			return node_of(lab, pair->value);
	}
	return NULL;
}

static size_t n_items(const yaml_node_t *sequence)
{
	return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

static yaml_node_t *item(struct lab *lab, const yaml_node_t *sequence, size_t i)
{
	return node_of(lab, sequence->data.sequence.items.start[i]);
}

// --- nodes --------------------------------------------------------------------------------------

static int add_nodes(struct lab *lab, const yaml_node_t *nodes)
{
	uint32_t number;
	int err = 0;

	if (nodes == NULL || nodes->type != YAML_MAPPING_NODE)
		return wrong(lab, nodes, "topology.nodes: expected a mapping of nodes");
	for (const yaml_node_pair_t *pair = nodes->data.mapping.pairs.start;
	        pair < nodes->data.mapping.pairs.top && err == 0; pair++) {
		const yaml_node_t *key = node_of(lab, pair->key);
		struct span name = text_of(key), kind;

		kind = text_of(value_of(lab, node_of(lab, pair->value), "kind"));
		if (name.len == 0)
			return wrong(lab, key, "topology.nodes: expected a name");
		if (sink_find_node(lab->import->sink, name) != SINK_NONE)
			return wrong(lab, key, "topology.nodes: a second node of that name");
		// bridges of the host are not nodes of ours
		if (span_is(kind, "bridge") || span_is(kind, "ovs-bridge"))
			continue;
		err = sink_add_node(lab->import->sink, name, &number);
	}
	return err;
}

// --- links --------------------------------------------------------------------------------------

struct end {
	struct span node, iface;
};

static bool is_ours(struct lab *lab, const yaml_node_t *nodes, const struct end *end)
{
	char name[128];
	struct span kind;

	if (span_is(end->node, "host") || span_is(end->node, "mgmt-net") ||
	        span_is(end->node, "macvlan"))
		return false;
	if (sink_find_node(lab->import->sink, end->node) != SINK_NONE ||
	        span_copy(end->node, name, sizeof(name)) != 0)
		return true;
	kind = text_of(value_of(lab, value_of(lab, nodes, name), "kind"));
	return !span_is(kind, "bridge") && !span_is(kind, "ovs-bridge");
}

// "n1:eth1", or { node: n1, interface: eth1 }
static int read_end(struct lab *lab, const yaml_node_t *at, struct end *end)
{
	struct span rest = text_of(at);

	if (at->type == YAML_MAPPING_NODE) {
		end->node = text_of(value_of(lab, at, "node"));
		end->iface = text_of(value_of(lab, at, "interface"));
	} else {
		(void)span_cut(&rest, ':', &end->node);
		end->iface = rest.at != NULL ? rest : (struct span){"", 0};
	}
	if (end->node.len == 0 || end->iface.len == 0)
		return wrong(lab, at, "endpoints: expected \"NODE:INTERFACE\"");
	return 0;
}

static int find_iface(
        struct lab *lab, const yaml_node_t *at, const struct end *end, uint32_t *ret_iface)
{
	uint32_t node = sink_find_node(lab->import->sink, end->node);
	char text[SPAN_TEXT_SIZE];
	int err;

	if (node == SINK_NONE)
		return wrong(lab, at, "endpoints: '%s' is no node of the topology",
		        span_text(end->node, text));
	err = sink_get_iface(lab->import->sink, node, end->iface, ret_iface);
	if (err == 0 && sink_link_to(lab->import->sink, *ret_iface) != SINK_NONE)
		err = wrong(
		        lab, at, "endpoints: '%s' has a link already", span_text(end->iface, text));
	return err;
}

static int set_mtu(struct lab *lab, const yaml_node_t *link, struct orrery_record *record)
{
	const yaml_node_t *mtu = value_of(lab, link, "mtu");
	uint64_t value = 0;

	if (mtu != NULL && span_u64(text_of(mtu), UINT16_MAX, &value) != 0)
		return wrong(lab, mtu, "mtu: expected bytes, at most 65535");
	record->mtu = (uint16_t)value;
	return 0;
}

static int add_cable(struct lab *lab, const yaml_node_t *link, const uint32_t ifaces[2])
{
	int err = 0;

	for (int i = 0; i < 2 && err == 0; i++) {
		struct orrery_record *record;

		err = sink_link(lab->import->sink, ifaces[i], ifaces[1 - i], &record);
		if (err == 0)
			err = set_mtu(lab, link, record);
	}
	return err;
}

static int add_link(struct lab *lab, const yaml_node_t *nodes, const yaml_node_t *link)
{
	const yaml_node_t *list = value_of(lab, link, "endpoints");
	struct span type = text_of(value_of(lab, link, "type"));
	struct end ends[2] = {{{NULL, 0}, {NULL, 0}}};
	uint32_t ifaces[2] = {0, 0};
	int err = 0;

	if (link == NULL || link->type != YAML_MAPPING_NODE)
		return wrong(lab, link, "links: expected \"- endpoints: [...]\"");
	if (type.len > 0 && !span_is(type, "veth")) {
		lab->n_ignored++; // to the host, or to nowhere
		return 0;
	}
	if (list == NULL || list->type != YAML_SEQUENCE_NODE || n_items(list) != 2)
		return wrong(lab, list != NULL ? list : link, "endpoints: expected two of them");
	for (size_t i = 0; i < 2 && err == 0; i++)
		err = read_end(lab, item(lab, list, i), &ends[i]);
	if (err == 0 && (!is_ours(lab, nodes, &ends[0]) || !is_ours(lab, nodes, &ends[1]))) {
		lab->n_ignored++;
		return 0;
	}
	for (size_t i = 0; i < 2 && err == 0; i++)
		err = find_iface(lab, item(lab, list, i), &ends[i], &ifaces[i]);
	if (err == 0 && ifaces[0] == ifaces[1])
		err = wrong(lab, list, "endpoints: expected two different ones");
	return err == 0 ? add_cable(lab, link, ifaces) : err;
}

static int add_links(struct lab *lab)
{
	yaml_node_t *topology =
	        value_of(lab, yaml_document_get_root_node(&lab->document), "topology");
	yaml_node_t *nodes = value_of(lab, topology, "nodes");
	yaml_node_t *links = value_of(lab, topology, "links");
	int err;

	if (topology == NULL)
		return wrong(lab, NULL, "expected a key 'topology'");
	err = add_nodes(lab, nodes);
	if (err != 0 || links == NULL)
		return err;
	if (links->type != YAML_SEQUENCE_NODE)
		return wrong(lab, links, "topology.links: expected a list");
	for (size_t i = 0; i < n_items(links) && err == 0; i++)
		err = add_link(lab, nodes, item(lab, links, i));
	return err;
}

// --- the file -----------------------------------------------------------------------------------

static int load(struct lab *lab, const struct text *text)
{
	const unsigned char *data = (const unsigned char *)text->data;
	yaml_parser_t parser;
	int good;

	if (!yaml_parser_initialize(&parser))
		return fault_set(lab->import->fault, -ENOMEM, "", "import: out of memory");
	yaml_parser_set_input_string(&parser, data, text->size);
	good = yaml_parser_load(&parser, &lab->document);
	if (!good)
		(void)fault_set(lab->import->fault, -EINVAL, "", "%.100s:%zu: %.160s", lab->name,
		        parser.problem_mark.line + 1,
		        parser.problem != NULL ? parser.problem : "not YAML");
	yaml_parser_delete(&parser);
	return good ? 0 : -EINVAL;
}

static void say_notes(const struct lab *lab)
{
	struct import *import = lab->import;

	import_note(import, "direction", "a link is both directions");
	import_note(import, "delay",
	        "none, no limit of rate, no loss: set them with 'orrery link set'");
	import_note(import, "time", "nothing changes for the whole duration (1 h unless given)");
	import_note(import, "nodes", "all are pods, except bridges of the host");
	if (lab->n_ignored > 0)
		import_note(import, "ignored", "%llu links that do not join two nodes",
		        (unsigned long long)lab->n_ignored);
}

int import_containerlab(struct import *import)
{
	struct ephemeris_info info = {.duration_ns = import->options->duration_ns};
	struct lab lab = {.import = import};
	struct text text;
	int err = source_read(import->source, "", &text, import->fault);

	if (err != 0)
		return err;
	lab.name = text.name;
	if (info.duration_ns == 0)
		info.duration_ns = IMPORT_STATIC_NS;
	if (import->options->epoch_ns >= 0)
		info.epoch_ns = import->options->epoch_ns;
	err = load(&lab, &text);
	if (err == 0) {
		err = sink_begin(import->sink, &info);
		if (err == 0)
			err = sink_epoch(import->sink, 0);
		if (err == 0)
			err = add_links(&lab);
		yaml_document_delete(&lab.document);
	}
	say_notes(&lab);
	text_fini(&text);
	return err;
}
