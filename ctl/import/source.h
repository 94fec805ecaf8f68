/* SPDX-License-Identifier: BSD-3-Clause */
// Where an importer's files come from: a file or folder, or memory (tests, fuzzing). Every file is
// read whole and bounded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

#define SOURCE_FILE_MAX (256u << 20) // bytes
#define SOURCE_NAME_SIZE 512
#define SOURCE_FILES_MAX 1000000 // in a folder

struct source_file {
	const char *name; // below the source; "" is the source itself
	const char *data;
	size_t size;
};

struct source {
	const char *path; // file or folder; also for messages
	const struct source_file *files; // not NULL: instead of the file system
	size_t n_files;
};

struct text {
	char name[SOURCE_NAME_SIZE]; // for messages
	char *data; // [size] and a terminating 0; no other 0 in it
	size_t size;
};

// `name` is relative to the source, "" the source itself, or absolute. 0 (the caller calls
// text_fini), or a negative errno with the file's name in the fault.
__attribute__((warn_unused_result)) int source_read(
        const struct source *source, const char *name, struct text *ret_text, struct fault *fault);
void text_fini(struct text *text);
bool source_has(const struct source *source, const char *name);
// Calls `visit` with the name of each entry of a folder ("" is the source itself), in no order,
// until it returns other than 0. What it returned, or a negative errno.
__attribute__((warn_unused_result)) int source_list(const struct source *source, const char *folder,
        int (*visit)(void *arg, const char *name), void *arg, struct fault *fault);
