/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard is forked before anything is read, so that it keeps no memory of the
 * daemon's, and talks with it over a pair of sockets. That pair's end of file is
 * how it learns of a death. A hang is a queue in which packets wait and none has
 * left since the guard last looked: the kernel's own counters say so, so that the
 * packet path does nothing for it.
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
#include "io/clock.h"
#include "io/inherit.h"
#include "io/log.h"
#include "io/privilege.h"
#include "io/queue.h"
#include "io/queue_counters.h"
#include "io/seccomp.h"

#define LOOK_EVERY 800 /* milliseconds */
#define PATIENCE   2   /* looks that find what the look before has found: then it is a hang */
#define LENIENCE   6   /* .. while another program takes over, which may have much to load */

#define TRIAL_LASTS 8000 /* milliseconds that a trial may take */
#define TRIAL_STEP  5	 /* .. and between two looks at it */

enum kind { COUNTERS, RULES, QUEUE, RELEASED, PAUSE, RESUME, DISMISS, TRY, TRY_GOOD, TRY_BAD };

/* To the guard and from it; the first three come with a descriptor. */
struct message {
	enum kind kind;
	uint16_t number; /* of a queue, or of a trial */
};

struct watched {
	struct queue queue;
	uint32_t left;	/* packets that had left it when last looked at */
	bool waiting;	/* .. and there were more */
	unsigned stuck; /* looks in a row at which it was so, and none had left since the one before */
};

struct guard {
	int channel, counters;
	int rules; /* kept open: with the tables the kernel would drop what is queued */
	struct watched queues[CONFIG_WORKERS_MAX];
	unsigned n_queues;
	unsigned patience;
	bool released;
	char **command; /* of a trial */
	pid_t trial;	/* -1: there is none */
	uint16_t trial_number;
	int64_t trial_ends; /* milliseconds, monotonic */
};

/* Sends a message, and a descriptor if there is one (-1: none). */
static bool send_message(int channel, enum kind kind, uint16_t number, int fd)
{
	struct message message = {kind, number};
	struct iovec part = {&message, sizeof(message)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = {.header = {CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		*(int *)(void *)CMSG_DATA(&control.header) = fd;
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	return sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(message);
}

/* Receives a message and its descriptor, or -1. Returns as recvmsg() does. */
static ssize_t receive_message(int channel, struct message *message, int *fd)
{
	struct iovec part = {message, sizeof(*message)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(*fd))];
	} control;
	struct msghdr header = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(channel, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*fd = n > 0 && CMSG_FIRSTHDR(&header) ? *(int *)(void *)CMSG_DATA(&control.header) : -1;
	return n;
}

static void release(struct guard *guard)
{
	for (unsigned i = 0; i < guard->n_queues; i++)
		queue_retire(&guard->queues[i].queue);
	for (unsigned i = 0; i < guard->n_queues; i++)
		queue_let_go(&guard->queues[i].queue, guard->counters);
	guard->released = true;
}

/* Whether packets have waited in a queue, and none has left, for as many looks as the
 * guard has patience. */
static bool is_stuck(const struct guard *guard, struct watched *watched)
{
	const struct watched before = *watched;
	struct queue_counters c;

	if (!queue_counters_read(guard->counters, watched->queue.number, &c))
		return false;
	watched->waiting = c.waiting > 0;
	watched->left = c.id_sequence - c.waiting;
	if (before.waiting && watched->waiting && before.left == watched->left)
		watched->stuck++;
	else
		watched->stuck = 0;
	return watched->stuck >= guard->patience;
}

static void look(struct guard *guard)
{
	bool stuck = false;

	for (unsigned i = 0; i < guard->n_queues; i++)
		stuck |= is_stuck(guard, &guard->queues[i]);
	if (!stuck || guard->released)
		return;
	release(guard);
	send_message(guard->channel, RELEASED, 0, -1);
}

/* The daemon is gone, and its socket with it, but for the guard's own. What the log
 * takes its time for comes last. */
_Noreturn static void take_leave(struct guard *guard)
{
	if (guard->trial > 0)
		kill(guard->trial, SIGKILL);
	if (guard->n_queues > 0) {
		release(guard);
		log_error("the daemon has ended without a word: what it had parked has left as the kernel "
			  "made it");
	}
	_exit(EXIT_SUCCESS);
}

/* Runs the command of a trial, under the filter that the program would be under. */
_Noreturn static void be_tried(char **command)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (seccomp_apply() == 0)
		execv(command[0], command);
	log_error("cannot start %s: %s", command[0], strerror(errno));
	_exit(EXIT_FAILURE);
}

static void begin_trial(struct guard *guard, uint16_t number)
{
	guard->trial_number = number;
	guard->trial_ends = clock_milliseconds() + TRIAL_LASTS;
	guard->trial = fork();
	if (guard->trial == 0)
		be_tried(guard->command);
	if (guard->trial < 0)
		send_message(guard->channel, TRY_BAD, number, -1);
}

/* Answers for a trial that has ended, or has taken too long. */
static void look_at_trial(struct guard *guard)
{
	int status = -1;
	pid_t ended = waitpid(guard->trial, &status, WNOHANG);

	if (ended == 0 && clock_milliseconds() < guard->trial_ends)
		return;
	if (ended == 0) {
		log_error("%s --check has not ended after %d seconds", guard->command[0], TRIAL_LASTS / 1000);
		kill(guard->trial, SIGKILL);
		waitpid(guard->trial, NULL, 0);
	}
	guard->trial = -1;
	send_message(guard->channel, status == 0 ? TRY_GOOD : TRY_BAD, guard->trial_number, -1);
}

static void resume(struct guard *guard)
{
	guard->released = false;
	guard->patience = PATIENCE;
}

static void take_message(struct guard *guard)
{
	struct message message;
	int fd;
	ssize_t n = receive_message(guard->channel, &message, &fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(message))
		take_leave(guard);
	if (message.kind == COUNTERS)
		guard->counters = fd;
	else if (message.kind == RULES)
		guard->rules = fd;
	else if (message.kind == QUEUE && guard->n_queues < CONFIG_WORKERS_MAX &&
		 queue_borrow(&guard->queues[guard->n_queues].queue, message.number, fd))
		guard->n_queues++;
	else if (message.kind == PAUSE)
		guard->patience = LENIENCE;
	else if (message.kind == RESUME)
		resume(guard);
	else if (message.kind == TRY && guard->trial < 0)
		begin_trial(guard, message.number);
	else if (message.kind == DISMISS)
		_exit(EXIT_SUCCESS);
}

/* Milliseconds until there is something to do without a message. */
static int pause_of(const struct guard *guard, int64_t next)
{
	const int64_t left = next - clock_milliseconds();

	if (guard->trial > 0)
		return TRIAL_STEP;
	return left > 0 ? (int)left : 0;
}

/* Signals are for the daemon: a terminal's ^C and a service manager's SIGTERM
 * come to both, and the guard has to outlive the daemon by a moment. */
static bool prepare(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "icmpnatd-guard");
	inherit_drop();
	return privilege_shed() == 0;
}

_Noreturn static void watch(int channel, char **command)
{
	static struct guard guard;
	struct pollfd slot = {.fd = channel, .events = POLLIN};
	int64_t next = clock_milliseconds() + LOOK_EVERY;

	if (!prepare())
		_exit(EXIT_FAILURE);
	guard.channel = channel;
	guard.command = command;
	guard.counters = guard.rules = guard.trial = -1;
	resume(&guard);
	for (;;) {
		if (poll(&slot, 1, pause_of(&guard, next)) > 0)
			take_message(&guard);
		if (guard.trial > 0)
			look_at_trial(&guard);
		if (clock_milliseconds() < next)
			continue;
		look(&guard);
		next = clock_milliseconds() + LOOK_EVERY;
	}
}

/* Forks the guard. Call it first of all. command is that of guard_try(), with
 * its path. Returns the daemon's end of the pair; -1 with errno. */
int guard_start(char **command)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		watch(pair[1], command);
	}
	close(pair[1]);
	if (pid > 0)
		return pair[0];
	close(pair[0]);
	return -1;
}

/* Gives the guard the kernel's queue counters (queue_counters_open()). */
bool guard_give_counters(int guard, int counters)
{
	return send_message(guard, COUNTERS, 0, counters);
}

/* Gives the guard the socket that the daemon's own tables of nft belong to, so that they
 * go when nothing is queued any more. */
bool guard_give_rules(int guard, int socket)
{
	return send_message(guard, RULES, 0, socket);
}

/* Gives the guard a queue to watch. */
bool guard_give_queue(int guard, uint16_t number, int socket)
{
	return send_message(guard, QUEUE, number, socket);
}

/* News that came while a trial was waited for. */
static bool unheard;

/* What the guard has to say; does not wait. */
enum guard_news guard_hear(int guard)
{
	struct message message;
	int fd;
	ssize_t n;

	if (unheard) {
		unheard = false;
		return GUARD_RELEASED;
	}
	n = receive_message(guard, &message, &fd);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return GUARD_GONE;
	return n > 0 && message.kind == RELEASED ? GUARD_RELEASED : GUARD_SILENT; /* or too late an answer */
}

/* Has the guard run the command of a trial, and waits for its end. The daemon may
 * not start programs itself. */
enum guard_trial guard_try(int guard)
{
	static uint16_t number;
	struct pollfd slot = {.fd = guard, .events = POLLIN};
	struct message message;
	int fd;

	if (guard < 0 || !send_message(guard, TRY, ++number, -1))
		return GUARD_TRY_NONE;
	while (poll(&slot, 1, TRIAL_LASTS * 2) > 0) {
		if (receive_message(guard, &message, &fd) != (ssize_t)sizeof(message))
			return GUARD_TRY_NONE;
		if (message.kind != RELEASED && message.number == number)
			return message.kind == TRY_GOOD ? GUARD_TRY_GOOD : GUARD_TRY_BAD;
		unheard |= message.kind == RELEASED;
	}
	return GUARD_TRY_NONE;
}

/* Tells the guard that packets are going to wait until guard_resume(). */
void guard_pause(int guard)
{
	send_message(guard, PAUSE, 0, -1);
}

/* Tells the guard that the queues are served, and take packets, again. */
void guard_resume(int guard)
{
	send_message(guard, RESUME, 0, -1);
}

/* Ends the guard, which leaves the queues as they are, and waits a moment for
 * that: until then it holds their sockets. */
void guard_dismiss(int guard)
{
	struct pollfd slot = {.fd = guard};

	send_message(guard, DISMISS, 0, -1);
	poll(&slot, 1, 1000);
	close(guard);
}
