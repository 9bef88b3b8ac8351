/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What one icmpnatd tells the next, which takes over its queues: counters and
 * times, as text in a file that has no name.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include <time.h>

#include "engine/workers.h"

/* How long the daemon has served, upgrades included. */
struct state_times {
	time_t started;		  /* Unix time */
	time_t started_monotonic; /* seconds of CLOCK_MONOTONIC, for the uptime */
	unsigned upgrades;	  /* programs that have taken over since then */
};

int state_save(const struct state_times *times, const struct workers *workers);
void state_load(struct state_times *times, struct workers *workers, int fd);

#endif
