/* SPDX-License-Identifier: GPL-2.0-or-later */
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

/* A descriptor; -1 with errno. */
int queue_counters_open(void)
{
	return open("/proc/self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
}

/* queue, port, waiting, copy mode, copy range, queue dropped, user dropped,
 * sequence, 1: see seq_show() in the kernel's nfnetlink_queue.c. */
static bool read_line(const char *line, uint16_t number, struct queue_counters *c)
{
	unsigned queue, port, mode, range;

	return sscanf(line, "%u %u %" SCNu32 " %u %u %" SCNu32 " %" SCNu32 " %" SCNu32, &queue, &port,
		       &c->waiting, &mode, &range, &c->queue_dropped, &c->user_dropped,
		       &c->id_sequence) == 8 &&
	       queue == number;
}

/* Reads the counters of a queue; false if the file cannot be read, or nobody
 * has bound that queue. */
bool queue_counters_read(int fd, uint16_t number, struct queue_counters *counters)
{
	char text[16384]; /* 64 queues of some 70 characters, thrice over */
	ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	char *rest = text, *line;

	if (length < 0)
		return false;
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (read_line(line, number, counters))
			return true;
	return false;
}
