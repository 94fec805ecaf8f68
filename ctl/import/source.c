/* SPDX-License-Identifier: BSD-3-Clause */
// Files of an importer's source.
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_of(const struct source *source, const char *name, char path[SOURCE_NAME_SIZE],
        struct fault *fault)
{
	int len;

	if (name[0] == '/')
		len = snprintf(path, SOURCE_NAME_SIZE, "%s", name);
	else
		len = snprintf(path, SOURCE_NAME_SIZE, "%s%s%s", source->path,
		        name[0] != '\0' ? "/" : "", name);
	if (len >= 0 && len < SOURCE_NAME_SIZE)
		return 0;
	return fault_set(fault, -ENAMETOOLONG, "", "%.80s: the path is longer than %d", name,
	        SOURCE_NAME_SIZE - 1);
}

static const struct source_file *find(const struct source *source, const char *name)
{
	for (size_t i = 0; i < source->n_files; i++) {
		if (strcmp(source->files[i].name, name) == 0)
			return &source->files[i];
	}
	return NULL;
}

static int failed(const struct text *text, int err, struct fault *fault)
{
	return fault_set(fault, err, "", "%.200s: %s", text->name, strerror(-err));
}

static int read_memory(
        const struct source *source, const char *name, struct text *text, struct fault *fault)
{
	const struct source_file *file = find(source, name);

	if (file == NULL)
		return failed(text, -ENOENT, fault);
	text->data = malloc(file->size + 1);
	if (text->data == NULL)
		return failed(text, -ENOMEM, fault);
	if (file->size > 0)
		memcpy(text->data, file->data, file->size);
	text->size = file->size;
	return 0;
}

static int read_fd(int fd, struct text *text, struct fault *fault)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) != 0)
		return failed(text, -errno, fault);
	if (!S_ISREG(st.st_mode))
		return failed(text, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, fault);
	if (st.st_size > SOURCE_FILE_MAX)
		return fault_set(fault, -EFBIG, "", "%.200s: has %lld bytes, expected at most %u",
		        text->name, (long long)st.st_size, SOURCE_FILE_MAX);
	text->data = malloc((size_t)st.st_size + 1);
	if (text->data == NULL)
		return failed(text, -ENOMEM, fault);
	while (n > 0 && text->size < (size_t)st.st_size) {
		n = read(fd, text->data + text->size, (size_t)st.st_size - text->size);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			text->size += (size_t)n;
	}
	return n < 0 ? failed(text, -errno, fault) : 0;
}

int source_read(
        const struct source *source, const char *name, struct text *ret_text, struct fault *fault)
{
	struct text text = {.data = NULL};
	const char *zero;
	int err = path_of(source, name, text.name, fault);

	if (err != 0)
		return err;
	if (source->files != NULL) {
		err = read_memory(source, name, &text, fault);
	} else {
		// a pipe nobody writes to must not hold us
		int fd = open(text.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		err = fd < 0 ? failed(&text, -errno, fault) : read_fd(fd, &text, fault);
		if (fd >= 0)
			close(fd);
	}
	if (err == 0) {
		text.data[text.size] = '\0';
		zero = memchr(text.data, '\0', text.size);
		if (zero != NULL)
			err = fault_set(fault, -EINVAL, "",
			        "%.200s: offset %zu: a zero byte; expected text", text.name,
			        (size_t)(zero - text.data));
	}
	if (err != 0) {
		free(text.data);
		return err;
	}
	*ret_text = text;
	return 0;
}

void text_fini(struct text *text)
{
	free(text->data);
	text->data = NULL;
}

bool source_has(const struct source *source, const char *name)
{
	char path[SOURCE_NAME_SIZE];

	if (source->files != NULL)
		return find(source, name) != NULL;
	return path_of(source, name, path, NULL) == 0 && access(path, R_OK) == 0;
}

// Entries of a folder in memory: the first part of each name behind it, each once if the files of
// one folder stand together.
static int list_memory(const struct source *source, const char *folder,
        int (*visit)(void *arg, const char *name), void *arg)
{
	size_t len = strlen(folder);
	char last[SOURCE_NAME_SIZE] = "", name[SOURCE_NAME_SIZE];
	int result = 0;

	for (size_t i = 0; i < source->n_files && result == 0; i++) {
		const char *at = source->files[i].name;

		if (strncmp(at, folder, len) != 0 || (len > 0 && at[len] != '/'))
			continue;
		at += len + (len > 0);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "/"), at);
		if (strcmp(name, last) == 0 || name[0] == '\0')
			continue;
		strcpy(last, name);
		result = visit(arg, name);
	}
	return result;
}

int source_list(const struct source *source, const char *folder,
        int (*visit)(void *arg, const char *name), void *arg, struct fault *fault)
{
	struct text at = {.data = NULL};
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;
	int result = path_of(source, folder, at.name, fault);

	if (result != 0)
		return result;
	if (source->files != NULL)
		return list_memory(source, folder, visit, arg);
	dir = opendir(at.name);
	if (dir == NULL)
		return failed(&at, -errno, fault);
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (++n > SOURCE_FILES_MAX)
			result = fault_set(fault, -EFBIG, "", "%.200s: has more than %d files",
			        at.name, SOURCE_FILES_MAX);
		else
			result = visit(arg, entry->d_name);
	}
	closedir(dir);
	return result;
}
