/* SPDX-License-Identifier: BSD-3-Clause */
// Many network namespaces without names, held by their descriptors alone: standing for the
// namespaces of pods, which a runtime makes. One owner.
#pragma once

#include <signal.h>
#include <stddef.h>

#include "fault.h"

struct bench_spaces {
	int *fds; // [n]
	size_t n;
};

// Whether so many can be made and held: root, open files (the soft limit is raised), the kernel's
// limit. Returns 0, or -errno with a sentence that says what to change.
__attribute__((warn_unused_result)) int bench_spaces_check(size_t n, struct fault *fault);
// Makes `n`, fewer if `*stop` is set meanwhile. The caller's own namespace stays. Calls `progress`
// (NULL allowed) as it goes.
__attribute__((warn_unused_result)) int bench_spaces_init(struct bench_spaces *spaces, size_t n,
        const volatile sig_atomic_t *stop, void (*progress)(size_t done, size_t n, void *arg),
        void *arg, struct fault *fault);
// The kernel takes them down in its own time. NULL-safe for half-built objects.
void bench_spaces_fini(struct bench_spaces *spaces);
