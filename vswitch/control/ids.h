/* SPDX-License-Identifier: BSD-3-Clause */
// Pool of small numbers: always the lowest free one, so that tables indexed by it stay dense.
// An id goes back only when nothing published refers to it any more (publish.h, publisher_defer).
// Thread: control.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ids {
	uint32_t max; // ids are 0 to max - 1
	uint32_t n_used;
	uint32_t end; // one more than the highest ever used
	uint32_t hint; // no free id in words below this
	uint64_t *words; // a set bit is a used id
};

// Returns 0 or -ENOMEM.
__attribute__((warn_unused_result)) int ids_init(struct ids *ids, uint32_t max);
void ids_fini(struct ids *ids);
// Lowest free id. Returns 0, or -ENOSPC when all are used.
__attribute__((warn_unused_result)) int ids_get(struct ids *ids, uint32_t *ret_id);
// A particular id. Returns 0, -EBUSY if used, -ERANGE if not below max.
__attribute__((warn_unused_result)) int ids_take(struct ids *ids, uint32_t id);
void ids_put(struct ids *ids, uint32_t id);
bool ids_used(const struct ids *ids, uint32_t id);
