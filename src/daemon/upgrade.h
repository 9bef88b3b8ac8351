/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Another icmpnatd takes over: the one that execve() starts in this process, or
 * the one that the service manager starts next.
 */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/handover.h"
#include "daemon/state.h"
#include "engine/workers.h"

/* How this program was started. */
struct upgrade_program {
	char **argv;	  /* argv[0] is the path of the program */
	const char *path; /* of the configuration */
};

bool upgrade_try(const struct upgrade_program *program, const struct workers *workers,
	struct guard_client *guard, FILE *mistakes);
bool upgrade_execute(const struct upgrade_program *program, const struct state_times *times,
	struct workers *workers, struct handover *handover);
void upgrade_store_state(const struct state_times *times, struct workers *workers, struct handover *handover);

#endif
