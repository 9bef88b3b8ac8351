/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads the kernel's counters of a queue. The file belongs to root and is 0440,
 * so it is opened early and read by its descriptor ever after.
 */
#include "io/queue_counters.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Opens the list of queues. Returns a descriptor, or -1 with errno. */
int queue_counters_open(void)
{
	return open("/proc/self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
}

/* Reads a line of the list: queue, port, waiting, copy mode, copy range, queue
 * dropped, user dropped, sequence, 1 (seq_show() in the kernel's
 * nfnetlink_queue.c). Returns false if it is not about this queue. */
static bool read_queue_line(const char *line, uint16_t number, struct queue_counters *c)
{
	unsigned queue, port, mode, range;

	return sscanf(line, "%u %u %" SCNu32 " %u %u %" SCNu32 " %" SCNu32 " %" SCNu32, &queue, &port,
		       &c->waiting, &mode, &range, &c->queue_dropped, &c->user_dropped,
		       &c->id_sequence) == 8 &&
	       queue == number;
}

/* Looks for a queue in the lines that are whole. If it is not there, what follows
 * the last newline, the beginning of a line, moves to the front. */
static bool take_lines(char *text, size_t *length, uint16_t number, struct queue_counters *counters)
{
	char *rest = text, *line, *end;

	text[*length] = '\0';
	while ((end = strchr(rest, '\n'))) {
		line = rest;
		rest = end + 1;
		*end = '\0';
		if (read_queue_line(line, number, counters))
			return true;
	}
	*length -= (size_t)(rest - text);
	memmove(text, rest, *length);
	return false;
}

/* Reads the counters of a queue. Returns false if the file cannot be read, or the queue is
 * not bound. The kernel gives a page at a time, and other programs have queues, too. */
bool queue_counters_read(int fd, uint16_t number, struct queue_counters *counters)
{
	char text[4096];
	size_t length = 0;
	off_t offset = 0;
	ssize_t n;

	while (fd >= 0 && (n = pread(fd, text + length, sizeof(text) - 1 - length, offset)) > 0) {
		length += (size_t)n;
		offset += n;
		if (take_lines(text, &length, number, counters))
			return true;
	}
	return false;
}
