/* SPDX-License-Identifier: BSD-3-Clause */
// Next hops in the background: a thread that computes least-delay paths on a snapshot of the
// matrix.
//
// The control thread pokes; when its loop comes round and the thread is idle, it takes a snapshot
// of all links that are up between routers and hands it over. A computation that has started runs
// to its end, then the newest state is next: so a matrix that changes faster than paths can be
// computed still gets paths, never older than two computations. The result comes back by eventfd
// and is published, also if the matrix has changed meanwhile: what is behind is better than what is
// further behind.
//
// Who plays a file knows the epochs to come (struct paths_future). When nothing else is to be done
// their paths are computed ahead of their time, and paths_worker_enter() puts them into the very
// view that shows the epoch's links. A result that is not there by then is published as soon as it
// is; the epoch does not wait, and is counted as late. When epochs come faster than paths can be
// computed, those of one that can still be reached in time are next, and the ones before it are
// late. Then also nodes that own nothing but their own address wait for each other, in turn, and
// those with somebody behind them do not.
//
// With a convergence time, next hops follow the links that much later, as routing protocols do:
// results are held until then, in order.
//
// Threads: all functions are for control; the thread sees the snapshot only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "matrix.h"
#include "model.h"
#include "paths_policy.h"
#include "player_clock.h"
#include "publish.h"

struct event_base;
struct paths_worker;

struct paths_counts {
	uint64_t computed; // tables
	uint64_t published;
	uint64_t with_epoch; // epochs of a file that had their next hops in time
	uint64_t late; // those that had not
	uint64_t compute_ns, compute_max_ns; // the last computation, the longest
};

// The links of epochs to come. Calls come from functions of this header and from the event loop.
struct paths_future {
	void *arg;
	// Back to the state in force.
	void (*rewind)(void *arg);
	// On to the next epoch, with its number (above 0, growing) and when it takes effect. False:
	// none is known.
	bool (*next)(void *arg, uint64_t *ret_epoch, uint64_t *ret_tsc);
	// A bit for each interface with a link that they change (and perhaps others): bit id % 64
	// of word id / 64. NULL: none.
	const uint64_t *(*said)(void *arg);
	// Changes what the epochs up to there do to the link. `record` comes as it would be without
	// them; its `set` is 0 if there is no such link.
	void (*link)(void *arg, uint32_t id, struct orrery_record *record);
};

// Borrows all. `base` NULL: no thread, paths_worker_settle and paths_worker_run compute (tests).
__attribute__((warn_unused_result)) int paths_worker_create(struct event_base *base,
        struct model *model, struct matrix *matrix, struct publisher *publisher,
        struct paths_worker **ret_worker, struct fault *fault);
void paths_worker_destroy(struct paths_worker *worker);
void paths_worker_set_future(struct paths_worker *worker, const struct paths_future *future);
void paths_worker_set_clock(struct paths_worker *worker, const struct player_clock *clock);
// In force from the next computation on.
void paths_worker_set_policy(struct paths_worker *worker, const struct paths_policy *policy);
const struct paths_policy *paths_worker_policy(const struct paths_worker *worker);
void paths_worker_get_counts(const struct paths_worker *worker, struct paths_counts *ret_counts);

// The graph changed: compute again soon. What was computed ahead is void. Cheap.
void paths_worker_poke(struct paths_worker *worker);
// An epoch of the future takes effect with the next publisher_commit, instead of a poke. `changed`:
// it may change paths.
void paths_worker_enter(struct paths_worker *worker, uint64_t epoch, bool changed);
// Dense numbers of a node that is gone go back once no table in use was computed with them.
void paths_worker_retire(struct paths_worker *worker, uint32_t router_idx, uint32_t dest_idx);
// Not yet level with the matrix.
bool paths_worker_pending(const struct paths_worker *worker);
// Epoch of the matrix that the published next hops were computed from; 0: none yet.
uint64_t paths_worker_epoch(const struct paths_worker *worker);
// Waits until the published next hops are level with the matrix, whatever the convergence time.
void paths_worker_settle(struct paths_worker *worker);
// Does what is due and can be done. The event loop calls it; tests do.
void paths_worker_run(struct paths_worker *worker);
