/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logging to standard error. Under systemd each line starts with its priority
 * (sd-daemon(3)); elsewhere with the program's name.
 */
#include "io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/clock.h"

#define INTERVAL 60000 /* milliseconds between two lines about the same event */

static bool to_journal;

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

/* Logs a line of a priority of syslog(3). */
void log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
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
