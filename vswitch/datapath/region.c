/* SPDX-License-Identifier: BSD-3-Clause */
// Memory that is reserved whole and populated on touch.
#include "region.h"

#include <sys/mman.h>

void *region_map(size_t size)
{
	void *region = mmap(NULL, size, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return region == MAP_FAILED ? NULL : region;
}

void region_unmap(void *region, size_t size)
{
	if (region != NULL)
		munmap(region, size);
}
