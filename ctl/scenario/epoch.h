/* SPDX-License-Identifier: BSD-3-Clause */
// From link matrices to the records of epochs: what must be said so that the switch has the links
// of the step, given what it was told before. Keeps what was sent; a link whose line still fits is
// left alone. Pure: no socket, no clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "matrix.h"
#include "record.h"

// A slope of the switch acts for 10 s (DP_SLOPE_MAX_S); records are said again well before.
#define EPOCH_SLOPE_REFRESH_S 8.0
// A line that misses the delay by less than this at the step's end is left alone.
#define EPOCH_SLACK_NS 200.0

struct epoch_handover {
	uint32_t station;
	uint32_t number; // of its antenna
	uint32_t from; // satellite, CON_NONE: there was none
	uint32_t to; // satellite, CON_NONE: none is in sight
};

struct epoch {
	uint32_t n_records;
	struct orrery_record *records;
	uint32_t n_handovers;
	struct epoch_handover *handovers;
	uint32_t n_links_up; // of all links, not only the records
};

// Everything of a link but its ends, its state and its delay; sets all bits of `set`.
void epoch_set_parameters(struct orrery_record *record, const struct scenario_link *link);

// As records have it.
uint32_t epoch_rate_kbps(uint64_t rate_bps);

struct epoch_writer;

// `ids`: the switch's id of each interface, [n_ifaces]; borrowed. `speed`: simulated seconds a
// second. NULL: out of memory.
struct epoch_writer *epoch_writer_create(
        const struct constellation *con, const uint32_t *ids, double speed);
void epoch_writer_destroy(struct epoch_writer *writer);
// The epoch that brings the switch to `matrix` for a step of `step_s` simulated seconds. The first
// one says everything, of every interface. The result is the writer's, valid until the next call.
const struct epoch *epoch_write(
        struct epoch_writer *writer, const struct matrix *matrix, double step_s);
// The switch may not have what was said: the next epoch says everything again.
void epoch_writer_reset(struct epoch_writer *writer);
// Moves records to a moment `late_s` of wall time after (before: negative) the matrix': each delay
// goes along its slope. For an epoch that takes effect beside its time.
void epoch_shift(struct orrery_record *records, uint32_t n_records, double late_s);
