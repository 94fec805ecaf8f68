/* SPDX-License-Identifier: BSD-3-Clause */
// Next hops in the background: a thread that computes least-delay paths on a snapshot of the
// matrix.
//
// The control thread pokes; when its loop comes round and the thread is idle, it takes a snapshot
// of all links that are up between routers and hands it over. A computation that has started runs
// to its end, then the newest state is next: so a matrix that changes faster than paths can be
// computed still gets paths, never older than two computations. The result comes back by eventfd
// and is published.
//
// Threads: all functions are for control; the thread sees the snapshot only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "matrix.h"
#include "model.h"
#include "publish.h"

struct event_base;
struct paths_worker;

// Borrows all. `base` NULL: no thread, paths_worker_settle computes (tests).
__attribute__((warn_unused_result)) int paths_worker_create(struct event_base *base,
        struct model *model, struct matrix *matrix, struct publisher *publisher,
        struct paths_worker **ret_worker, struct fault *fault);
void paths_worker_destroy(struct paths_worker *worker);

// The graph changed: compute again soon. Cheap.
void paths_worker_poke(struct paths_worker *worker);
// Dense numbers of a node that is gone go back once no table in use was computed with them.
void paths_worker_retire(struct paths_worker *worker, uint32_t router_idx, uint32_t dest_idx);
// Not yet level with the matrix.
bool paths_worker_pending(const struct paths_worker *worker);
// Epoch of the matrix that the published next hops were computed from; 0: none yet.
uint64_t paths_worker_epoch(const struct paths_worker *worker);
// Waits until the published next hops are level with the matrix.
void paths_worker_settle(struct paths_worker *worker);
