/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The guard's own process. It is forked before anything is read, so that it keeps no memory of the
 * daemon's, and talks with the daemon over a pair of sockets: end of file there is how it learns that the
 * daemon is dead. A hang is a queue in which packets wait and none has left since the guard last looked:
 * the kernel's own counters say so, so that the packet path does nothing for it.
 */
#define _GNU_SOURCE
#include "daemon/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "daemon/guard_client.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/privilege.h"
#include "io/queue_counters.h"
#include "io/queue_gate.h"
#include "io/seccomp.h"

#define LOOK_EVERY 800 /* milliseconds */
#define PATIENCE   2   /* looks that find what the look before has found: then it is a hang */
#define LENIENCE   6   /* .. while another program takes over, which may have much to load */
#define TRIAL_STEP 5   /* milliseconds between two looks at a trial */

struct watched {
	struct queue_gate gate;
	uint32_t left;	/* packets that had left the queue when last looked at */
	bool waiting;	/* .. and there were more */
	unsigned stuck; /* looks in a row at which packets waited, and none had left since the look before */
};

struct guard {
	int channel;  /* to the daemon */
	int counters; /* of the kernel's queues; -1: not given */
	int nftables; /* kept open: with the daemon's tables the kernel would drop what is queued */
	struct watched queues[CONFIG_WORKERS_MAX];
	unsigned n_queues;
	unsigned patience;
	bool released;
	char **command; /* of a trial */
	pid_t trial;	/* -1: there is none */
	uint16_t trial_number;
	int64_t trial_ends; /* milliseconds, monotonic */
};

/* Lets go what is queued, and lets no more packets enter. */
static void release(struct guard *guard)
{
	for (unsigned i = 0; i < guard->n_queues; i++) /* all of them first: a full queue may drop */
		queue_gate_retire(&guard->queues[i].gate);
	for (unsigned i = 0; i < guard->n_queues; i++)
		queue_gate_let_go(&guard->queues[i].gate, guard->counters);
	guard->released = true;
}

/* Tells whether packets have waited in a queue, and none has left, for as many looks as the
 * guard has patience. */
static bool is_stuck(const struct guard *guard, struct watched *watched)
{
	const struct watched before = *watched;
	struct queue_counters c;

	if (!queue_counters_read(guard->counters, watched->gate.number, &c))
		return false;
	watched->waiting = c.waiting > 0;
	watched->left = c.id_sequence - c.waiting;
	if (before.waiting && watched->waiting && before.left == watched->left)
		watched->stuck++;
	else
		watched->stuck = 0;
	return watched->stuck >= guard->patience;
}

static void guard_look(struct guard *guard)
{
	bool stuck = false;

	for (unsigned i = 0; i < guard->n_queues; i++)
		stuck |= is_stuck(guard, &guard->queues[i]);
	if (!stuck || guard->released)
		return;
	release(guard);
	guard_message_send(guard->channel, GUARD_MESSAGE_RELEASED, 0);
}

/* Ends the guard after the daemon: the guard now has the only copy of each queue's socket. Packets
 * come first, and the log, which may take its time, last. */
_Noreturn static void take_leave(struct guard *guard)
{
	if (guard->trial > 0)
		kill(guard->trial, SIGKILL);
	if (guard->n_queues > 0) {
		release(guard);
		log_error("the daemon has crashed or was killed: queued errors have left as the kernel made "
			  "them");
	}
	_exit(EXIT_SUCCESS);
}

/* Becomes the command of a trial, under the filter of system calls that the program would have. */
_Noreturn static void be_tried(char **command)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (seccomp_apply() == 0)
		execv(command[0], command);
	log_error("cannot start %s: %s; install the program again", command[0], strerror(errno));
	_exit(EXIT_FAILURE);
}

static void begin_trial(struct guard *guard, uint16_t number)
{
	guard->trial_number = number;
	guard->trial_ends = clock_milliseconds() + GUARD_TRIAL_LASTS;
	guard->trial = fork();
	if (guard->trial == 0)
		be_tried(guard->command);
	if (guard->trial < 0)
		guard_message_send(guard->channel, GUARD_MESSAGE_BAD, number);
}

/* Tells the daemon of a trial that has ended, or has taken too long. */
static void look_at_trial(struct guard *guard)
{
	int status = -1;
	pid_t ended = waitpid(guard->trial, &status, WNOHANG);

	if (ended == 0 && clock_milliseconds() < guard->trial_ends)
		return;
	if (ended == 0) {
		log_error("%s --check has not ended after %d seconds: install the program again",
			guard->command[0], GUARD_TRIAL_LASTS / 1000);
		kill(guard->trial, SIGKILL);
		waitpid(guard->trial, NULL, 0);
	}
	guard->trial = -1;
	guard_message_send(
		guard->channel, status == 0 ? GUARD_MESSAGE_GOOD : GUARD_MESSAGE_BAD, guard->trial_number);
}

static void be_strict(struct guard *guard)
{
	guard->released = false;
	guard->patience = PATIENCE;
}

/* Keeps a descriptor if its name is that of a queue. */
static bool take_queue(struct guard *guard, const char *name, int fd)
{
	struct queue_gate gate;

	if (!handover_is_queue(name, &gate) || guard->n_queues == CONFIG_WORKERS_MAX)
		return false;
	if (queue_gate_borrow(&gate, fd))
		guard->queues[guard->n_queues++].gate = gate;
	return true;
}

/* Keeps a descriptor that the daemon gives; its name says what it is. */
static void take_descriptor(struct guard *guard, const char *name, int fd)
{
	if (take_queue(guard, name, fd))
		return;
	if (strcmp(name, "counters") == 0)
		guard->counters = fd;
	else if (strcmp(name, "nftables") == 0)
		guard->nftables = fd;
	else
		close(fd);
}

static void guard_take_message(struct guard *guard)
{
	struct guard_message message;
	int fd;
	ssize_t n = guard_message_receive(guard->channel, &message, &fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		take_leave(guard);
	switch (message.kind) {
	case GUARD_MESSAGE_GIVE:
		take_descriptor(guard, message.name, fd);
		break;
	case GUARD_MESSAGE_PAUSE:
		guard->patience = LENIENCE;
		break;
	case GUARD_MESSAGE_RESUME:
		be_strict(guard);
		break;
	case GUARD_MESSAGE_TRY:
		if (guard->trial < 0)
			begin_trial(guard, message.trial);
		break;
	case GUARD_MESSAGE_DISMISS:
		_exit(EXIT_SUCCESS);
	}
}

/* Returns the milliseconds until there is something to do without a message. */
static int guard_timeout(const struct guard *guard, int64_t next)
{
	const int64_t left = next - clock_milliseconds();

	if (guard->trial > 0)
		return TRIAL_STEP;
	return left > 0 ? (int)left : 0;
}

/* Blocks all signals, which are for the daemon: a terminal's ^C and a service manager's SIGTERM
 * come to both, and the guard has to outlive the daemon by a moment. Gives up what a guard needs
 * not. False if that failed. */
static bool become_guard(struct handover *handover)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "icmpnatd-guard");
	handover_close_rest(handover, false);
	return privilege_shed() == 0;
}

_Noreturn static void watch(int channel, char **command)
{
	static struct guard guard = {.counters = -1, .nftables = -1, .trial = -1};
	struct pollfd slot = {.fd = channel, .events = POLLIN};
	int64_t next = clock_milliseconds() + LOOK_EVERY;

	guard.channel = channel;
	guard.command = command;
	be_strict(&guard);
	for (;;) {
		if (poll(&slot, 1, guard_timeout(&guard, next)) > 0)
			guard_take_message(&guard);
		if (guard.trial > 0)
			look_at_trial(&guard);
		if (clock_milliseconds() < next)
			continue;
		guard_look(&guard);
		next = clock_milliseconds() + LOOK_EVERY;
	}
}

/* Forks the guard, before anything else is opened or read. trial is the command that guard_try()
 * runs, with its path. What was handed over to this process is not for the guard. Returns the
 * daemon's end of the pair of sockets; -1 with errno. */
int guard_start(char **trial, struct handover *handover)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		if (!become_guard(handover))
			_exit(EXIT_FAILURE);
		watch(pair[1], trial);
	}
	close(pair[1]);
	if (pid > 0)
		return pair[0];
	close(pair[0]);
	return -1;
}
