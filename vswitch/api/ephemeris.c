/* SPDX-License-Identifier: BSD-3-Clause */
// Opens ephemeris files and finds epochs in them.
#include "ephemeris.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ephemeris_check.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are mapped as they lie");

static int check_new(
        struct ephemeris *e, const char *name, struct ephemeris **ret, struct fault *fault)
{
	int err = ephemeris_check(e, name, fault);

	if (err != 0) {
		ephemeris_close(e);
		return err;
	}
	*ret = e;
	return 0;
}

int ephemeris_open_memory(const void *data, size_t size, const char *name, struct ephemeris **ret,
        struct fault *fault)
{
	struct ephemeris *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return fault_set(fault, -ENOMEM, "", "%s: out of memory", name);
	e->map = data;
	e->map_size = size;
	return check_new(e, name, ret, fault);
}

static int read_all(int fd, char *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; // shorter than it was
		done += (size_t)n;
	}
	return 0;
}

// 0 or -errno; the memory is `e`'s.
static int take_contents(struct ephemeris *e, int fd, unsigned flags)
{
	bool copy = (flags & EPHEMERIS_COPY) != 0;
	void *map = mmap(NULL, e->map_size, copy ? PROT_READ | PROT_WRITE : PROT_READ,
	        copy ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, copy ? -1 : fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	e->map = map;
	e->mapped = true;
	return copy ? read_all(fd, map, e->map_size) : 0;
}

int ephemeris_open_fd(
        int fd, const char *name, unsigned flags, struct ephemeris **ret, struct fault *fault)
{
	struct ephemeris *e;
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0) {
		err = -errno;
		return fault_set(fault, err, "", "%s: %s", name, strerror(-err));
	}
	if (!S_ISREG(st.st_mode))
		return fault_set(fault, -EINVAL, "", "%s: expected a regular file", name);
	if (st.st_size == 0)
		return fault_set(fault, -EBADMSG, "header",
		        "%s: offset 0: header: the file is empty, expected at least %d bytes", name,
		        EPHEMERIS_HEADER_SIZE);
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return fault_set(fault, -ENOMEM, "", "%s: out of memory", name);
	e->map_size = (size_t)st.st_size;
	err = take_contents(e, fd, flags);
	if (err != 0) {
		ephemeris_close(e);
		return fault_set(fault, err, "", "%s: %s", name, strerror(-err));
	}
	return check_new(e, name, ret, fault);
}

int ephemeris_open(const char *path, unsigned flags, struct ephemeris **ret, struct fault *fault)
{
	// not to wait for the other end of a FIFO
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0) {
		err = -errno;
		return fault_set(fault, err, "", "%s: %s", path, strerror(-err));
	}
	err = ephemeris_open_fd(fd, path, flags, ret, fault);
	close(fd);
	return err;
}

void ephemeris_close(struct ephemeris *e)
{
	if (e == NULL)
		return;
	if (e->mapped)
		munmap((void *)(uintptr_t)e->map, e->map_size);
	free(e);
}

uint32_t ephemeris_epoch_after(const struct ephemeris *e, uint64_t t_ns)
{
	uint32_t low = 0, high = e->n_epochs;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (e->epochs[middle].t_ns > t_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t ephemeris_key_at(const struct ephemeris *e, uint64_t t_ns)
{
	uint32_t at = ephemeris_epoch_after(e, t_ns) - 1; // the first is at 0

	while ((e->epochs[at].flags & EPHEMERIS_KEY) == 0)
		at--;
	return at;
}
