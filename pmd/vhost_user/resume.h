/* SPDX-License-Identifier: BSD-3-Clause */
// Going on where an earlier back end was killed (vhost-user specification, "Inflight I/O
// tracking"): the shared region outlives it, and says which buffers it had taken and not given
// back.
//
// Our rings give buffers back in order, before a call returns. So what was taken is known from the
// ring itself, but for a packed ring in the middle of publishing: its descriptors are overwritten
// one by one. That moment alone is kept in a journal, in the region's own format; other back ends
// can read it. From their regions we put what they had in flight, in its order, back into the ring
// behind the used index, where it belonged: then there is nothing special about it.
//
// The region is as hostile as the ring. Thread: resume_*: control; journal_*: the ring's
// worker.
#pragma once

#include <stdint.h>

struct vring;

// Brings region and ring to a consistent state. The ring's parts are mapped and its place is the
// one it has without a region; a packed ring gets the region's if it was not stopped in order.
// -ENOMEM.
int resume_split(struct vring *vring, uint8_t *avail_entries);
int resume_packed(struct vring *vring);
// The ring is stopped in order: its place is told, the region's does not count.
void resume_forget(struct vring *vring);

// Packed: notes the chain of `n` descriptors `offset` behind the ring's place, which are about to
// be overwritten.
void journal_add(struct vring *vring, uint16_t offset, uint16_t n);
// All are noted and all but the first overwritten: from here on the first one's flags decide.
void journal_commit(struct vring *vring);
// It is overwritten too.
void journal_end(struct vring *vring);
