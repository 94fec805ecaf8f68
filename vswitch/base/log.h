/* SPDX-License-Identifier: BSD-3-Clause */
// Log lines to stderr with a priority prefix that systemd understands (sd-daemon(3)).
// Thread: any. base, api, datapath and pmd receive/transmit never log; they return and count.
#pragma once

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

// Process-wide; default LOG_LEVEL_INFO.
void log_set_level(enum log_level level);
enum log_level log_level(void);
// Parses "err", "warning", "notice", "info", "debug". Returns 0, or -EINVAL.
__attribute__((warn_unused_result)) int log_level_parse(
        const char *text, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

// One line, no newline in `fmt`. A message names the object and the value:
// "port 'sat-1/isl0': mtu 9000 exceeds 3490".
__attribute__((format(printf, 2, 3))) void log_at(enum log_level level, const char *fmt, ...);

#define log_err(...) log_at(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
