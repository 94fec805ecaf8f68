/* SPDX-License-Identifier: BSD-3-Clause */
// link.*: one link, or both directions of a cable.
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "link_json.h"
#include "player.h"
#include "state.h"

static json_t *link_stats_json(const struct control *c, uint32_t id)
{
	const struct link_stats *base = &c->model.ifaces[id]->base;
	json_t *object = json_object();
	struct link_stats s;

	datapath_link_stats(c->dp, id, &s);
	put_u64(object, "tx_pkts", s.tx_pkts - base->tx_pkts);
	put_u64(object, "tx_bytes", s.tx_bytes - base->tx_bytes);
	put_u64(object, "duplicates", s.duplicates - base->duplicates);
	put_u64(object, "in_flight_pkts", s.in_flight_pkts);
	put_u64(object, "in_flight_bytes", s.in_flight_bytes);
	put(object, "drops", drops_json(s.drops, base->drops, false));
	return object;
}

static json_t *link_json(const struct control *c, uint32_t id, const struct link *link)
{
	json_t *object = json_object();
	char ref[IFACE_REF_SIZE];
	uint32_t to = link->record.to;

	put_u64(object, "id", id);
	put_str(object, "from", iface_ref_format(ref, c->model.ifaces[id]));
	put(object, "to",
	        to == ORRERY_IFACE_NONE ? json_null()
	                                : json_string(iface_ref_format(ref, c->model.ifaces[to])));
	link_params_put(object, &link->record);
	put_u64(object, "delay_now_ns", matrix_delay_now_ns(c->matrix, link, control_now_tsc()));
	put(object, "pinned", json_boolean(matrix_pinned(c->matrix, id)));
	if (to != ORRERY_IFACE_NONE)
		put_u64(object, "worker", publisher_iface(c->publisher, to)->worker);
	put(object, "stats", link_stats_json(c, id));
	return object;
}

static int stage_one(const struct request *request, const struct iface *from,
        const struct iface *to, struct fault *fault)
{
	struct matrix *m = request->control->matrix;
	struct orrery_record record;

	link_params_read(request->params, matrix_current(m, from->id), &record);
	record.from = from->id;
	if (json_object_get(request->params, "to") != NULL) {
		record.set |= ORRERY_SET_TO;
		record.to = to != NULL ? to->id : ORRERY_IFACE_NONE;
	}
	return matrix_stage(m, &record, fault);
}

// The other direction starts where this one ends, now or with this request.
static int stage_reverse(const struct request *request, const struct iface *from,
        const struct iface *to, struct fault *fault)
{
	const struct control *c = request->control;
	const struct link *link = matrix_link(c->matrix, from->id);

	if (to != NULL)
		return stage_one(request, to, from, fault);
	if (link == NULL || link->record.to == ORRERY_IFACE_NONE)
		return fault_set(fault, -ENOENT, "reverse",
		        "the link has no far end, so no other direction");
	// unplugging both ends: the other link exists only if it leads back here
	to = c->model.ifaces[link->record.to];
	if (json_object_get(request->params, "to") != NULL) {
		link = matrix_link(c->matrix, to->id);
		if (link == NULL || link->record.to != from->id)
			return 0;
		return stage_one(request, to, NULL, fault);
	}
	return stage_one(request, to, from, fault);
}

int handle_link_set(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	const char *to_ref = param_string(request->params, "to", NULL);
	struct iface *from, *to = NULL;
	struct matrix_result result = {0};
	uint64_t epoch = 0;
	int ret;

	ret = model_ref_find(
	        &c->model, param_string(request->params, "from", ""), "from", &from, fault);
	if (ret == 0 && to_ref != NULL)
		ret = model_ref_find(&c->model, to_ref, "to", &to, fault);
	if (ret < 0)
		return ret;
	matrix_begin(c->matrix);
	ret = stage_one(request, from, to, fault);
	if (ret == 0 && param_bool(request->params, "reverse", false))
		ret = stage_reverse(request, from, to, fault);
	if (ret == 0)
		ret = control_commit_matrix(c, &result, &epoch, fault);
	if (ret < 0)
		return ret;
	*ret_result =
	        json_pack("{s:i, s:I}", "changed", (int)result.changed, "epoch", (json_int_t)epoch);
	return 0;
}

int handle_link_del(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	struct iface *from;
	const struct link *link = NULL, *back;
	struct matrix_result result = {0};
	uint64_t epoch;
	int ret;

	if (model_ref_find(
	            &c->model, param_string(request->params, "from", ""), "from", &from, NULL) == 0)
		link = matrix_link(c->matrix, from->id);
	if (link != NULL) {
		matrix_begin(c->matrix);
		matrix_stage_del(c->matrix, from->id);
		back = matrix_link(c->matrix, link->record.to);
		if (param_bool(request->params, "reverse", false) && back != NULL &&
		        back->record.to == from->id)
			matrix_stage_del(c->matrix, link->record.to);
		ret = control_commit_matrix(c, &result, &epoch, fault);
		if (ret < 0)
			return ret;
	}
	*ret_result = json_pack("{s:i}", "deleted", (int)result.changed);
	return 0;
}

int handle_link_show(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	const char *ref = param_string(request->params, "from", "");
	const struct link *link;
	struct iface *from;
	int ret = model_ref_find(&c->model, ref, "from", &from, fault);

	if (ret < 0)
		return ret;
	link = matrix_link(c->matrix, from->id);
	if (link == NULL)
		return fault_set(fault, -ENOENT, "from", "no link leaves from '%s'", ref);
	*ret_result = json_pack("{s:o}", "link", link_json(c, from->id, link));
	return 0;
}

static bool is_listed(
        const struct control *c, uint32_t id, const struct link *link, const json_t *params)
{
	const char *node = param_string(params, "node", NULL);
	bool up = (link->record.flags & ORRERY_LINK_UP) != 0;

	if (param_given(params, "up") && param_bool(params, "up", true) != up)
		return false;
	return node == NULL || strcmp(c->model.ifaces[id]->node->name, node) == 0;
}

int handle_link_list(const struct request *request, json_t **ret_result, struct fault *fault)
{
	const struct control *c = request->control;
	struct page page;
	int ret = page_init(&page, request->params, fault);

	if (ret < 0)
		return ret;
	for (uint32_t id = page_first(&page); id < c->model.iface_ids.end && !page_is_done(&page);
	        id++) {
		const struct link *link = matrix_link(c->matrix, id);
		char ref[IFACE_REF_SIZE];

		if (link == NULL || !is_listed(c, id, link, request->params))
			continue;
		if (page.match != NULL)
			iface_ref_format(ref, c->model.ifaces[id]);
		if (page_wants(&page, id, ref))
			json_array_append_new(page.items, link_json(c, id, link));
	}
	return page_result(&page, ret_result);
}

// The links that are meant: the one that leaves from there, and with `reverse` the one back.
// Returns how many, or -errno.
static int find_links(const struct request *request, uint32_t ids[2], struct fault *fault)
{
	const struct control *c = request->control;
	const struct link *link;
	struct iface *from;
	int ret = model_ref_find(
	        &c->model, param_string(request->params, "from", ""), "from", &from, fault);

	if (ret < 0)
		return ret;
	ids[0] = from->id;
	if (!param_bool(request->params, "reverse", false))
		return 1;
	link = matrix_link(c->matrix, from->id);
	if (link == NULL || link->record.to == ORRERY_IFACE_NONE)
		return fault_set(fault, -ENOENT, "reverse",
		        "the link has no far end, so no other direction");
	ids[1] = link->record.to;
	return 2;
}

int handle_link_pin(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct matrix *m = request->control->matrix;
	uint32_t ids[2] = {0}, before = matrix_n_pinned(m);
	int n = find_links(request, ids, fault);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		matrix_pin(m, ids[i], true);
	paths_worker_poke(request->control->paths); // what was computed ahead knows of no pin
	*ret_result = json_pack("{s:i, s:i}", "pinned", (int)(matrix_n_pinned(m) - before), "total",
	        (int)matrix_n_pinned(m));
	return 0;
}

int handle_link_unpin(const struct request *request, json_t **ret_result, struct fault *fault)
{
	struct control *c = request->control;
	uint32_t ids[2] = {0}, n_changed = 0, n_unpinned = 0;
	int n = find_links(request, ids, fault);

	for (int i = 0; i < n; i++) {
		uint32_t changed = 0;
		int ret;

		if (!matrix_pinned(c->matrix, ids[i]))
			continue;
		matrix_pin(c->matrix, ids[i], false);
		ret = player_take_back(c->player, ids[i], &changed, fault);
		if (ret < 0) {
			matrix_pin(c->matrix, ids[i], true);
			return ret;
		}
		paths_worker_poke(c->paths);
		n_unpinned++;
		n_changed += changed;
	}
	if (n < 0)
		return n;
	*ret_result = json_pack("{s:i, s:i, s:i}", "unpinned", (int)n_unpinned, "changed",
	        (int)n_changed, "total", (int)matrix_n_pinned(c->matrix));
	return 0;
}
