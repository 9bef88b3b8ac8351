/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: its parts, and who is told what while it serves.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <time.h>

#include "rules/own.h"
#include "io/control.h"
#include "engine/worker.h"

/* How the daemon was started. */
struct daemon_start {
	char **argv;	  /* argv[0] is the path of the program */
	const char *path; /* of the configuration */
	int guard;	  /* of guard_start() */
	bool upgraded;	  /* in place of another, by execve() */
};

struct daemon {
	struct daemon_start start;
	_Atomic(struct policy *) policy; /* the one in force */
	time_t started, loaded;		 /* Unix time: of the daemon, of its policy */
	time_t started_monotonic;	 /* seconds, for the uptime */
	unsigned upgrades;		 /* since then */
	struct worker *workers;
	unsigned n_workers;
	struct capture capture;
	struct control *control;
	int counters, link, signals; /* descriptors */
	uint64_t *beats;	     /* of each worker, when last looked at */
	bool hung;		     /* errors are not taken, but pass */
	bool stop, upgrade;	     /* asked for */
	bool keep;		     /* stop, but leave the queues to the next one */
};

static inline struct config *daemon_config(struct daemon *daemon)
{
	return atomic_load(&daemon->policy)->config;
}

int daemon_run(const struct daemon_start *start, struct config *config);
bool daemon_reload(struct daemon *daemon, FILE *mistakes);
struct policy *daemon_load(struct daemon *daemon, FILE *mistakes);
void daemon_look_at_interfaces(struct daemon *daemon);
bool daemon_start_workers(struct daemon *daemon);
void daemon_pause(struct daemon *daemon);
void daemon_continue(struct daemon *daemon);

#endif
