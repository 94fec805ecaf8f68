/* SPDX-License-Identifier: BSD-3-Clause */
// The one memory file of all ports: rings and buffers lie in it, and each port announces all of it
// as its only region, so a switch can map it once. Thread: main, before the others start.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

// Addresses in descriptors are offset + this, unlike the addresses of any process: a switch that
// takes one for the other finds out at once.
#define MEMORY_GUEST_BASE 0x100000000ull

struct memory {
	int fd;
	char *base;
	size_t size;
	size_t used; // what memory_take gave away
};

// A sealed memfd of `size` bytes, with hugepages when asked; what nobody touches takes no memory,
// unless they are hugepages. Returns 0, or -errno.
__attribute__((warn_unused_result)) int memory_create(
        struct memory *memory, size_t size, bool hugepages, struct fault *fault);
void memory_destroy(struct memory *memory);

// `align` is a power of two. Returns zeroed memory; asserts that it fits.
void *memory_take(struct memory *memory, size_t size, size_t align);

static inline uint64_t memory_guest(const struct memory *memory, const void *p)
{
	return MEMORY_GUEST_BASE + (uint64_t)((const char *)p - memory->base);
}

static inline char *memory_host(const struct memory *memory, uint64_t guest)
{
	return memory->base + (guest - MEMORY_GUEST_BASE);
}
