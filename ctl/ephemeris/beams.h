/* SPDX-License-Identifier: BSD-3-Clause */
// Shared capacity of satellites' ground beams while epochs are written: which ground links each
// satellite has, and so their rates. Goes through the changes of all tracks in order of time. Pure.
#pragma once

#include "track.h"

struct beams;

struct beams *beams_create(const struct constellation *con); // NULL: out of memory
void beams_destroy(struct beams *beams);
// The `n` changes of one time. `with`: the same and those of rates that follow, in order of their
// interfaces. 0 or -ENOMEM.
__attribute__((warn_unused_result)) int beams_follow(
        struct beams *beams, const struct change *changes, size_t n, struct changes *with);
// Of a link that leaves from `iface`, as of the last changes.
uint32_t beams_rate_kbps(const struct beams *beams, uint32_t iface);
