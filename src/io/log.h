/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per event on standard error, which systemd takes for the journal.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

void log_init(void);
__attribute__((format(printf, 2, 3))) void log_line(int priority, const char *format, ...);

/* Logs what the administrator has to mend, what he should know, and what happened. */
#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)

/* Keeps an event that may come a thousand times a second to a line a minute. */
struct log_limit {
	int64_t next;	   /* milliseconds of CLOCK_MONOTONIC; no line before that */
	unsigned withheld; /* events since the last line */
};

bool log_allowed(struct log_limit *limit, unsigned *withheld);

#endif
