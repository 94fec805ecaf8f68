/* SPDX-License-Identifier: BSD-3-Clause */
// Log lines with systemd's priority prefixes, one write a line.
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int current_level = LOG_LEVEL_INFO;

// syslog(3) numbers of our levels
static const struct {
	const char *name;
	int priority;
} levels[] = {
        [LOG_LEVEL_ERR] = {"err", 3},
        [LOG_LEVEL_WARNING] = {"warning", 4},
        [LOG_LEVEL_NOTICE] = {"notice", 5},
        [LOG_LEVEL_INFO] = {"info", 6},
        [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int len, room = (int)sizeof(line) - 1;

	if (level > log_level())
		return;
	// the prefix is for a log collector, not for a person at a terminal
	len = isatty(STDERR_FILENO) ? 0
	                            : snprintf(line, sizeof(line), "<%d>", levels[level].priority);
	va_start(ap, fmt);
	len += vsnprintf(line + len, (size_t)(room - len), fmt, ap);
	va_end(ap);
	if (len > room - 1)
		len = room - 1;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; // nowhere left to say so
}
