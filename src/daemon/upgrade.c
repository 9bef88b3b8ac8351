/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The next program gets the descriptors (handover.c) and the state (state.c) of this one. Packets
 * wait meanwhile in the queue and in its socket's buffer, and none is lost.
 */
#define _GNU_SOURCE
#include "daemon/upgrade.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/reload.h"
#include "io/log.h"
#include "io/notify.h"

/* Tells whether the file would do for a reload, and the program on the disk for a start with it. If
 * not, the reasons are lines in mistakes. */
bool upgrade_try(const struct upgrade_program *program, const struct workers *workers,
	struct guard_client *guard, FILE *mistakes)
{
	struct policy *policy = reload_load(program->path, workers, mistakes);

	if (!policy)
		return false;
	policy_free(policy);
	notify_send("WATCHDOG=1"); /* the trial has its own patience */
	switch (guard_try(guard)) {
	case GUARD_TRIAL_GOOD:
		return true;
	case GUARD_TRIAL_BAD:
		fprintf(mistakes,
			"%s --check failed: its reason is in the log; mend that, and upgrade again\n",
			program->argv[0]);
		break;
	case GUARD_TRIAL_NONE:
		fputs("the guard, which would try the new program, does not answer: restart the daemon\n",
			mistakes);
		break;
	}
	return false;
}

/* Starts the program on the disk in place of this one, after upgrade_try(). Returns only if that
 * failed: then this program has taken back what it had handed over, and serves again. False if
 * even its threads could not be started. */
bool upgrade_execute(const struct upgrade_program *program, const struct state_times *times,
	struct workers *workers, struct handover *handover)
{
	int state;
	bool serves;

	notify_reloading();
	guard_pause(handover->guard);
	workers_pause(workers);
	state = state_save(times, workers);
	if (handover_pass_all(handover, state))
		execv(program->argv[0], program->argv);
	log_error("cannot start %s in place of this: %s; the old one goes on: upgrade again",
		program->argv[0], strerror(errno));
	handover_take_back(handover);
	if (state >= 0)
		close(state);
	serves = workers_start(workers);
	reload_notify_ready(workers);
	guard_resume(handover->guard);
	return serves;
}

/* Stops the workers and leaves the state with the service manager, which has the other descriptors
 * already, for the program that it starts next. */
void upgrade_store_state(const struct state_times *times, struct workers *workers, struct handover *handover)
{
	int state;

	workers_pause(workers);
	state = state_save(times, workers);
	if (state < 0)
		return;
	handover_keep(handover, "state", state);
	close(state);
}
