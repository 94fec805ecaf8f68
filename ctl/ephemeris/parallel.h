/* SPDX-License-Identifier: BSD-3-Clause */
// Work on many like items by some threads, the caller being one of them. Which thread takes which
// item is chance: results must depend on the item alone.
#pragma once

#include <stddef.h>

struct parallel {
	size_t n_items;
	unsigned n_threads; // at least 1
	// One item; `thread` is below n_threads, for memory that a thread has for itself. 0 or
	// -errno: the first that fails ends the work.
	int (*work)(void *arg, size_t item, unsigned thread);
	// May be NULL. Called now and then by the caller's thread with the items taken so far; not
	// 0 ends the work.
	int (*watch)(void *arg, size_t n_taken);
	void *arg;
};

// 0, or what `work` or `watch` returned.
__attribute__((warn_unused_result)) int parallel_run(const struct parallel *parallel);
// Processors that this process may use.
unsigned parallel_cpus(void);
