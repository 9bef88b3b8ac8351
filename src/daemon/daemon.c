/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The loop of the main thread: signals, the control socket, changes of interfaces, the guard and the
 * watchdog. Packets are the workers' business; this thread sleeps unless something happens.
 */
#define _GNU_SOURCE
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "daemon/reload.h"
#include "io/log.h"
#include "io/news.h"
#include "io/notify.h"

/* Reads the configuration again: reload_config(). */
bool daemon_reload(struct daemon *daemon, FILE *mistakes)
{
	return reload_config(daemon->program.path, &daemon->workers, &daemon->own_rules, mistakes);
}

/* Has the program on the disk take over at the end of this turn of the loop, if it is able to.
 * False, with the reasons as lines in mistakes, if it is not. */
bool daemon_upgrade(struct daemon *daemon, FILE *mistakes)
{
	daemon->upgrade = upgrade_try(&daemon->program, &daemon->workers, &daemon->guard, mistakes);
	return daemon->upgrade;
}

/* Does what a signal asks for. The log gets what a client of the control socket would get. */
static bool do_on_signal(struct daemon *daemon, bool (*what)(struct daemon *, FILE *))
{
	char *text = NULL, *rest, *line;
	size_t length;
	FILE *mistakes = open_memstream(&text, &length);
	bool good;

	if (!mistakes) {
		log_error("nothing was done on a signal: out of memory; send it again");
		return false;
	}
	good = what(daemon, mistakes);
	fclose(mistakes);
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (*line)
			log_warning("%s", line);
	free(text);
	return good;
}

/* Tells whether packets may wait for the next program. They may not if we hold the rules and the file now
 * wants external ones: nobody else can load these before ours go, and with ours the kernel drops what waits.
 */
static bool can_keep(const struct daemon *daemon)
{
	struct config_errors errors = {0};
	struct config *config;
	bool external;

	if (!notify_is_heard() || !own_rules_are_held(&daemon->own_rules))
		return notify_is_heard();
	notify_send("WATCHDOG=1"); /* a million maps take seconds */
	config = config_load(daemon->program.path, &errors);
	external = config && config->rules == CONFIG_RULES_EXTERNAL;
	config_free(config);
	if (external)
		log_info("the file now says rules = \"external\": our own rules go");
	return !external;
}

static void take_signals(struct daemon *daemon)
{
	struct signalfd_siginfo info;

	while (read(daemon->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			do_on_signal(daemon, daemon_reload);
		else if (info.ssi_signo != SIGUSR2)
			daemon->stop = true;
		else if (!do_on_signal(daemon, daemon_upgrade))
			log_error("there was no upgrade: this program goes on; the lines before say why");
		daemon->keep |= info.ssi_signo == SIGUSR1 && can_keep(daemon);
	}
}

/* Looks up the outside interfaces again after some came, went or changed their names: packets tell the index
 * of theirs. The rules know them by name. */
void daemon_look_at_interfaces(struct daemon *daemon)
{
	news_drain(daemon->link);
	policy_find_interfaces(atomic_load(&daemon->workers.policy));
}

static void look_at_policies(struct daemon *daemon)
{
	news_drain(daemon->ipsec);
	own_rules_heed_policies(&daemon->own_rules, workers_config(&daemon->workers));
}

static void feed_watchdog(struct daemon *daemon, int timer)
{
	uint64_t expirations;

	if (read(timer, &expirations, sizeof(expirations)) < 0)
		return;
	if (workers_move(&daemon->workers))
		notify_send("WATCHDOG=1");
	else
		log_error("a worker has not moved since the watchdog last looked: the service manager will "
			  "restart the daemon");
}

/* Notes that errors pass untranslated, or may do so, until all workers move. */
static void begin_recovery(struct daemon *daemon)
{
	daemon->hung = true;
	workers_move(&daemon->workers);
}

static void hear_guard(struct daemon *daemon)
{
	switch (guard_hear(&daemon->guard)) {
	case GUARD_SILENT:
		break;
	case GUARD_RELEASED:
		begin_recovery(daemon);
		log_error("packets waited and none was served: errors leave as the kernel makes them until "
			  "all workers move");
		break;
	case GUARD_GONE:
		log_error("the guard has ended: if this daemon hangs or crashes, queued errors are lost; "
			  "restart it");
		begin_recovery(daemon); /* it may have let packets pass, and not come to say so */
		break;
	}
}

/* Takes packets again after a hang, once every worker moves. */
static void recover(struct daemon *daemon)
{
	if (!workers_move(&daemon->workers))
		return;
	workers_resume(&daemon->workers);
	guard_resume(&daemon->guard);
	daemon->hung = false;
	log_info("all workers move: errors are served again");
}

static int open_timer(uint64_t microseconds)
{
	const struct timespec interval = {
		(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
	const struct itimerspec every = {interval, interval};
	int fd = microseconds ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

enum {
	SLOT_SIGNALS,
	SLOT_LINK,
	SLOT_IPSEC,
	SLOT_TIMER,
	SLOT_GUARD,
	SLOT_CONTROL,
	SLOT_COUNT = SLOT_CONTROL + 1 + CONTROL_CLIENTS_MAX
};

#define RECOVERY_EVERY 100 /* milliseconds */

static int loop_timeout(const struct daemon *daemon)
{
	int timeout = control_timeout(daemon->control);

	if (daemon->hung && (timeout < 0 || timeout > RECOVERY_EVERY))
		timeout = RECOVERY_EVERY;
	return timeout;
}

/* Starts the next program. If that fails, goes on; without threads there is nothing left to do but to
 * stop. */
static void execute_upgrade(struct daemon *daemon)
{
	daemon->upgrade = false;
	daemon->stop |=
		!upgrade_execute(&daemon->program, &daemon->times, &daemon->workers, &daemon->handover);
}

static nfds_t fill_slots(struct daemon *daemon, struct pollfd slots[SLOT_COUNT], int timer)
{
	slots[SLOT_SIGNALS] = (struct pollfd){.fd = daemon->signals, .events = POLLIN};
	slots[SLOT_LINK] = (struct pollfd){.fd = daemon->link, .events = POLLIN};
	slots[SLOT_IPSEC] = (struct pollfd){.fd = daemon->ipsec, .events = POLLIN};
	slots[SLOT_TIMER] = (struct pollfd){.fd = timer, .events = POLLIN};
	slots[SLOT_GUARD] = (struct pollfd){.fd = daemon->guard.fd, .events = POLLIN};
	return SLOT_CONTROL + control_poll_fill(daemon->control, &slots[SLOT_CONTROL]);
}

static void serve_slots(struct daemon *daemon, struct pollfd slots[SLOT_COUNT], int timer)
{
	if (slots[SLOT_SIGNALS].revents)
		take_signals(daemon);
	if (slots[SLOT_LINK].revents)
		daemon_look_at_interfaces(daemon);
	if (slots[SLOT_IPSEC].revents)
		look_at_policies(daemon);
	if (slots[SLOT_TIMER].revents)
		feed_watchdog(daemon, timer);
	if (daemon->hung)
		recover(daemon);
	control_poll_done(daemon->control, &slots[SLOT_CONTROL]);
	if (daemon->guard.fd >= 0)
		hear_guard(daemon); /* last: a request above may have waited for a trial, and received news */
	if (daemon->upgrade && !daemon->stop)
		execute_upgrade(daemon);
}

/* Serves until told to stop. False after a message if that is not possible. */
bool daemon_loop(struct daemon *daemon)
{
	struct pollfd slots[SLOT_COUNT];
	int timer = open_timer(notify_watchdog_interval());
	nfds_t n;

	while (!daemon->stop) {
		n = fill_slots(daemon, slots, timer);
		if (poll(slots, n, loop_timeout(daemon)) < 0 && errno != EINTR) {
			log_error("cannot wait for events: %s; raise the limits of memory and open files",
				strerror(errno));
			break;
		}
		serve_slots(daemon, slots, timer);
	}
	if (timer >= 0)
		close(timer);
	return daemon->stop;
}
