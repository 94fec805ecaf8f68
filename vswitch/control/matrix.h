/* SPDX-License-Identifier: BSD-3-Clause */
// The link matrix: the desired state of every link, changed an epoch at a time, all or nothing.
//
//	matrix_begin -> matrix_stage (for each record) -> matrix_check -> matrix_apply ->
// publisher_commit
//
// Staging merges partial records onto what is there without touching it; the check sees the result
// as a whole (does it fit the wheel and the frame pool?); only then is anything changed. Work is by
// changed links; nothing is allocated.
// Thread: control. Units: as in api/record.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "model.h"
#include "publish.h"
#include "record.h"

#define MATRIX_DELAY_MAX_NS 4000000000u
#define MATRIX_QUEUE_MIN_BYTES 30000u
#define MATRIX_QUEUE_DEFAULT_MS 100u
#define MATRIX_FRAME_OVERHEAD_BYTES 24 // preamble, gap, FCS, as the rate counts them
#define MATRIX_JITTER_SIGMAS 4 // a normal jitter is reckoned with up to this

struct matrix;

struct matrix_config {
	uint32_t max_ifaces;
	uint64_t tsc_hz;
	uint64_t horizon_ns; // the wheel's
	uint64_t pool_frames; // frame buffers that all workers have together
	uint32_t assumed_frame_bytes; // size of the frames in flight that the memory is reckoned
	                              // with
	uint64_t seed;
	uint64_t tsc_per_ns_q32; // of tsc_hz; filled by matrix_config_settle
};

// One link as it is. `record.set` is 0 when no link leaves from the interface, else ORRERY_SET_ALL.
struct link {
	struct orrery_record record;
	uint64_t t0_tsc; // when its delay was set
	uint64_t down_tsc; // when it went down the last time, 0: never
	uint64_t frames; // it can hold in flight and queued; 0 when down
	uint32_t incarnation;
	uint32_t stage_mark; // of the last staging that named it
	uint32_t stage_idx;
	uint32_t in_next, in_prev; // the other links that arrive at `record.to`, DP_NONE: end
	uint32_t in_first; // first link that arrives at this interface, plus one; 0: none
	bool pinned; // set by hand: programs that play a sky leave it alone
	bool watched; // somebody takes note of its changes
	bool noted;
};

struct matrix_result {
	uint32_t changed; // links whose parameters differ now
	uint32_t replugged; // of them, those with another far end
	uint64_t needed_frames; // by the whole matrix
	bool paths_changed; // up, far end or delay of some link
};

// What follows from other fields; matrix_create calls it.
void matrix_config_settle(struct matrix_config *config);

// Borrows `model` and `publisher`.
__attribute__((warn_unused_result)) int matrix_create(const struct matrix_config *config,
        const struct model *model, struct publisher *publisher, struct matrix **ret_matrix,
        struct fault *fault);
void matrix_destroy(struct matrix *matrix);

// Starts a staging; drops one that was not applied.
void matrix_begin(struct matrix *matrix);
// How many links are staged, and which; also once they are applied, until the next matrix_begin.
uint32_t matrix_n_staged(const struct matrix *matrix);
uint32_t matrix_staged(const struct matrix *matrix, uint32_t idx);
// Adds a record. Returns 0, -EINVAL, -ERANGE, -ENOENT with `fault->field` the record's field.
__attribute__((warn_unused_result)) int matrix_stage(
        struct matrix *matrix, const struct orrery_record *record, struct fault *fault);
// The link ends: parameters are forgotten. Staging a missing one is no error.
void matrix_stage_del(struct matrix *matrix, uint32_t link_id);
// Would the matrix as staged fit? Returns 0, -ERANGE (beyond the wheel's horizon), -ENOSPC (more
// frames than the pool), with the numbers. `now_tsc`: when it would take effect.
__attribute__((warn_unused_result)) int matrix_check(struct matrix *matrix, uint64_t now_tsc,
        struct matrix_result *ret_result, struct fault *fault);
// After a successful check, the same `now_tsc`: writes the idle side. The caller commits.
void matrix_apply(struct matrix *matrix, uint64_t now_tsc);

// NULL when no link leaves from it.
const struct link *matrix_link(const struct matrix *matrix, uint32_t link_id);
// The link's parameters as staged, else as they are; NULL when there is no such link.
const struct orrery_record *matrix_current(const struct matrix *matrix, uint32_t link_id);
// Of the link as it is now, the slope included.
uint64_t matrix_delay_now_ns(
        const struct matrix *matrix, const struct link *link, uint64_t now_tsc);
// First link that arrives at an interface, then link->in_next; DP_NONE: no more.
uint32_t matrix_first_arriving(const struct matrix *matrix, uint32_t iface_id);

// A pin belongs to the interface: the link need not exist, and unplugging keeps it. Staging does
// not look at it; who stages for a program leaves pinned links out.
void matrix_pin(struct matrix *matrix, uint32_t link_id, bool pinned);
bool matrix_pinned(const struct matrix *matrix, uint32_t link_id);
uint32_t matrix_n_pinned(const struct matrix *matrix);

// Takes note of an interface's link, whether it exists yet or not, each time matrix_apply changes
// it.
void matrix_watch(struct matrix *matrix, uint32_t link_id, bool watched);
// One that changed since it was taken last; false: no more.
bool matrix_take_watched(struct matrix *matrix, uint32_t *ret_link_id);

// A bit for each interface that a plugged link leaves from: bit id % 64 of word id / 64.
const uint64_t *matrix_plugged(const struct matrix *matrix);

uint64_t matrix_needed_frames(const struct matrix *matrix);
// Waiting room before the link in bytes, 0 when the rate is unlimited.
uint32_t link_queue_bytes(const struct orrery_record *record);
uint32_t matrix_count(const struct matrix *matrix); // links that exist
const struct matrix_config *matrix_config(const struct matrix *matrix);
