/* SPDX-License-Identifier: BSD-3-Clause */
// Building the table of a guest's memory: what may be in it.
#include "guest_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool wraps(uint64_t addr, uint64_t size)
{
	return addr + size < addr;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

int guest_memory_add(
        struct guest_memory *memory, const struct guest_region *region, struct fault *fault)
{
	uint32_t at;

	if (memory->n_regions == GUEST_REGIONS_MAX)
		return fault_set(
		        fault, -EINVAL, NULL, "more than %d memory regions", GUEST_REGIONS_MAX);
	if (region->size == 0)
		return fault_set(fault, -EINVAL, NULL, "an empty memory region");
	if (wraps(region->guest_addr, region->size) || wraps(region->user_addr, region->size))
		return fault_set(
		        fault, -EINVAL, NULL, "a memory region beyond the end of addresses");
	for (uint32_t i = 0; i < memory->n_regions; i++) {
		const struct guest_region *other = &memory->regions[i];

		if (overlap(region->guest_addr, region->size, other->guest_addr, other->size) ||
		        overlap(region->user_addr, region->size, other->user_addr, other->size))
			return fault_set(fault, -EINVAL, NULL, "memory regions that overlap");
	}
	for (at = memory->n_regions; at > 0 && memory->regions[at - 1].size < region->size; at--)
		memory->regions[at] = memory->regions[at - 1];
	memory->regions[at] = *region;
	memory->n_regions++;
	return 0;
}

int guest_memory_del(struct guest_memory *memory, uint64_t guest_addr, uint64_t size,
        uint64_t user_addr, struct guest_region *ret_region)
{
	for (uint32_t i = 0; i < memory->n_regions; i++) {
		const struct guest_region *region = &memory->regions[i];

		if (region->guest_addr != guest_addr || region->size != size ||
		        region->user_addr != user_addr)
			continue;
		*ret_region = *region;
		memory->n_regions--;
		memmove(&memory->regions[i], &memory->regions[i + 1],
		        (memory->n_regions - i) * sizeof(memory->regions[0]));
		return 0;
	}
	return -ENOENT;
}
