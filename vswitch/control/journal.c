/* SPDX-License-Identifier: BSD-3-Clause */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PENDING_MIN 4096

void journal_init(struct journal *j, const char *dir)
{
	*j = (struct journal){.fd = -1};
	snprintf(j->path, sizeof(j->path), "%s/state.journal", dir);
}

void journal_fini(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	free(j->pending);
	j->pending = NULL;
	j->n_pending = j->max_pending = 0;
}

static int append(const char *bytes, size_t n, void *arg)
{
	struct journal *j = arg;

	if (j->n_pending + n > j->max_pending) {
		size_t max = 2 * (j->n_pending + n) + PENDING_MIN;
		char *more = realloc(j->pending, max);

		if (more == NULL)
			return -1;
		j->pending = more;
		j->max_pending = max;
	}
	memcpy(j->pending + j->n_pending, bytes, n);
	j->n_pending += n;
	return 0;
}

int journal_put(struct journal *j, json_t *entry)
{
	size_t before = j->n_pending;
	bool fits = j->n_good + before < JOURNAL_MAX;
	bool good = fits && entry != NULL &&
	            json_dump_callback(entry, append, j, JSON_COMPACT) == 0 &&
	            append("\n", 1, j) == 0;

	json_decref(entry);
	if (!good)
		j->n_pending = before;
	return good ? 0 : fits ? -ENOMEM : -ENOSPC;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t n_done = write(fd, bytes, n);

		if (n_done < 0 && errno == EINTR)
			continue;
		if (n_done < 0)
			return -errno;
		bytes += n_done;
		n -= (size_t)n_done;
	}
	return 0;
}

static int begin(struct journal *j)
{
	char line[64];
	int n = snprintf(
	        line, sizeof(line), "{\"generation\":%llu}\n", (unsigned long long)j->generation);
	int ret = ftruncate(j->fd, 0) < 0 ? -errno : write_all(j->fd, line, (size_t)n);

	if (ret == 0)
		j->n_good = (size_t)n;
	return ret;
}

// What stands there of another generation, or of a line that was cut off, goes.
static int open_file(struct journal *j)
{
	if (j->fd < 0) {
		j->fd = open(j->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd < 0)
			return -errno;
		if (j->n_good > 0 && ftruncate(j->fd, (off_t)j->n_good) < 0)
			return -errno;
	}
	return j->n_good == 0 ? begin(j) : 0;
}

int journal_flush(struct journal *j)
{
	int ret;

	if (j->n_pending == 0)
		return 0;
	ret = open_file(j);
	if (ret == 0)
		ret = write_all(j->fd, j->pending, j->n_pending);
	if (ret == 0)
		j->n_good += j->n_pending;
	else if (j->fd >= 0 && ftruncate(j->fd, (off_t)j->n_good) < 0)
		j->n_good = 0; // half a line: only a new begin helps
	j->n_pending = 0;
	return ret;
}

void journal_restart(struct journal *j, uint64_t generation)
{
	j->generation = generation;
	j->n_good = j->n_pending = 0;
	// only to give the space back: the next entry comes after a begin anyway
	if (j->fd >= 0 && ftruncate(j->fd, 0) < 0)
		return;
}

json_t *journal_read(struct journal *j, uint64_t generation)
{
	json_t *entries = json_array();
	FILE *file = fopen(j->path, "re");
	char *line = NULL;
	size_t max = 0;
	ssize_t n;

	j->generation = generation;
	j->n_good = 0;
	while (file != NULL && (n = getline(&line, &max, file)) > 0 && line[n - 1] == '\n') {
		json_t *entry = json_loadb(line, (size_t)n, 0, NULL);
		json_t *of = json_object_get(entry, "generation");

		// the first line says whose the others are
		if (entry == NULL ||
		        (j->n_good == 0) !=
		                (of != NULL && (uint64_t)json_integer_value(of) == generation)) {
			json_decref(entry);
			break;
		}
		if (j->n_good == 0)
			json_decref(entry);
		else
			json_array_append_new(entries, entry);
		j->n_good += (size_t)n;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return entries;
}

void journal_remove(struct journal *j)
{
	unlink(j->path);
	journal_restart(j, j->generation);
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}
