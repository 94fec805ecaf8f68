/* SPDX-License-Identifier: BSD-3-Clause */
// What handlers share: paging, small JSON helpers, counters.
#include "handlers.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "units.h"

// "ID.TOTAL".
static bool parse_cursor(const char *cursor, uint64_t *ret_from, uint64_t *ret_total)
{
	char id[16];
	size_t len = strcspn(cursor, ".");

	if (len >= sizeof(id) || cursor[len] == '\0')
		return false;
	memcpy(id, cursor, len);
	id[len] = '\0';
	return units_parse_u64(id, 0, UINT32_MAX - 1, ret_from) == 0 &&
	       units_parse_u64(cursor + len + 1, 0, UINT32_MAX, ret_total) == 0;
}

int page_init(struct page *page, const json_t *params, struct fault *fault)
{
	const char *cursor = param_string(params, "cursor", NULL);
	uint64_t from = 0, total = 0;

	if (cursor != NULL && !parse_cursor(cursor, &from, &total))
		return fault_set(
		        fault, -EINVAL, "cursor", "not a cursor of ours: give back next_cursor");
	*page = (struct page){
	        .items = json_array(),
	        .match = param_string(params, "match", NULL),
	        .from = (uint32_t)from,
	        .limit = (uint32_t)param_int(params, "limit", PAGE_DEFAULT),
	        .total = (uint32_t)total,
	        .is_counted = cursor != NULL,
	        .next = DP_NONE,
	};
	return page->items != NULL ? 0 : fault_set(fault, -ENOMEM, NULL, "no memory for the list");
}

bool page_wants(struct page *page, uint32_t id, const char *name)
{
	if (page->match != NULL && fnmatch(page->match, name, 0) != 0)
		return false;
	page->total += !page->is_counted;
	if (id < page->from)
		return false;
	if (json_array_size(page->items) < page->limit)
		return true;
	if (page->next == DP_NONE)
		page->next = id;
	return false;
}

uint32_t page_first(const struct page *page)
{
	return page->is_counted ? page->from : 0;
}

bool page_is_done(const struct page *page)
{
	return page->is_counted && page->next != DP_NONE;
}

int page_result(struct page *page, json_t **ret_result)
{
	json_t *result = json_object();

	put(result, "items", page->items);
	put(result, "next_cursor",
	        page->next == DP_NONE ? json_null()
	                              : json_sprintf("%u.%u", page->next, page->total));
	put_u64(result, "total", page->total);
	*ret_result = result;
	return 0;
}

void put(json_t *object, const char *key, json_t *value)
{
	if (value != NULL)
		json_object_set_new_nocheck(object, key, value);
}

void put_u64(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new_nocheck(object, key, json_integer((json_int_t)value));
}

void put_str(json_t *object, const char *key, const char *value)
{
	json_object_set_new(object, key, json_string(value));
}

json_t *share_q32(uint32_t q32)
{
	double p = q32 == UINT32_MAX ? 1.0 : (double)q32 / 4294967296.0;

	// nine decimals are what 2^-32 can tell apart
	return json_real(p < 1e-8 ? p : round(p * 1e9) / 1e9);
}

json_t *share_q16(uint16_t q16)
{
	double p = q16 == UINT16_MAX ? 1.0 : (double)q16 / 65536.0;

	return json_real(p < 1e-4 ? p : round(p * 1e5) / 1e5);
}

json_t *drops_json(const uint64_t *drops, const uint64_t *base, bool with_zero)
{
	json_t *object = json_object();

	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		uint64_t n = base == NULL ? drops[i] : drops[i] > base[i] ? drops[i] - base[i] : 0;

		if (n > 0 || with_zero)
			put_u64(object, drop_reason_names[i], n);
	}
	return object;
}

void put_worker_stats(json_t *o, const struct worker_stats *s)
{
	put_u64(o, "rx_pkts", s->rx_pkts);
	put_u64(o, "rx_bytes", s->rx_bytes);
	put_u64(o, "tx_pkts", s->tx_pkts);
	put_u64(o, "tx_bytes", s->tx_bytes);
	put_u64(o, "loops", s->loops);
	put_u64(o, "busy_loops", s->busy_loops);
	put_u64(o, "busy_cycles", s->busy_cycles);
	put_u64(o, "sleeps", s->sleeps);
	put_u64(o, "wakeups", s->wakeups);
	put_u64(o, "late_wakeups", s->late_wakeups);
	put_u64(o, "wheel_pkts", s->wheel_pkts);
	put_u64(o, "wheel_late_max_ns", s->wheel_late_max_ns);
	put_u64(o, "ring_kicks", s->ring_kicks);
	put_u64(o, "hot_queues", s->hot_queues);
	put_u64(o, "went_cold", s->went_cold);
	put_u64(o, "went_hot", s->went_hot);
	put_u64(o, "icmp_sent", s->icmp_sent);
}

int find_node(const struct request *request, const char *field, const char *name,
        struct node **ret_node, struct fault *fault)
{
	struct node *node = model_node_find(&request->control->model, name);

	if (node == NULL)
		return fault_set(fault, -ENOENT, field, "no node '%s'", name);
	*ret_node = node;
	return 0;
}
