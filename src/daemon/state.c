/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A line each: "started SECONDS MONOTONIC", "upgrades N", "numbers QUEUE BASE-ID LAST-ID", "counter WORKER
 * GROUP NAME VALUE", "last PRIORITY SECONDS TEXT". Counters have names, because the next icmpnatd may be a
 * newer one: it skips what it does not know.
 */
#define _GNU_SOURCE
#include "daemon/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/log.h"

static const int last_priorities[] = {LOG_ERR, LOG_WARNING};

static void print_last_lines(FILE *out)
{
	struct log_last last;

	for (size_t i = 0; i < sizeof(last_priorities) / sizeof(last_priorities[0]); i++)
		if (log_get_last(last_priorities[i], &last))
			fprintf(out, "last %d %lld %s\n", last_priorities[i], (long long)last.when,
				last.text);
}

static void print_state(FILE *out, const struct state_times *times, const struct workers *workers)
{
	fprintf(out, "started %lld %lld\nupgrades %u\n", (long long)times->started,
		(long long)times->started_monotonic, times->upgrades);
	for (unsigned w = 0; w < workers->n; w++) {
		const struct worker *worker = &workers->worker[w];

		if (worker->queue.numbered)
			fprintf(out, "numbers %u %" PRIu32 " %" PRIu32 "\n", worker->queue.gate.number,
				worker->queue.base_id, worker->queue.last_id);
		for (unsigned c = 0; c < STATS_COUNT; c++)
			fprintf(out, "counter %u %s %s %" PRIu64 "\n", w, stats_text(c)->group,
				stats_text(c)->name, stats_get(&worker->stats, c));
	}
	print_last_lines(out);
}

/* Writes the state, for state_load(). The workers must not run. Returns a descriptor; -1 with errno. */
int state_save(const struct state_times *times, const struct workers *workers)
{
	int fd = memfd_create("icmpnatd", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");

	if (out) {
		print_state(out, times, workers);
		if (fclose(out) == 0)
			return fd;
	} else if (copy >= 0) {
		close(copy);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void take_counter(
	struct workers *workers, unsigned w, const char *group, const char *name, uint64_t value)
{
	for (unsigned c = 0; w < workers->n && c < STATS_COUNT; c++)
		if (strcmp(stats_text(c)->group, group) == 0 && strcmp(stats_text(c)->name, name) == 0)
			stats_add(&workers->worker[w].stats, c, value);
}

/* The numbers of packets belong to the queue that was taken over with them, not to a new one. */
static void take_numbers(struct workers *workers, unsigned number, uint32_t base, uint32_t last)
{
	for (unsigned w = 0; w < workers->n; w++) {
		struct queue *queue = &workers->worker[w].queue;

		if (queue->gate.number == number && queue->adopted)
			queue_number(queue, base, last);
	}
}

/* Takes what follows "last " in a line. */
static void take_last_line(const char *text)
{
	struct log_last last;
	long long when;
	int priority, n = 0;

	if (sscanf(text, "%d %lld %n", &priority, &when, &n) < 2)
		return;
	last.when = (time_t)when;
	snprintf(last.text, sizeof(last.text), "%.*s", (int)strcspn(text + n, "\n"), text + n);
	log_put_last(priority, &last);
}

static void take_line(struct state_times *times, struct workers *workers, const char *line)
{
	char group[32], name[32];
	long long started, monotonic;
	uint64_t value;
	uint32_t base, last;
	unsigned w;

	if (sscanf(line, "counter %u %31s %31s %" SCNu64, &w, group, name, &value) == 4) {
		take_counter(workers, w, group, name, value);
	} else if (sscanf(line, "numbers %u %" SCNu32 " %" SCNu32, &w, &base, &last) == 3) {
		take_numbers(workers, w, base, last);
	} else if (sscanf(line, "started %lld %lld", &started, &monotonic) == 2) {
		times->started = (time_t)started;
		times->started_monotonic = (time_t)monotonic;
	} else if (sscanf(line, "upgrades %u", &w) == 1) {
		times->upgrades = w + 1;
	} else if (strncmp(line, "last ", 5) == 0) {
		take_last_line(line + 5);
	}
}

/* The kernel numbers the packets of a new queue from 1 on. A negative base adds to
 * that what the old queue had received, so that the sums of stats --check still hold. */
static void continue_numbers(struct worker *worker)
{
	const uint64_t counted = stats_get(&worker->stats, STATS_QUEUE_RECEIVED) +
				 stats_get(&worker->stats, STATS_QUEUE_MISSED);

	if (!worker->queue.adopted)
		worker->queue.base_id = -(uint32_t)counted;
}

/* Reads a state that state_save() has written, and closes fd. Call it when the queues are open, and
 * before the workers run. What it does not know, it leaves out. */
void state_load(struct state_times *times, struct workers *workers, int fd)
{
	FILE *in = fdopen(fd, "r");
	char line[LOG_LAST_MAX + 64];

	if (!in) {
		close(fd);
		return;
	}
	rewind(in);
	while (fgets(line, sizeof(line), in))
		take_line(times, workers, line);
	for (unsigned w = 0; w < workers->n; w++)
		continue_numbers(&workers->worker[w]);
	fclose(in);
}
