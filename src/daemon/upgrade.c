/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's queue belongs to its socket, and the tables of nft to theirs.
 * Whoever holds these goes on where another has stopped: packets wait in the
 * queue meanwhile, and in the socket's buffer, and none is lost.
 */
#define _GNU_SOURCE
#include "daemon/upgrade.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/guard.h"
#include "io/inherit.h"
#include "io/log.h"
#include "io/notify.h"
#include "daemon/state.h"

/* Whether the file would do for a reload, and the program on the disk for a start
 * with it. If not, mistakes gets the reasons, one on a line. */
bool upgrade_try(struct daemon *daemon, FILE *mistakes)
{
	struct policy *policy = daemon_load(daemon, mistakes);
	int status;

	if (!policy)
		return false;
	policy_free(policy);
	notify_send("WATCHDOG=1"); /* the trial has its own patience */
	status = guard_try(daemon->start.guard);
	if (status == GUARD_TRY_GOOD)
		return true;
	if (status == GUARD_TRY_NONE)
		fputs("the guard, which would try the new program, does not answer: restart the daemon\n",
			mistakes);
	else
		fprintf(mistakes, "%s --check failed: its reason is in the log\n", daemon->start.argv[0]);
	return false;
}

static bool pass_worker(const struct worker *worker)
{
	char name[16];

	snprintf(name, sizeof(name), "queue-%u", worker->queue.number);
	return inherit_pass(name, queue_descriptor(&worker->queue));
}

static bool pass_descriptors(const struct daemon *daemon, int state)
{
	const int nftables = capture_descriptor(&daemon->capture);
	bool good = state >= 0 && daemon->start.guard >= 0 && inherit_pass("state", state) &&
		    inherit_pass("guard", daemon->start.guard) &&
		    inherit_pass("control", control_descriptor(daemon->control));

	if (daemon->counters >= 0)
		good = good && inherit_pass("counters", daemon->counters);
	if (nftables >= 0)
		good = good && inherit_pass("nftables", nftables);
	for (unsigned w = 0; good && w < daemon->n_workers; w++)
		good = pass_worker(&daemon->workers[w]);
	return good;
}

/* Starts the program on the disk in place of this one, after upgrade_try(). Only
 * returns if that failed; then all is as before. */
void upgrade_execute(struct daemon *daemon)
{
	int state;

	notify_reloading();
	guard_pause(daemon->start.guard);
	daemon_pause(daemon);
	state = state_save(daemon);
	if (pass_descriptors(daemon, state))
		execv(daemon->start.argv[0], daemon->start.argv);
	log_error("cannot start %s in place of this: %s; the old one goes on", daemon->start.argv[0],
		strerror(errno));
	inherit_keep();
	if (state >= 0)
		close(state);
	daemon_continue(daemon);
	guard_resume(daemon->start.guard);
}

/* Leaves the state with the service manager, which has the other descriptors. */
void upgrade_store_state(struct daemon *daemon)
{
	int state = state_save(daemon);

	if (state < 0)
		return;
	notify_store("state", state);
	close(state);
}
