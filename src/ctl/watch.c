/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What moves: the counters that changed in each interval, and their rates; on a terminal drawn anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client/report.h"
#include "client/text.h"
#include "ctl/command.h"
#include "io/clock.h"

/* All counters, and when they had these values. */
struct sample {
	struct report_counters counters;
	int64_t when; /* in microseconds of clock.h */
};

static bool take_sample(struct sample *sample, const struct options *options)
{
	sample->when = clock_microseconds();
	return report_ask_counters(&sample->counters, options->socket);
}

/* Returns the value of a counter in a sample; 0 if it was greater then: the daemon was restarted. */
static uint64_t value_in(struct sample *sample, const struct report_counter *counter)
{
	const struct report_counter *old = report_find(&sample->counters, counter->group, counter->name);

	if (!old || (old->total > counter->total && !report_is_gauge(counter)))
		return 0;
	return old->total;
}

static void put_clock(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[20];

	if (localtime_r(&now, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm))
		fputs(text, stdout);
}

static void put_row(const struct report_counter *counter, uint64_t old, double seconds, bool screen)
{
	int64_t change = (int64_t)(counter->total - old);

	if (!screen) {
		put_clock();
		putchar(' ');
	}
	text_put(stdout, counter->group, 8);
	putchar(' ');
	text_put(stdout, counter->name, 26);
	printf(" %12" PRIu64 " %+10" PRId64, counter->total, change);
	if (!report_is_gauge(counter))
		printf(" %10.1f/s", (double)change / seconds);
	putchar('\n');
}

/* Prints one interval. A screen keeps the counters that changed since first,
 * so that a row does not come and go; lines are only for what changed now. */
static void put_interval(struct sample *first, struct sample *before, const struct sample *now, bool screen)
{
	const double seconds = (double)(now->when - before->when) / 1e6;
	size_t rows = 0;

	if (screen) {
		fputs("\033[H\033[J", stdout);
		put_clock();
		printf("%41s %10s %12s\n", "total", "change", "rate");
	}
	for (size_t i = 0; i < now->counters.n; i++) {
		const struct report_counter *counter = &now->counters.counter[i];
		uint64_t old = value_in(before, counter);

		if (counter->total == (screen ? value_in(first, counter) : old))
			continue;
		put_row(counter, old, seconds, screen);
		rows++;
	}
	if (screen && report_is_audit(&first->counters))
		puts(REPORT_AUDIT);
	if (screen && rows == 0)
		puts("nothing has changed yet");
}

static void wait_for(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds};

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) < 0)
		;
}

/* Prints options->count intervals, or goes on until it is interrupted. */
bool command_watch(const struct options *options)
{
	static struct sample first, samples[2];
	bool screen = isatty(STDOUT_FILENO);

	if (!take_sample(&samples[0], options))
		return false;
	first = samples[0];
	if (!screen && report_is_audit(&first.counters))
		puts(REPORT_AUDIT);
	for (unsigned long i = 0; options->count == 0 || i < options->count; i++) {
		struct sample *before = &samples[i % 2], *now = &samples[1 - i % 2];

		wait_for(options->interval);
		if (!take_sample(now, options))
			return false;
		put_interval(&first, before, now, screen);
		if (fflush(stdout) != 0)
			return true; /* main() says why */
	}
	return true;
}
