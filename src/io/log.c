/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Logging to standard error. Under systemd each line starts with its priority
 * (sd-daemon(3)); elsewhere with the program's name.
 */
#include "io/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"

#define INTERVAL 60000 /* milliseconds between two lines about the same event */

static bool to_journal;

static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_last last_lines[2]; /* errors, warnings */

/* Returns where the last line of a priority is kept; NULL if it is not. */
static struct log_last *place_of_last(int priority)
{
	if (priority == LOG_ERR)
		return &last_lines[0];
	return priority == LOG_WARNING ? &last_lines[1] : NULL;
}

/* Finds out whether standard error is the journal; to be called once, before the first line. JOURNAL_STREAM
 * is inherited: it is true of this standard error only if it names it (sd-daemon(3)). */
void log_init(void)
{
	const char *journal = getenv("JOURNAL_STREAM");
	struct stat error;
	char text[64] = "";

	if (fstat(STDERR_FILENO, &error) == 0)
		snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)error.st_dev, (uintmax_t)error.st_ino);
	to_journal = journal && strcmp(journal, text) == 0;
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

static void remember(int priority, const char *text)
{
	struct log_last *last = place_of_last(priority);

	if (!last)
		return;
	pthread_mutex_lock(&last_lock);
	last->when = time(NULL);
	snprintf(last->text, sizeof(last->text), "%.*s", LOG_LAST_MAX - 1, text);
	for (char *c = last->text; *c; c++)
		*c = iscntrl((unsigned char)*c) ? '?' : *c;
	pthread_mutex_unlock(&last_lock);
}

/* Gets the last line of a priority, which has no control characters. False if there was none. */
bool log_get_last(int priority, struct log_last *last)
{
	pthread_mutex_lock(&last_lock);
	*last = *place_of_last(priority);
	pthread_mutex_unlock(&last_lock);
	return last->text[0];
}

/* Takes a line for the last one of its priority, unless there was one since: another program, whose work this
 * one goes on with, has logged it. */
void log_put_last(int priority, const struct log_last *last)
{
	struct log_last *place = place_of_last(priority);

	pthread_mutex_lock(&last_lock);
	if (place && !place->text[0])
		*place = *last;
	pthread_mutex_unlock(&last_lock);
}

/* Logs a line of a priority of syslog(3). */
void log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	remember(priority, text);
	if (to_journal)
		fprintf(stderr, "<%d>%s\n", priority, text);
	else
		fprintf(stderr, "icmpnatd: %s%s\n", priority == LOG_WARNING ? "warning: " : "", text);
}

/* Tells whether an event may be logged now. *withheld is how many events were not
 * logged since the last line. A limit must be used by one thread only. */
bool log_allowed(struct log_limit *limit, unsigned *withheld)
{
	const int64_t now = clock_milliseconds();

	if (now < limit->next) {
		limit->withheld++;
		return false;
	}
	*withheld = limit->withheld;
	*limit = (struct log_limit){.next = now + INTERVAL};
	return true;
}
