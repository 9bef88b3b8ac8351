/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line each: "started SECONDS", "upgrades N", "numbers QUEUE BASE-ID LAST-ID",
 * "counter WORKER GROUP NAME VALUE". Names and not places, because the next
 * icmpnatd may be a newer one: what it does not know, it passes over.
 */
#define _GNU_SOURCE
#include "daemon/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/daemon.h"

static void print(FILE *out, const struct daemon *daemon)
{
	fprintf(out, "started %lld %lld\nupgrades %u\n", (long long)daemon->started,
		(long long)daemon->started_monotonic, daemon->upgrades);
	for (unsigned w = 0; w < daemon->n_workers; w++) {
		const struct worker *worker = &daemon->workers[w];

		if (worker->queue.numbered)
			fprintf(out, "numbers %u %" PRIu32 " %" PRIu32 "\n", worker->queue.number,
				worker->queue.base_id, worker->queue.last_id);
		for (unsigned c = 0; c < STATS_COUNT; c++)
			fprintf(out, "counter %u %s %s %" PRIu64 "\n", w, stats_text(c)->group,
				stats_text(c)->name, stats_get(&worker->stats, c));
	}
}

/* A descriptor of the state, for state_load(); -1 with errno. The workers must
 * not run. */
int state_save(const struct daemon *daemon)
{
	int fd = memfd_create("icmpnatd", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");

	if (out) {
		print(out, daemon);
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
	struct daemon *daemon, unsigned w, const char *group, const char *name, uint64_t value)
{
	for (unsigned c = 0; w < daemon->n_workers && c < STATS_COUNT; c++)
		if (strcmp(stats_text(c)->group, group) == 0 && strcmp(stats_text(c)->name, name) == 0)
			stats_add(&daemon->workers[w].stats, c, value);
}

/* They are for the queue that was taken over with them. */
static void take_numbers(struct daemon *daemon, unsigned number, uint32_t base, uint32_t last)
{
	for (unsigned w = 0; w < daemon->n_workers; w++) {
		struct queue *queue = &daemon->workers[w].queue;

		if (queue->number == number && queue->adopted)
			queue_number(queue, base, last);
	}
}

static void take_line(struct daemon *daemon, const char *line)
{
	char group[32], name[32];
	long long started, monotonic;
	uint64_t value;
	uint32_t base, last;
	unsigned w;

	if (sscanf(line, "counter %u %31s %31s %" SCNu64, &w, group, name, &value) == 4) {
		take_counter(daemon, w, group, name, value);
	} else if (sscanf(line, "numbers %u %" SCNu32 " %" SCNu32, &w, &base, &last) == 3) {
		take_numbers(daemon, w, base, last);
	} else if (sscanf(line, "started %lld %lld", &started, &monotonic) == 2) {
		daemon->started = (time_t)started;
		daemon->started_monotonic = (time_t)monotonic;
	} else if (sscanf(line, "upgrades %u", &w) == 1) {
		daemon->upgrades = w + 1;
	}
}

/* The numbers of a queue that was opened anew go on where those of the one before have
 * stopped. */
static void go_on_counting(struct worker *worker)
{
	const uint64_t counted = stats_get(&worker->stats, STATS_QUEUE_RECEIVED) +
				 stats_get(&worker->stats, STATS_QUEUE_MISSED);

	if (!worker->queue.adopted)
		worker->queue.base_id = -(uint32_t)counted;
}

/* Takes a state over; closes fd. Call it when the queues are open, before the
 * workers run. */
void state_load(struct daemon *daemon, int fd)
{
	FILE *in = fdopen(fd, "r");
	char line[256];

	if (!in) {
		close(fd);
		return;
	}
	rewind(in);
	while (fgets(line, sizeof(line), in))
		take_line(daemon, line);
	for (unsigned w = 0; w < daemon->n_workers; w++)
		go_on_counting(&daemon->workers[w]);
	fclose(in);
}
