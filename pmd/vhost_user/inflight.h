/* SPDX-License-Identifier: BSD-3-Clause */
// Memory in which a back end notes which buffers it holds, so that its successor can go on
// (INFLIGHT_SHMFD): a part for each ring of a device, one after the other. What stands in a part is
// the ring's affair; here is where it lies. Thread: any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of the part of a ring with `ring_size` descriptors.
size_t inflight_part_size(bool packed, uint16_t ring_size);
// A memfd of `size` zeros that can neither shrink nor grow; the caller closes it. -errno.
__attribute__((warn_unused_result)) int inflight_create(size_t size, int *ret_fd);
