/* SPDX-License-Identifier: BSD-3-Clause */
// What survives the process: nodes, interfaces, ports' settings and static routes as JSON, the
// links as a file of records, both in the state directory. Written a moment after a change and
// replaced atomically, so that a switch killed at any time finds one whole picture. What a request
// changed in the topology meanwhile is in a journal (journal.h) before it is answered, and behind
// the other records if it was a link. Links name interfaces by id; a mark with the serial of the
// next interface goes with them, so that links older than an interface are not taken for those of
// the one that had its id. The directory is meant to lie in /run: it need not survive the machine,
// whose interfaces do not either. Thread: control.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct control;
struct iface;
struct node;
struct route;
struct state;
struct switch_port;

#define STATE_DELAY_MS 50 // from a change to its being saved
#define STATE_COST_FACTOR 20 // and at least so many times as long as saving took the last time
#define STATE_RETRY_MS 1000 // after a save that failed

// Borrows `control`. Makes `dir` if it is not there.
__attribute__((warn_unused_result)) int state_create(
        struct control *control, const char *dir, struct state **ret_state, struct fault *fault);
void state_destroy(struct state *state);

// `state` may be NULL in all of these: then nothing is saved.
// One object is new or another, or goes.
void state_node_changed(struct state *state, const struct node *node);
void state_node_gone(struct state *state, const struct node *node); // with all that is its
void state_iface_changed(struct state *state, const struct iface *iface);
void state_iface_gone(struct state *state, const struct iface *iface);
void state_port_changed(struct state *state, const struct switch_port *port);
void state_port_gone(struct state *state, const struct switch_port *port);
void state_route_changed(struct state *state, const struct route *route);
void state_route_gone(struct state *state, const char *prefix);
// The link from that interface, for a request: what the player does is saved now and then.
void state_link_changed(struct state *state, uint32_t link_id);
// Many did.
void state_topology_changed(struct state *state);
// Before an answer goes out: what was changed so far outlives the process.
void state_flush(struct state *state);
void state_links_changed(struct state *state);
// What has changed. What cannot be saved is tried again a while later.
void state_save_now(struct state *state);
void state_forget(struct state *state); // removes the files: the switch leaves nothing

// At start, drivers open, tables empty: nodes as saved, the ports that the drivers still find,
// routes, links. What is gone is left out with a line in the log; only a broken directory is an
// error.
__attribute__((warn_unused_result)) int state_restore(struct control *control, struct fault *fault);
// For state_restore: what was saved, with what the journal adds to it; new reference, NULL:
// nothing.
json_t *state_load(struct state *state);
// Applies the journal's entries to the saved state.
void state_replay(json_t *root, const json_t *entries);
// It is restored: from now on changes are noted, and saved.
void state_begin(struct state *state);
// Whether an earlier switch left a state.
bool state_was_found(const struct state *state);
// A record of links.records that is none: those behind it were written when `*ret_serial` was the
// serial of the next interface.
struct orrery_record;
bool state_is_mark(const struct orrery_record *record, uint64_t *ret_serial);
// The files' names. Borrowed; NULL state: NULL.
const char *state_json_path(const struct state *state);
const char *state_links_path(const struct state *state);
