/* SPDX-License-Identifier: BSD-3-Clause */
// The topology by name. Memory exhaustion inside uthash ends the process: nothing sensible is left
// to do.
#include "model.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reserve.h"

static const char *const kind_names[] = {
        [NODE_KIND_NONE] = "none", [NODE_KIND_POD] = "pod", [NODE_KIND_ROUTER] = "router"};

const char *node_kind_name(enum node_kind kind)
{
	return kind_names[kind];
}

enum node_kind node_kind_parse(const char *text)
{
	for (unsigned i = NODE_KIND_POD; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(kind_names[i], text) == 0)
			return (enum node_kind)i;
	}
	return NODE_KIND_NONE;
}

int model_init(struct model *model, uint32_t max_nodes, uint32_t max_ifaces)
{
	*model = (struct model){0};
	model->nodes = reserve_alloc(max_nodes, sizeof(model->nodes[0]));
	model->ifaces = reserve_alloc(max_ifaces, sizeof(model->ifaces[0]));
	if (model->nodes != NULL && model->ifaces != NULL &&
	        ids_init(&model->node_ids, max_nodes) == 0 &&
	        ids_init(&model->iface_ids, max_ifaces) == 0 &&
	        ids_init(&model->router_ids, max_nodes) == 0 &&
	        ids_init(&model->dest_ids, max_nodes) == 0)
		return 0;
	model_fini(model);
	return -ENOMEM;
}

// Tables reach to the highest number ever used.
static uint64_t end_with(const struct ids *ids, uint32_t more)
{
	uint64_t n = (uint64_t)ids->n_used + more;

	return n > ids->end ? n : ids->end;
}

int model_check_next_hops(
        const struct model *model, uint32_t more_routers, uint32_t more_dests, struct fault *fault)
{
	uint64_t n_routers = end_with(&model->router_ids, more_routers);
	uint64_t n_dests = end_with(&model->dest_ids, more_dests), n = n_routers * n_dests;

	if (model->max_next_hops == 0 || n <= model->max_next_hops)
		return 0;
	return fault_set(fault, -ENOSPC, "limits.max_next_hops",
	        "%" PRIu64 " routers x %" PRIu64 " destinations are %" PRIu64 " next hops (%" PRIu64
	        " MiB), at most %" PRIu64
	        ": raise limits.max_next_hops, or let fewer routers own routes",
	        n_routers, n_dests, n, n * MODEL_NEXT_HOP_BYTES >> 20, model->max_next_hops);
}

void model_fini(struct model *model)
{
	HASH_CLEAR(hh, model->ifaces_by_key);
	HASH_CLEAR(hh, model->nodes_by_name);
	for (uint32_t id = 0; model->ifaces != NULL && id < model->iface_ids.end; id++)
		free(model->ifaces[id]);
	for (uint32_t id = 0; model->nodes != NULL && id < model->node_ids.end; id++)
		free(model->nodes[id]);
	reserve_free(model->nodes, model->node_ids.max, sizeof(model->nodes[0]));
	reserve_free(model->ifaces, model->iface_ids.max, sizeof(model->ifaces[0]));
	ids_fini(&model->node_ids);
	ids_fini(&model->iface_ids);
	ids_fini(&model->router_ids);
	ids_fini(&model->dest_ids);
	*model = (struct model){0};
}

static int take_id(struct ids *ids, uint32_t id, const char *what, const char *limit,
        uint32_t *ret_id, struct fault *fault)
{
	int ret;

	if (id == DP_NONE) {
		if (ids_get(ids, ret_id) == 0)
			return 0;
		return fault_set(fault, -ENOSPC, NULL, "all %u %ss are in use: raise limits.%s",
		        ids->max, what, limit);
	}
	ret = ids_take(ids, id);
	if (ret < 0)
		return fault_set(fault, ret, NULL, "%s id %u is %s", what, id,
		        ret == -EBUSY ? "in use" : "over the limit");
	*ret_id = id;
	return 0;
}

int model_node_add(struct model *model, const char *name, enum node_kind kind, uint32_t id,
        struct node **ret_node, struct fault *fault)
{
	struct node *node;
	int ret = node_name_check(name, fault);

	if (ret < 0)
		return ret;
	if (model_node_find(model, name) != NULL)
		return fault_set(fault, -EEXIST, "name", "node '%s' exists", name);
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for node '%s'", name);
	ret = take_id(&model->node_ids, id, "node", "max_nodes", &node->id, fault);
	if (ret < 0) {
		free(node);
		return ret;
	}
	snprintf(node->name, sizeof(node->name), "%s", name);
	node->kind = kind;
	node->dest_idx = DP_NONE;
	node->router_idx = DP_NONE;
	model->nodes[node->id] = node;
	HASH_ADD_STR(model->nodes_by_name, name, node);
	*ret_node = node;
	return 0;
}

int model_iface_add(struct model *model, struct node *node, const char *name, uint32_t id,
        struct iface **ret_iface, struct fault *fault)
{
	struct iface *iface;
	int ret = iface_name_check(name, fault);

	if (ret < 0)
		return ret;
	if (model_iface_find(model, node, name) != NULL)
		return fault_set(
		        fault, -EEXIST, "name", "interface '%s/%s' exists", node->name, name);
	if (node->n_ifaces == DP_MAX_IFACES_PER_NODE)
		return fault_set(fault, -ENOSPC, NULL, "node '%s' has %u interfaces already",
		        node->name, node->n_ifaces);
	iface = calloc(1, sizeof(*iface));
	if (iface == NULL)
		return fault_set(fault, -ENOMEM, NULL, "no memory for '%s/%s'", node->name, name);
	ret = take_id(&model->iface_ids, id, "interface", "max_interfaces", &iface->id, fault);
	if (ret < 0) {
		free(iface);
		return ret;
	}
	iface->key.node_id = node->id;
	memcpy(iface->key.name, name, strlen(name));
	iface->node = node;
	iface->serial = model->next_serial++;
	DL_APPEND(node->ifaces, iface);
	node->n_ifaces++;
	model->ifaces[iface->id] = iface;
	HASH_ADD(hh, model->ifaces_by_key, key, sizeof(iface->key), iface);
	*ret_iface = iface;
	return 0;
}

void model_iface_remove(struct model *model, struct iface *iface)
{
	DL_DELETE(iface->node->ifaces, iface);
	iface->node->n_ifaces--;
	HASH_DEL(model->ifaces_by_key, iface);
	model->ifaces[iface->id] = NULL;
}

void model_node_remove(struct model *model, struct node *node)
{
	assert(node->ifaces == NULL);
	HASH_DEL(model->nodes_by_name, node);
	model->nodes[node->id] = NULL;
}

void model_iface_release(struct model *model, struct iface *iface)
{
	ids_put(&model->iface_ids, iface->id);
	free(iface);
}

void model_node_release(struct model *model, struct node *node)
{
	ids_put(&model->node_ids, node->id);
	free(node);
}

struct node *model_node_find(const struct model *model, const char *name)
{
	struct node *node;

	HASH_FIND_STR(model->nodes_by_name, name, node);
	return node;
}

struct iface *model_iface_find(const struct model *model, const struct node *node, const char *name)
{
	struct iface_key key = {.node_id = node->id};
	struct iface *iface;
	size_t len = strlen(name);

	if (len >= sizeof(key.name))
		return NULL;
	memcpy(key.name, name, len);
	HASH_FIND(hh, model->ifaces_by_key, &key, sizeof(key), iface);
	return iface;
}

int model_ref_find(const struct model *model, const char *ref, const char *field,
        struct iface **ret_iface, struct fault *fault)
{
	char node_name[NODE_NAME_SIZE], iface_name[IFACE_NAME_SIZE];
	struct node *node;
	struct iface *iface;
	struct fault why = {0};
	int ret = iface_ref_parse(ref, node_name, iface_name, &why);

	if (ret < 0)
		return fault_set(fault, ret, field, "%s", why.message);
	node = model_node_find(model, node_name);
	if (node == NULL)
		return fault_set(fault, -ENOENT, field, "no node '%s'", node_name);
	iface = model_iface_find(model, node, iface_name);
	if (iface == NULL)
		return fault_set(fault, -ENOENT, field, "node '%s' has no interface '%s'",
		        node_name, iface_name);
	*ret_iface = iface;
	return 0;
}

char *iface_ref_format(char buf[IFACE_REF_SIZE], const struct iface *iface)
{
	snprintf(buf, IFACE_REF_SIZE, "%s/%s", iface->node->name, iface->key.name);
	return buf;
}
