/* SPDX-License-Identifier: BSD-3-Clause */
// The memory file: a memfd that cannot change its size any more.
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "units.h"

#define HUGEPAGE_BYTES (2ul << 20)

static int seal_and_map(struct memory *memory, struct fault *fault)
{
	if (ftruncate(memory->fd, (off_t)memory->size) != 0)
		return fault_set(fault, -errno, "", "cannot size the memory file");
	if (fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
		return fault_set(fault, -errno, "", "cannot seal the memory file");
	memory->base = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->base == MAP_FAILED) {
		char text[UNITS_TEXT_SIZE];
		int err = -errno;

		memory->base = NULL;
		return fault_set(fault, err, "", "cannot map %s of memory",
		        units_format_size(text, memory->size));
	}
	return 0;
}

int memory_create(struct memory *memory, size_t size, bool hugepages, struct fault *fault)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (hugepages ? MFD_HUGETLB : 0);
	int err;

	*memory = (struct memory){
	        .fd = memfd_create("orrery-podsim", flags),
	        .size = (size + HUGEPAGE_BYTES - 1) / HUGEPAGE_BYTES * HUGEPAGE_BYTES,
	};
	if (memory->fd < 0)
		return fault_set(fault, -errno, "", "cannot make a memory file");
	err = seal_and_map(memory, fault);
	if (err < 0)
		memory_destroy(memory);
	return err;
}

void memory_destroy(struct memory *memory)
{
	if (memory->base != NULL)
		munmap(memory->base, memory->size);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct memory){.fd = -1};
}

void *memory_take(struct memory *memory, size_t size, size_t align)
{
	size_t at = (memory->used + align - 1) & ~(align - 1);

	assert(at + size <= memory->size);
	memory->used = at + size;
	return memory->base + at;
}
