/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One line per event on standard error, which systemd takes for the journal.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>
#include <time.h>

#define LOG_LAST_MAX 480 /* bytes of a line that is remembered, with its NUL */

/* The last line of one of two priorities: LOG_ERR, LOG_WARNING. */
struct log_last {
	time_t when; /* Unix time */
	char text[LOG_LAST_MAX];
};

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

bool log_get_last(int priority, struct log_last *last);
void log_put_last(int priority, const struct log_last *last);
bool log_allowed(struct log_limit *limit, unsigned *withheld);

#endif
