/* SPDX-License-Identifier: BSD-3-Clause */
// The handlers of the method table, a file a noun, and what they share. Thread: control.
// Each returns 0 with a new reference in `*ret_result`, or -errno with a fault (methods.h).
#pragma once

#include <jansson.h>

#include "core.h"
#include "methods.h"

typedef int handler_fn(const struct request *request, json_t **ret_result, struct fault *fault);

handler_fn handle_version, handle_api_methods, handle_log_level, handle_config_show,
        handle_shutdown;
handler_fn handle_node_add, handle_node_del, handle_node_show, handle_node_list,
        handle_interface_list;
handler_fn handle_port_add, handle_port_del, handle_port_show, handle_port_list;
handler_fn handle_link_set, handle_link_del, handle_link_show, handle_link_list;
handler_fn handle_matrix_commit, handle_matrix_check, handle_matrix_show;
handler_fn handle_player_load, handle_player_start, handle_player_pause, handle_player_resume,
        handle_player_seek, handle_player_step, handle_player_stop, handle_player_status;
handler_fn handle_link_pin, handle_link_unpin;
handler_fn handle_route_add, handle_route_del, handle_route_list, handle_route_get,
        handle_route_path, handle_route_policy;
handler_fn handle_worker_list, handle_stats_get, handle_stats_top;

// A page of a list, in the order of ids. The first page counts all items; a cursor is the id of the
// next item and that count, so that the pages together look at each item twice:
//   for (id = page_first(&page); id < end && !page_is_done(&page); id++)
struct page {
	json_t *items;
	const char *match; // glob, NULL: all
	uint32_t from, limit;
	uint32_t total;
	bool is_counted; // total is from the cursor
	uint32_t next; // DP_NONE: the list ends here
};

#define PAGE_DEFAULT 500
#define PAGE_MAX 2000

__attribute__((warn_unused_result)) int page_init(
        struct page *page, const json_t *params, struct fault *fault);
uint32_t page_first(const struct page *page);
bool page_is_done(const struct page *page);
// Counts the item if its name matches; true if it belongs on this page: then append to page->items.
// `name` is not looked at unless page->match is set.
bool page_wants(struct page *page, uint32_t id, const char *name);
// Returns 0; the page's items go into the result.
int page_result(struct page *page, json_t **ret_result);

// Sets `key` (value taken); NULL values are left out.
void put(json_t *object, const char *key, json_t *value);
void put_u64(json_t *object, const char *key, uint64_t value);
void put_str(json_t *object, const char *key, const char *value);
// Shares of 2^32 and 2^16 as fractions, rounded to what they can hold.
json_t *share_q32(uint32_t q32);
json_t *share_q16(uint16_t q16);

// Counters that are not zero, by drop reason; `base` is subtracted, NULL: nothing.
json_t *drops_json(const uint64_t *drops, const uint64_t *base, bool with_zero);
void put_worker_stats(json_t *object, const struct worker_stats *stats);

// What plays and how late, in short.
json_t *player_json(const struct control *control);

// A node of a kind by name, made if absent and `kind` is given.
__attribute__((warn_unused_result)) int find_node(const struct request *request, const char *field,
        const char *name, struct node **ret_node, struct fault *fault);
