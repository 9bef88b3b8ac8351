/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logging to standard error. Under systemd each line starts with its priority
 * (sd-daemon(3)); elsewhere with the program's name.
 */
#include "io/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define INTERVAL 60 /* seconds between two lines about the same event */

static bool to_journal;

/* Call once, before the first line. JOURNAL_STREAM is inherited: it is true of
 * this standard error only if it names it (sd-daemon(3)). */
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

__attribute__((format(printf, 2, 0))) static void write_line(int priority, const char *format, va_list values)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, values);
	if (to_journal)
		fprintf(stderr, "<%d>%s\n", priority, text);
	else
		fprintf(stderr, "icmpnatd: %s%s\n", priority == LOG_WARNING ? "warning: " : "", text);
}

#define WRITE_LINE(priority)                                                                                 \
	do {                                                                                                 \
		va_list values;                                                                              \
		va_start(values, format);                                                                    \
		write_line(priority, format, values);                                                        \
		va_end(values);                                                                              \
	} while (0)

/* What the administrator has to mend. */
void log_error(const char *format, ...)
{
	WRITE_LINE(LOG_ERR);
}

/* What the administrator should know. */
void log_warning(const char *format, ...)
{
	WRITE_LINE(LOG_WARNING);
}

/* What happened. */
void log_info(const char *format, ...)
{
	WRITE_LINE(LOG_INFO);
}

/* Whether an event may be logged now; *withheld is how many were not since the
 * last line. Each limit belongs to one thread. */
bool log_allowed(struct log_limit *limit, unsigned *withheld)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < limit->next) {
		limit->withheld++;
		return false;
	}
	*withheld = limit->withheld;
	*limit = (struct log_limit){.next = now.tv_sec + INTERVAL};
	return true;
}
