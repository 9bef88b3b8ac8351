/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per event on standard error, which systemd takes for the journal.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include <stdbool.h>
#include <time.h>

void log_init(void);
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

/* Keeps an event that may come a thousand times a second to a line a minute. */
struct log_limit {
	time_t next;	   /* monotonic seconds; no line before that */
	unsigned withheld; /* events since the last line */
};

bool log_allowed(struct log_limit *limit, unsigned *withheld);

#endif
