/* SPDX-License-Identifier: BSD-3-Clause */
// Reading a regular file.
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_kind(const char *path, const struct stat *st, struct fault *fault)
{
	if (S_ISDIR(st->st_mode))
		return fault_set(
		        fault, -EISDIR, "", "%.200s: is a directory, expected a file", path);
	if (!S_ISREG(st->st_mode))
		return fault_set(fault, -EINVAL, "", "%.200s: is a %s, expected a regular file",
		        path,
		        S_ISFIFO(st->st_mode)   ? "pipe"
		        : S_ISSOCK(st->st_mode) ? "socket"
		                                : "device");
	if (st->st_size > TEXT_FILE_MAX)
		return fault_set(fault, -EFBIG, "", "%.200s: has %lld bytes, expected at most %u",
		        path, (long long)st->st_size, TEXT_FILE_MAX);
	return 0;
}

static int failed(const char *path, int err, struct fault *fault)
{
	return fault_set(fault, err, "", "%.200s: %s", path, strerror(-err));
}

static int read_fd(int fd, const char *path, char **ret_text, struct fault *fault)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;
	char *text;
	int err;

	if (fstat(fd, &st) != 0)
		return failed(path, -errno, fault);
	err = check_kind(path, &st, fault);
	if (err != 0)
		return err;
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		return failed(path, -ENOMEM, fault);
	while (n != 0 && len < (size_t)st.st_size) {
		n = read(fd, text + len, (size_t)st.st_size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			free(text);
			return failed(path, err, fault);
		}
		len += (size_t)n;
	}
	text[len] = '\0';
	if (strlen(text) != len) {
		err = fault_set(fault, -EINVAL, "",
		        "%.200s: offset %zu: a zero byte, expected text", path, strlen(text));
		free(text);
		return err;
	}
	*ret_text = text;
	return 0;
}

int text_file_read(const char *path, char **ret_text, struct fault *fault)
{
	// a pipe that nobody writes to must not hold us
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0) // a socket cannot be opened
		return errno == ENXIO
		               ? fault_set(fault, -EINVAL, "", "%.200s: is no regular file", path)
		               : failed(path, -errno, fault);
	err = read_fd(fd, path, ret_text, fault);
	close(fd);
	return err;
}
