/* SPDX-License-Identifier: BSD-3-Clause */
// node.*, interface.list
#include <errno.h>
#include <stdio.h>

#include "addr.h"
#include "handlers.h"

static void put_far_end(const struct control *c, json_t *object, const struct iface *iface)
{
	const struct link *link = matrix_link(c->matrix, iface->id);
	char ref[IFACE_REF_SIZE];

	if (link != NULL && link->record.to != ORRERY_IFACE_NONE)
		put_str(object, "to", iface_ref_format(ref, c->model.ifaces[link->record.to]));
}

static json_t *node_json(const struct control *c, const struct node *node)
{
	json_t *object = json_object(), *list = json_array();
	const struct iface *iface;
	char text[ADDR6_TEXT_SIZE];

	put_u64(object, "id", node->id);
	put_str(object, "name", node->name);
	put_str(object, "kind", node_kind_name(node->kind));
	if (node->has_address)
		put_str(object, "address", addr6_format(text, node->address));
	if (node->transient)
		put(object, "transient", json_true());
	DL_FOREACH(node->ifaces, iface)
	{
		json_t *entry = json_object();

		put_u64(entry, "id", iface->id);
		put_str(entry, "name", iface->key.name);
		if (iface->port != NULL)
			put_str(entry, "port", iface->port->port.ops->name);
		put_far_end(c, entry, iface);
		json_array_append_new(list, entry);
	}
	put(object, "interfaces", list);
	return object;
}

int handle_node_add(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const json_t *params = request->params;
	const char *address = param_string(params, "address", NULL);
	const json_t *ifaces = json_object_get(params, "interfaces");
	struct node_config config = {
	        .name = param_string(params, "name", ""),
	        .kind = node_kind_parse(param_string(params, "kind", "")),
	        .id = DP_NONE,
	};
	struct node *node;
	struct iface *iface;
	uint8_t addr[16];
	bool created, iface_created;
	int ret;

	if (address != NULL) {
		if (addr6_parse(address, addr) < 0)
			return fault_set(fault, -EINVAL, "address", "not an IPv6 address");
		config.address = addr;
	}
	ret = topology_node_add(request->control, &config, &node, &created, fault);
	for (size_t i = 0; ret == 0 && i < json_array_size(ifaces); i++)
		ret = topology_iface_add(request->control, node,
		        json_string_value(json_array_get(ifaces, i)), DP_NONE, &iface,
		        &iface_created, fault);
	control_publish(request->control);
	if (ret < 0)
		return ret;
	*ret_result = json_pack(
	        "{s:o, s:b}", "node", node_json(request->control, node), "created", (int)created);
	return 0;
}

int handle_node_del(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct node *node = model_node_find(
	        &request->control->model, param_string(request->params, "name", ""));
	int ret;

	if (node != NULL) {
		ret = topology_node_del(
		        request->control, node, param_bool(request->params, "force", false), fault);
		if (ret < 0)
			return ret;
	}
	*ret_result = json_pack("{s:b}", "deleted", (int)(node != NULL));
	return 0;
}

int handle_node_show(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct node *node;
	int ret =
	        find_node(request, "name", param_string(request->params, "name", ""), &node, fault);

	if (ret < 0)
		return ret;
	*ret_result = json_pack("{s:o}", "node", node_json(request->control, node));
	return 0;
}

int handle_node_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct model *model = &request->control->model;
	const char *kind = param_string(request->params, "kind", NULL);
	struct page page;
	int ret = page_init(&page, request->params, fault);

	if (ret < 0)
		return ret;
	for (uint32_t id = page_first(&page); id < model->node_ids.end && !page_is_done(&page);
	        id++) {
		const struct node *node = model->nodes[id];

		if (node == NULL || (kind != NULL && node->kind != node_kind_parse(kind)))
			continue;
		if (page_wants(&page, id, node->name))
			json_array_append_new(page.items, node_json(request->control, node));
	}
	return page_result(&page, ret_result);
}

int handle_interface_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	struct page page;
	int ret = page_init(&page, request->params, fault);

	if (ret < 0)
		return ret;
	for (uint32_t id = page_first(&page); id < c->model.iface_ids.end && !page_is_done(&page);
	        id++) {
		const struct iface *iface = c->model.ifaces[id];
		char ref[IFACE_REF_SIZE];
		json_t *entry;

		if (iface == NULL)
			continue;
		if (page.match != NULL)
			iface_ref_format(ref, iface);
		if (!page_wants(&page, id, ref))
			continue;
		iface_ref_format(ref, iface);
		entry = json_object();
		put_u64(entry, "id", id);
		put_str(entry, "ref", ref);
		put_str(entry, "kind", node_kind_name(iface->node->kind));
		put_u64(entry, "worker", publisher_iface(c->publisher, id)->worker);
		if (iface->port != NULL)
			put_u64(entry, "port", iface->port->port.id);
		put_far_end(c, entry, iface);
		json_array_append_new(page.items, entry);
	}
	return page_result(&page, ret_result);
}
