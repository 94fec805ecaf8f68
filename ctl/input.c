/* SPDX-License-Identifier: BSD-3-Clause */
// Reading files and standard input.
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (256u << 20) // bytes

static int read_all(int fd, char **ret_data, size_t *ret_len)
{
	size_t len = 0, size = 64u << 10;
	char *data = malloc(size);
	ssize_t n = 0;

	while (data != NULL) {
		n = read(fd, data + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len + 1 < size)
			continue;
		char *larger = size < INPUT_MAX ? realloc(data, size * 2) : NULL;

		if (larger == NULL) {
			free(data);
			return size < INPUT_MAX ? -ENOMEM : -EFBIG;
		}
		data = larger;
		size *= 2;
	}
	if (data == NULL)
		return -ENOMEM;
	if (n < 0) {
		int err = -errno;

		free(data);
		return err;
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_len = len;
	return 0;
}

enum cli_exit input_read(struct cli *cli, const char *path, char **ret_data, size_t *ret_len)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	size_t len = 0;

	if (fd < 0)
		return cli_failf(cli, "%s: %s", path, strerror(errno));
	int err = read_all(fd, &data, &len);

	if (!is_stdin)
		close(fd);
	if (err != 0 || data == NULL)
		return cli_failf(cli, "%s: %s", path, strerror(-err));
	if (ret_len == NULL && memchr(data, 0, len) != NULL) {
		free(data);
		return cli_failf(cli,
		        "%s: is not text, it has a zero byte; binary records need --records", path);
	}
	*ret_data = data;
	if (ret_len != NULL)
		*ret_len = len;
	return CLI_OK;
}

enum cli_exit input_parse_json(
        struct cli *cli, const char *path, const char *text, json_t **ret_value)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (value == NULL)
		return cli_failf(cli, "%s:%d:%d: %s", path, error.line, error.column, error.text);
	*ret_value = value;
	return CLI_OK;
}
