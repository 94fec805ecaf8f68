/* SPDX-License-Identifier: BSD-3-Clause */
// Nodes, interfaces and routes that an ephemeris names, in the switch: made, found, taken out
// again. Thread: control.
#pragma once

#include "ephemeris.h"
#include "fault.h"
#include "player.h"

struct control;

// What loading made, to be undone.
struct player_objects {
	struct player_made made;
	uint32_t *nodes; // [made.nodes] numbers of the file
	uint32_t *ifaces; // [made.ifaces] numbers of the file, at nodes that were there
	uint32_t *routes; // [made.routes] numbers of the file
	uint32_t n_ifaces;
};

// `ids` [n_ifaces] becomes the switch's interface of each of the file's. After an error nothing
// that was made is left.
__attribute__((warn_unused_result)) int player_objects_make(struct control *control,
        const struct ephemeris *file, uint32_t *ids, struct player_objects *ret_objects,
        struct fault *fault);
// Deletes the nodes that were made and are still there, with their ports and links. Returns how
// many.
uint32_t player_objects_delete(struct control *control, const struct ephemeris *file,
        const struct player_objects *objects);
void player_objects_fini(struct player_objects *objects);
