/* SPDX-License-Identifier: BSD-3-Clause */
// The sizes are those of the protocol's QueueRegionSplit and QueueRegionPacked.
#include "inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPLIT_HEADER 16u
#define SPLIT_ENTRY 16u
#define PACKED_HEADER 32u
#define PACKED_ENTRY 32u
#define PART_ALIGN 64u

size_t inflight_part_size(bool packed, uint16_t ring_size)
{
	size_t size = packed ? PACKED_HEADER + (size_t)ring_size * PACKED_ENTRY
	                     : SPLIT_HEADER + (size_t)ring_size * SPLIT_ENTRY;

	return (size + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

int inflight_create(size_t size, int *ret_fd)
{
	int fd = memfd_create("orrery-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}
