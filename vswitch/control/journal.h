/* SPDX-License-Identifier: BSD-3-Clause */
// What changed since the state was saved: one JSON value a line, appended to a file before the
// change is answered. So a killed process loses nothing that it promised, and a change costs the
// same however large the state is. The file belongs to one generation of the saved state: what a
// newer one contains already is not read again. Not synced to the disk: the state need not survive
// the machine.
//
// Thread: control.
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_MAX (64u << 20) // bytes; it is that long only when the state cannot be saved

struct journal {
	char path[PATH_MAX];
	int fd; // -1: not opened yet
	uint64_t generation; // of the saved state that the lines follow
	size_t n_good; // bytes of the file that belong to it
	char *pending; // lines that are not written yet
	size_t n_pending, max_pending;
};

void journal_init(struct journal *journal, const char *dir);
void journal_fini(struct journal *journal);
// The entries that follow the saved state of that generation, an array; new reference.
json_t *journal_read(struct journal *journal, uint64_t generation);
// Takes the entry. -ENOMEM, -ENOSPC (JOURNAL_MAX): it is not in the journal.
int journal_put(struct journal *journal, json_t *entry);
// Writes what was put since. -errno: it is not in the file.
int journal_flush(struct journal *journal);
// The state was saved as that generation: nothing follows it yet.
void journal_restart(struct journal *journal, uint64_t generation);
void journal_remove(struct journal *journal);
