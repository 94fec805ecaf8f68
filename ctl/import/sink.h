/* SPDX-License-Identifier: BSD-3-Clause */
// What importers fill: nodes, interfaces, and the state of links epoch after epoch. It finds out
// what changed and writes that to the ephemeris, one epoch behind where delays shall move in
// straight lines from one to the next. Thread: one at a time.
//
// Names of a source become names of ours: every character but letters, digits, '_', '.' and '-'
// turns into '-', a name that starts otherwise than with a letter or digit gets an 'n' in front,
// longer ones are cut, and a name that is taken gets "-2", "-3", ... behind it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ephemeris_writer.h"
#include "fault.h"
#include "record.h"
#include "scan.h"

#define SINK_NODES_MAX (1u << 18)
#define SINK_IFACES_MAX (1u << 21)
#define SINK_NONE UINT32_MAX

struct sink_options {
	const char *output;
	bool interpolate;
	int (*go_on)(void *arg); // NULL: nobody asks; called at each epoch, not 0 ends the work
	void *arg;
};

struct sink_counts {
	uint32_t n_renamed; // names of nodes and interfaces
	char renamed[128]; // the first of them, with what it became
};

struct sink;

// NULL: out of memory.
struct sink *sink_create(const struct sink_options *options, struct fault *fault);
// NULL allowed. What was not finished leaves no file.
void sink_destroy(struct sink *sink);
// Once, before everything else. `info` with name NULL: from the sink's output.
__attribute__((warn_unused_result)) int sink_begin(
        struct sink *sink, const struct ephemeris_info *info);
// All was said: writes the file. Nothing if it was not begun.
__attribute__((warn_unused_result)) int sink_finish(struct sink *sink);
void sink_counts(const struct sink *sink, struct sink_counts *ret_counts);

// A new node, a pod, whatever nodes there are.
__attribute__((warn_unused_result)) int sink_add_node(
        struct sink *sink, struct span name, uint32_t *ret_node);
// The node that was added first with that name; SINK_NONE: none was.
uint32_t sink_find_node(const struct sink *sink, struct span name);
// Both in one.
__attribute__((warn_unused_result)) int sink_get_node(
        struct sink *sink, struct span name, uint32_t *ret_node);
const char *sink_node_name(const struct sink *sink, uint32_t node);

// The interface of that name, added if it is new.
__attribute__((warn_unused_result)) int sink_get_iface(
        struct sink *sink, uint32_t node, struct span name, uint32_t *ret_iface);
// The interface of `node` for its link to `far`, added if it is new: it is called as the far node
// if that is short enough and free, else link0, link1, ... `tag` tells parallel links apart.
__attribute__((warn_unused_result)) int sink_get_iface_to(
        struct sink *sink, uint32_t node, uint32_t far, uint32_t tag, uint32_t *ret_iface);

// What follows happens at `t_ns`, not before the epoch that is being filled. What is at the
// duration or later, other than at time 0, is left out.
__attribute__((warn_unused_result)) int sink_epoch(struct sink *sink, uint64_t t_ns);
// Whether `t_ns` is behind the end: nothing of then is used.
bool sink_is_over(const struct sink *sink, uint64_t t_ns);
// The link from one interface to another in this epoch, plugged if it is not: up, no delay,
// nothing limited. The caller changes the record's parameters (not from, to, set) before the next
// call. The link it is plugged into is another's business.
__attribute__((warn_unused_result)) int sink_link(
        struct sink *sink, uint32_t from, uint32_t to, struct orrery_record **ret_record);
__attribute__((warn_unused_result)) int sink_unplug(struct sink *sink, uint32_t from);
// Where the link leads in this epoch; SINK_NONE: it is unplugged.
uint32_t sink_link_to(const struct sink *sink, uint32_t from);
