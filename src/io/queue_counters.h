/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the kernel counts for a queue: /proc/net/netfilter/nfnetlink_queue.
 */
#ifndef IO_QUEUE_COUNTERS_H
#define IO_QUEUE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

struct queue_counters {
	uint32_t waiting;	/* packets in the queue, now */
	uint32_t queue_dropped; /* dropped because the queue was full */
	uint32_t user_dropped;	/* dropped because the socket's buffer was full */
	uint32_t id_sequence;	/* packets that ever entered it; wraps at 2^32 */
};

int queue_counters_open(void);
bool queue_counters_read(int fd, uint16_t number, struct queue_counters *counters);

#endif
