/* SPDX-License-Identifier: BSD-3-Clause */
// Address space for tables that never move: reserved for their named maximum, memory only where
// written.
#pragma once

#include <stddef.h>
#include <sys/mman.h>

#define RESERVE_HUGE_BYTES (4u << 20)

// Zeroed table of `n` entries of `size` bytes, or NULL. Free with reserve_free and the same
// numbers.
static inline void *reserve_alloc(size_t n, size_t size)
{
	void *table = mmap(NULL, n * size, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (table == MAP_FAILED)
		return NULL;
	// what is walked link by link is better had in few large pages than in thousands of small
	// ones
	if (n * size >= RESERVE_HUGE_BYTES)
		(void)madvise(table, n * size, MADV_HUGEPAGE);
	return table;
}

static inline void reserve_free(void *table, size_t n, size_t size)
{
	if (table != NULL)
		munmap(table, n * size);
}
