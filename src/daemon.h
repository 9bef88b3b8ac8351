/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: who is started in which order, and who is told what.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <time.h>

#include "capture.h"
#include "io/control.h"
#include "worker.h"

struct daemon {
	const char *path;		 /* of the configuration */
	_Atomic(struct policy *) policy; /* the one in force */
	time_t started, loaded;		 /* Unix time: of the daemon, of its policy */
	time_t started_monotonic;	 /* seconds, for the uptime */
	struct worker *workers;
	unsigned n_workers;
	struct capture capture;
	struct control *control;
	int counters, guard, link, signals; /* descriptors */
	uint64_t *beats;		    /* of each worker, when last looked at */
	time_t hung_since;		    /* monotonic; 0: not hung */
	bool stop;
};

int daemon_run(const char *path, struct config *config, int guard);
bool daemon_reload(struct daemon *daemon, FILE *mistakes);

#endif
