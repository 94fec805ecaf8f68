/* SPDX-License-Identifier: BSD-3-Clause */
// The three forms of a file of link changes.
#include "matrix_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "link_words.h"
#include "record.h"

#define WORDS_MAX 64 // on one line

// Cuts a line into words, up to a comment. Returns their number, or WORDS_MAX when there are too
// many.
static size_t split_words(char *line, char *words[WORDS_MAX + 1])
{
	size_t n = 0;
	char *rest = line;

	line[strcspn(line, "#")] = '\0';
	for (char *word; n < WORDS_MAX && (word = strtok_r(NULL, " \t\r", &rest)) != NULL;)
		words[n++] = word;
	words[n] = NULL;
	return n;
}

static enum cli_exit add_record(struct cli *cli, json_t *records, const struct invocation *in)
{
	const char *from = invocation_arg(in, 0), *to = invocation_arg(in, 1);
	json_t *record;

	if (strchr(from, '/') == NULL || (to != NULL && strchr(to, '/') == NULL))
		return cli_usage(cli, "expected NODE/INTERFACE, got '%s'",
		        strchr(from, '/') == NULL ? from : to);
	enum cli_exit code = link_words_params(cli, in, &record);

	if (code != CLI_OK)
		return code;
	bool both = json_object_del(record, "reverse") == 0;

	if (both && to == NULL) {
		json_decref(record);
		return cli_usage(cli, "both: expected the link's other end before it");
	}
	// one direction unplugged leaves nothing that could be called the other
	if (to != NULL && json_object_get(record, "to") == NULL)
		json_object_set_new(record, "to", json_string(to));
	json_object_set_new(record, "from", json_string(from));
	json_array_append(records, record);
	if (both) {
		json_t *other = json_copy(record);

		json_object_set_new(other, "from", json_string(to));
		if (!json_is_null(json_object_get(other, "to")))
			json_object_set_new(other, "to", json_string(from));
		json_array_append_new(records, other);
	}
	json_decref(record);
	return CLI_OK;
}

static enum cli_exit read_line(struct cli *cli, char *line, json_t *records)
{
	char *words[WORDS_MAX + 1];
	struct invocation in;
	size_t n_used, n = split_words(line, words);

	if (n == 0)
		return CLI_OK;
	if (n == WORDS_MAX)
		return cli_usage(cli, "more than %d words", WORDS_MAX - 1);
	enum cli_exit code = invocation_init(
	        &in, cli, command_find((const char *const[]){"link", "set"}, 2, &n_used), words);

	if (code == CLI_OK)
		code = add_record(cli, records, &in);
	invocation_fini(&in);
	return code;
}

static enum cli_exit read_lines(struct cli *cli, const char *path, char *text, json_t *records)
{
	enum cli_exit code = CLI_OK;
	char where[512], *line;

	for (int number = 1; code == CLI_OK && (line = strsep(&text, "\n")) != NULL; number++) {
		snprintf(where, sizeof(where), "%s:%d", path, number);
		cli->where = where;
		code = read_line(cli, line, records);
		cli->where = NULL;
	}
	return code == CLI_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit matrix_file_read(struct cli *cli, const char *path, json_t **ret_params)
{
	char *text;
	json_t *params = NULL;
	enum cli_exit code = input_read(cli, path, &text, NULL /* ret_len */);

	if (code != CLI_OK)
		return code;
	char first = text[strspn(text, " \t\r\n")];

	if (first == '[' || first == '{') {
		code = input_parse_json(cli, path, text, &params);
		if (code == CLI_OK && first == '[')
			params = json_pack("{s:o}", "records", params);
	} else {
		params = json_pack("{s:[]}", "records");
		code = read_lines(cli, path, text, json_object_get(params, "records"));
	}
	free(text);
	if (code != CLI_OK)
		json_decref(params);
	else
		*ret_params = params;
	return code;
}

static int write_memfd(const char *data, size_t len, int *ret_fd)
{
	int fd = memfd_create("orrery-records", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, data + done, len - done);

		if (n < 0) {
			int err = -errno;

			close(fd);
			return err;
		}
		done += (size_t)n;
	}
	// the switch reads what cannot change under it
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

enum cli_exit matrix_file_read_records(
        struct cli *cli, const char *path, json_t **ret_params, int *ret_fd)
{
	char *data;
	size_t len;
	enum cli_exit code = input_read(cli, path, &data, &len);

	if (code != CLI_OK)
		return code;
	if (len % ORRERY_RECORD_SIZE != 0) {
		free(data);
		return cli_failf(cli, "%s: has %zu bytes, expected a multiple of %d", path, len,
		        ORRERY_RECORD_SIZE);
	}
	int err = write_memfd(data, len, ret_fd);

	free(data);
	if (err != 0)
		return cli_failf(cli, "memory for %zu records: %s", len / ORRERY_RECORD_SIZE,
		        strerror(-err));
	*ret_params =
	        json_pack("{s:b, s:I}", "fd", 1, "count", (json_int_t)(len / ORRERY_RECORD_SIZE));
	return CLI_OK;
}
