/* SPDX-License-Identifier: BSD-3-Clause */
// Log of the plugin: warnings to standard error (the runtime may show them), everything to
// `logFile` if the configuration names one. Never to standard output, which belongs to the result.
#pragma once

#include "log.h"

struct cni_log {
	int fd; // of logFile, -1 if none
	char tag[160]; // "ADD net-1 4f2a.. eth0", at the start of each line of the file
};

void cni_log_init(struct cni_log *log);
// Opens `path` to append. A log that cannot be opened is a warning.
void cni_log_open(struct cni_log *log, const char *path);
void cni_log_fini(struct cni_log *log);
__attribute__((format(printf, 3, 4))) void cni_log(
        const struct cni_log *log, enum log_level level, const char *fmt, ...);
