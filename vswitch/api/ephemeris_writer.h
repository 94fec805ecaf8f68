/* SPDX-License-Identifier: BSD-3-Clause */
// Writes an ephemeris file (ephemeris.h): nodes, interfaces and routes at any time, epochs in order
// of time. Memory grows with the number of interfaces and epochs, not of records. Key epochs are
// the writer's business. The same calls give the same bytes.
//
// Every call checks what it is given, and the file is read back and checked whole before it takes
// its name: what a writer finished, a reader opens. After a failure only destroy is left to call.
// Thread: one at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ephemeris.h"
#include "fault.h"
#include "record.h"

// A key is written when this many times its records came since the one before: keys are at most a
// third of the file, and to seek reads at most three times what is plugged, and one epoch.
#define EPHEMERIS_KEY_DISTANCE 2

struct ephemeris_info {
	const char *name; // of the scenario: as a node's
	const char *producer; // "orrery 0.1.0"
	int64_t epoch_ns; // UTC of time 0, since 1970
	uint64_t duration_ns;
	uint64_t step_ns; // 0: no regular steps
	uint64_t tolerance_ns; // 0: not stated
	uint64_t seed; // 0: whatever the switch has
};

struct ephemeris_writer;

// Writes beside `path` until ephemeris_writer_finish. 0 or a negative errno.
__attribute__((warn_unused_result)) int ephemeris_writer_create(const char *path,
        const struct ephemeris_info *info, struct ephemeris_writer **ret, struct fault *fault);
// NULL allowed. What was not finished leaves no file.
void ephemeris_writer_destroy(struct ephemeris_writer *writer);

// `address` of 16 bytes; NULL: none. The number is that of the row: 0, 1, 2, ...
__attribute__((warn_unused_result)) int ephemeris_writer_node(struct ephemeris_writer *writer,
        const char *name, enum ephemeris_kind kind, const uint8_t *address, uint32_t *ret_node,
        struct fault *fault);
__attribute__((warn_unused_result)) int ephemeris_writer_iface(struct ephemeris_writer *writer,
        uint32_t node, const char *name, uint32_t *ret_iface, struct fault *fault);
__attribute__((warn_unused_result)) int ephemeris_writer_route(struct ephemeris_writer *writer,
        const uint8_t prefix[16], unsigned prefix_len, uint32_t node, struct fault *fault);
// What changes at `t_ns`, later than the epoch before. `records` (sorted in place) name each
// interface once; one that plugs a link or moves its far end sets everything (ORRERY_SET_ALL), one
// that unplugs sets ORRERY_SET_TO alone; of an unplugged link nothing else can be said. Links that
// are not named before the end of time 0 start unplugged. n_records may be 0: nothing is written.
__attribute__((warn_unused_result)) int ephemeris_writer_epoch(struct ephemeris_writer *writer,
        uint64_t t_ns, struct orrery_record *records, uint32_t n_records, struct fault *fault);
// Completes the file and renames it to its path.
__attribute__((warn_unused_result)) int ephemeris_writer_finish(
        struct ephemeris_writer *writer, struct fault *fault);
