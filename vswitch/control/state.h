/* SPDX-License-Identifier: BSD-3-Clause */
// What survives the process: nodes, interfaces, ports' settings and static routes as JSON, the
// links as a file of records, both in the state directory. Written a moment after a change and
// replaced atomically, so that a switch killed at any time finds one whole picture. The directory
// is meant to lie in /run: it need not survive the machine, whose interfaces do not either. Thread:
// control.
#pragma once

#include "fault.h"

struct control;
struct state;

#define STATE_DELAY_MS 50 // from a change to its being saved
#define STATE_COST_FACTOR 20 // and at least so many times as long as saving took the last time
#define STATE_RETRY_MS 1000 // after a save that failed

// Borrows `control`. Makes `dir` if it is not there.
__attribute__((warn_unused_result)) int state_create(
        struct control *control, const char *dir, struct state **ret_state, struct fault *fault);
void state_destroy(struct state *state);

// `state` may be NULL in all of these: then nothing is saved.
void state_topology_changed(struct state *state); // nodes, interfaces, ports, routes
void state_links_changed(struct state *state);
// What has changed. What cannot be saved is tried again a while later.
void state_save_now(struct state *state);
void state_forget(struct state *state); // removes the files: the switch leaves nothing

// At start, drivers open, tables empty: nodes as saved, the ports that the drivers still find,
// routes, links. What is gone is left out with a line in the log; only a broken directory is an
// error.
__attribute__((warn_unused_result)) int state_restore(struct control *control, struct fault *fault);
// Their names, for state_restore. Borrowed; NULL state: NULL.
const char *state_json_path(const struct state *state);
const char *state_links_path(const struct state *state);
