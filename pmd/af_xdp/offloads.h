/* SPDX-License-Identifier: BSD-3-Clause */
// Offloads that a pod's end must not have: nobody behind it would finish what they leave undone
// (half a checksum, a tag beside the frame, a segment larger than the MTU). Thread: control.
#pragma once

#include <stdint.h>

#define OFFLOADS_WORDS 4 // of 32 features; the kernel has fewer than 128

// The kernel's numbers of those features, looked up once.
struct offloads {
	uint32_t mask[OFFLOADS_WORDS];
	uint32_t n_words;
};

// `fd`: a socket in the namespace of `ifname`, any interface. Returns 0 or -errno.
__attribute__((warn_unused_result)) int offloads_init(
        struct offloads *offloads, int fd, const char *ifname);
// Switches them off. Returns 0 or -errno.
__attribute__((warn_unused_result)) int offloads_disable(
        const struct offloads *offloads, int fd, const char *ifname);
