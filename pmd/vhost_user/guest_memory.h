/* SPDX-License-Identifier: BSD-3-Clause */
// The memory that one guest shares with us, as the rings' worker sees it: the only place where
// addresses that a guest wrote become pointers.
//
// A table is immutable while a ring that uses it runs; the protocol side makes a new one, quiesces
// the port, swaps and frees (vhost-user: SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG). Where regions
// are mapped, and that a truncated file does not end the process, is mapping.h's.
//
// Thread: control builds; the owning worker reads.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define GUEST_REGIONS_MAX 32 // CONFIGURE_MEM_SLOTS; a SET_MEM_TABLE message holds 8

struct guest_region {
	uint64_t guest_addr; // first guest-physical address: what descriptors hold
	uint64_t size; // bytes, > 0; guest_addr + size and user_addr + size do not wrap
	uint8_t *host; // where it is mapped here
	uint64_t user_addr; // the front end's own address of it: what SET_VRING_ADDR holds
};

// Regions do not overlap, neither by guest address nor by user address; largest first.
struct guest_memory {
	uint32_t n_regions;
	struct guest_region regions[GUEST_REGIONS_MAX];
};

// The bytes at guest-physical `addr`. `*len` (> 0) is shortened to what the region holds from
// there: a buffer may go on in the next region. NULL: no region has the first byte.
static inline void *guest_memory_at(const struct guest_memory *memory, uint64_t addr, uint64_t *len)
{
	for (uint32_t i = 0; i < memory->n_regions; i++) {
		const struct guest_region *region = &memory->regions[i];
		uint64_t offset = addr - region->guest_addr; // wraps when below, then too large

		if (offset >= region->size)
			continue;
		if (*len > region->size - offset)
			*len = region->size - offset;
		return region->host + offset;
	}
	return NULL;
}

// `len` bytes (> 0) at the front end's `addr`, all in one region; NULL if they are not.
static inline void *guest_memory_at_user(
        const struct guest_memory *memory, uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < memory->n_regions; i++) {
		const struct guest_region *region = &memory->regions[i];
		uint64_t offset = addr - region->user_addr;

		if (offset < region->size && len <= region->size - offset)
			return region->host + offset;
	}
	return NULL;
}

// Adds a region, in its place by size. -EINVAL with a fault: empty, wrapping, overlapping, or one
// too many.
__attribute__((warn_unused_result)) int guest_memory_add(
        struct guest_memory *memory, const struct guest_region *region, struct fault *fault);
// Takes the region out and returns it by `ret_region`; it is known by all three numbers. -ENOENT.
__attribute__((warn_unused_result)) int guest_memory_del(struct guest_memory *memory,
        uint64_t guest_addr, uint64_t size, uint64_t user_addr, struct guest_region *ret_region);
