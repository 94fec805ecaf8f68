/* SPDX-License-Identifier: BSD-3-Clause */
// Log of the plugin.
#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void cni_log_init(struct cni_log *log)
{
	*log = (struct cni_log){.fd = -1};
}

void cni_log_open(struct cni_log *log, const char *path)
{
	log->fd =
	        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (log->fd < 0)
		cni_log(log, LOG_LEVEL_WARNING, "logFile '%s': %s", path, strerror(errno));
}

void cni_log_fini(struct cni_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void write_file(const struct cni_log *log, enum log_level level, const char *message)
{
	char line[1400], when[32];
	struct timespec now;
	struct tm tm;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	len = snprintf(line, sizeof(line), "%s.%03ldZ %s [%s] %s\n", when, now.tv_nsec / 1000000,
	        log_level_name(level), log->tag, message);
	if (len > 0 && write(log->fd, line, (size_t)len) < 0)
		return; // nowhere left to say so
}

void cni_log(const struct cni_log *log, enum log_level level, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	// a runtime may show this to its user, who must see whose words they are
	if (level <= LOG_LEVEL_WARNING && level <= log_level())
		fprintf(stderr, "orrery-cni: %s\n", message);
	if (log->fd >= 0)
		write_file(log, level, message);
}
