/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a small process beside the daemon that holds the queues' sockets,
 * too. If the daemon ends without a word, or moves no packet for two
 * seconds or so, the guard lets errors leave as the kernel made them.
 */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* What the guard says. */
enum guard_news {
	GUARD_SILENT,	/* nothing */
	GUARD_RELEASED, /* it has let go what was parked, and what comes passes: see guard_resume() */
	GUARD_GONE,	/* it has ended, and nobody is there in its place */
};

/* What became of a trial. */
enum guard_trial {
	GUARD_TRY_GOOD,
	GUARD_TRY_BAD,
	GUARD_TRY_NONE, /* there is no guard */
};

int guard_start(char **command);
enum guard_trial guard_try(int guard);
bool guard_give_counters(int guard, int counters);
bool guard_give_rules(int guard, int socket);
bool guard_give_queue(int guard, uint16_t number, int socket);
enum guard_news guard_hear(int guard);
void guard_pause(int guard);
void guard_resume(int guard);
void guard_dismiss(int guard);

#endif
