/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves signals, the control socket, news of interfaces, the guard and the
 * watchdog until told to stop. Packets are the workers' business; this thread
 * sleeps unless somebody wants something.
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

#include "daemon/guard.h"
#include "io/clock.h"
#include "io/link.h"
#include "io/log.h"
#include "io/notify.h"
#include "daemon/run.h"
#include "daemon/upgrade.h"

static void notify_ready(struct daemon *daemon)
{
	const struct config *config = daemon_config(daemon);

	notify_send("READY=1\nSTATUS=queue %u, workers: %u, maps: %zu", config->queue.number,
		daemon->n_workers, config->n_entries);
}

/* Puts a policy in force and frees the one before it, once no worker has it in
 * its hands. */
static void enforce(struct daemon *daemon, struct policy *policy)
{
	struct policy *old = atomic_exchange(&daemon->policy, policy);

	daemon->loaded = time(NULL);
	for (unsigned w = 0; old && w < daemon->n_workers; w++)
		worker_wait_for_release(&daemon->workers[w], old);
	policy_free(old);
}

static bool same_outside(const struct config *a, const struct config *b)
{
	if (a->n_outside != b->n_outside)
		return false;
	for (size_t i = 0; i < a->n_outside; i++)
		if (strcmp(a->outside[i].name, b->outside[i].name) != 0)
			return false;
	return true;
}

/* The rules name the outside interfaces. False if new ones cannot be loaded. */
static bool renew_rules(
	struct daemon *daemon, const struct config *old, const struct config *config, FILE *mistakes)
{
	char reason[CAPTURE_REASON_MAX];

	if (same_outside(old, config))
		return true;
	if (!capture_is_own(&daemon->capture))
		fputs("outside has changed: load the capture rules again, too\n", mistakes);
	if (capture_renew(&daemon->capture, config, reason))
		return true;
	fprintf(mistakes, "the capture rules cannot be loaded: %s\n", reason);
	return false;
}

/* Loads the file and makes a policy of it; NULL if it is no good as a successor
 * of the one in force, with the reasons as lines in mistakes. */
struct policy *daemon_load(struct daemon *daemon, FILE *mistakes)
{
	const struct policy *old = atomic_load(&daemon->policy);
	struct config_errors errors = {.out = mistakes};
	struct config *config = config_load(daemon->start.path, &errors);
	const char *refusal = config ? config_reload_refusal(old->config, config) : NULL;
	struct policy *policy = NULL;

	if (refusal)
		fprintf(mistakes, "%s: %s\n", daemon->start.path, refusal);
	else if (config && !(policy = policy_new(config, daemon->n_workers, old->generation + 1)))
		fprintf(mistakes, "%s: out of memory\n", daemon->start.path);
	if (!policy)
		config_free(config);
	return policy;
}

/* Reads the configuration again. On success the new one is in force when this
 * returns; else the old one stays. Mistakes and warnings go to *mistakes, one
 * on a line. */
bool daemon_reload(struct daemon *daemon, FILE *mistakes)
{
	struct policy *policy;

	notify_reloading();
	notify_send("WATCHDOG=1"); /* a million maps take seconds */
	policy = daemon_load(daemon, mistakes);
	if (policy && !renew_rules(daemon, daemon_config(daemon), policy->config, mistakes)) {
		policy_free(policy);
		policy = NULL;
	}
	if (policy)
		enforce(daemon, policy);
	notify_ready(daemon);
	if (policy) {
		log_info("reloaded %s, maps: %zu", daemon->start.path, policy->config->n_entries);
		policy_log_missing(policy);
	} else {
		log_error("%s was not reloaded: the old configuration stays in force", daemon->start.path);
	}
	return policy != NULL;
}

/* Does what nobody waits for the outcome of: the log gets it all. */
static bool do_on_signal(struct daemon *daemon, bool (*what)(struct daemon *, FILE *))
{
	char *text = NULL, *rest, *line;
	size_t length;
	FILE *mistakes = open_memstream(&text, &length);
	bool good;

	if (!mistakes) {
		log_error("nothing was done on a signal: out of memory");
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

static void upgrade_on_signal(struct daemon *daemon)
{
	daemon->upgrade = do_on_signal(daemon, upgrade_try);
	if (!daemon->upgrade)
		log_error("there was no upgrade: this program goes on");
}

static void take_signals(struct daemon *daemon)
{
	struct signalfd_siginfo info;

	while (read(daemon->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			do_on_signal(daemon, daemon_reload);
		else if (info.ssi_signo == SIGUSR2)
			upgrade_on_signal(daemon);
		else
			daemon->stop = true;
		daemon->keep |= info.ssi_signo == SIGUSR1 && notify_is_heard();
	}
}

/* Interfaces came, went or changed their names. The rules know them by index. */
void daemon_look_at_interfaces(struct daemon *daemon)
{
	struct policy *policy = atomic_load(&daemon->policy);
	char reason[CAPTURE_REASON_MAX];

	link_drain(daemon->link);
	if (!policy_find_interfaces(policy))
		return;
	if (!capture_is_own(&daemon->capture))
		log_warning("load the capture rules, which name the interface by its index");
	else if (!capture_renew(&daemon->capture, policy->config, reason))
		log_error("the capture rules cannot be loaded: %s", reason);
}

/* Whether every worker has moved since this was last asked; gives each a reason
 * to move until the next time. */
static bool workers_move(struct daemon *daemon)
{
	bool well = true;

	for (unsigned w = 0; w < daemon->n_workers; w++) {
		uint64_t beats = atomic_load(&daemon->workers[w].beats);

		well = well && beats != daemon->beats[w];
		daemon->beats[w] = beats;
		queue_wake(&daemon->workers[w].queue);
	}
	return well;
}

static void feed_watchdog(struct daemon *daemon, int timer)
{
	uint64_t expirations;

	if (read(timer, &expirations, sizeof(expirations)) < 0)
		return;
	if (workers_move(daemon))
		notify_send("WATCHDOG=1");
	else
		log_error("a worker has not moved since the watchdog last looked");
}

static void hear_guard(struct daemon *daemon)
{
	switch (guard_hear(daemon->start.guard)) {
	case GUARD_SILENT:
		break;
	case GUARD_RELEASED:
		daemon->hung = true;
		workers_move(daemon);
		log_error("packets waited and none was served: errors leave as the kernel makes them until "
			  "all workers move");
		break;
	case GUARD_GONE:
		log_error("the guard has ended: if this daemon hangs or crashes, parked errors are lost; "
			  "restart it");
		close(daemon->start.guard);
		daemon->start.guard = -1;
		daemon->hung = true; /* it may have let packets pass, and not come to say so */
		workers_move(daemon);
		break;
	}
}

/* Takes packets again after a hang, once every worker moves. */
static void recover(struct daemon *daemon)
{
	if (!workers_move(daemon))
		return;
	for (unsigned w = 0; w < daemon->n_workers; w++)
		queue_resume(&daemon->workers[w].queue);
	guard_resume(daemon->start.guard);
	daemon->hung = false;
	log_info("all workers move: errors are translated again");
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

/* Serves until told to stop. False after a message if that is not possible. */
static bool loop(struct daemon *daemon)
{
	struct pollfd slots[SLOT_COUNT];
	int timer = open_timer(notify_watchdog_interval());
	nfds_t n;

	while (!daemon->stop) {
		slots[SLOT_SIGNALS] = (struct pollfd){.fd = daemon->signals, .events = POLLIN};
		slots[SLOT_LINK] = (struct pollfd){.fd = daemon->link, .events = POLLIN};
		slots[SLOT_TIMER] = (struct pollfd){.fd = timer, .events = POLLIN};
		slots[SLOT_GUARD] = (struct pollfd){.fd = daemon->start.guard, .events = POLLIN};
		n = SLOT_CONTROL + control_poll_fill(daemon->control, &slots[SLOT_CONTROL]);
		if (poll(slots, n, loop_timeout(daemon)) < 0 && errno != EINTR) {
			log_error("cannot wait for events: %s", strerror(errno));
			break;
		}
		if (slots[SLOT_SIGNALS].revents)
			take_signals(daemon);
		if (slots[SLOT_LINK].revents)
			daemon_look_at_interfaces(daemon);
		if (slots[SLOT_TIMER].revents)
			feed_watchdog(daemon, timer);
		if (daemon->hung)
			recover(daemon);
		control_poll_done(daemon->control, &slots[SLOT_CONTROL]);
		if (daemon->start.guard >= 0)
			hear_guard(daemon); /* last: what came while a trial was waited for wakes nobody */
		if (daemon->upgrade && !daemon->stop)
			upgrade_execute(daemon);
	}
	if (timer >= 0)
		close(timer);
	return daemon->stop;
}

/* False after a message. */
bool daemon_start_workers(struct daemon *daemon)
{
	for (unsigned w = 0; w < daemon->n_workers; w++)
		if (worker_start(&daemon->workers[w], daemon->n_workers > 1) < 0) {
			log_error("cannot start a thread: %s", strerror(errno));
			return false;
		}
	return true;
}

/* Stops the workers; packets wait. */
void daemon_pause(struct daemon *daemon)
{
	for (unsigned w = 0; w < daemon->n_workers; w++)
		worker_pause(&daemon->workers[w]);
	for (unsigned w = 0; w < daemon->n_workers; w++)
		worker_join(&daemon->workers[w]);
}

/* Starts them again. Without them there is nothing left to do but to stop. */
void daemon_continue(struct daemon *daemon)
{
	daemon->upgrade = false;
	daemon->stop |= !daemon_start_workers(daemon);
	notify_ready(daemon);
}

static bool init(struct daemon *daemon, struct config *config)
{
	struct policy *policy;

	daemon->started = time(NULL);
	daemon->started_monotonic = (time_t)(clock_milliseconds() / 1000);
	daemon->workers =
		aligned_alloc(_Alignof(struct worker), config->queue.workers * sizeof(struct worker));
	daemon->beats = calloc(config->queue.workers, sizeof(*daemon->beats));
	policy = policy_new(config, config->queue.workers, 1);
	if (daemon->workers && daemon->beats && policy) {
		memset(daemon->workers, 0, config->queue.workers * sizeof(struct worker));
		daemon->n_workers = config->queue.workers;
		enforce(daemon, policy);
		return true;
	}
	log_error("out of memory");
	policy ? policy_free(policy) : config_free(config);
	free(daemon->workers);
	free(daemon->beats);
	return false;
}

/* Runs the daemon with a configuration, which it takes over, until SIGTERM or
 * SIGINT. Returns an exit status. */
int daemon_run(const struct daemon_start *how, struct config *config)
{
	struct daemon daemon = {.start = *how, .counters = -1, .link = -1, .signals = -1};
	bool good;

	if (!init(&daemon, config))
		return EXIT_FAILURE;
	good = startup_open(&daemon);
	if (good) {
		startup_settle(&daemon);
		log_info("%s on queue %u, workers: %u, maps: %zu", how->upgraded ? "upgraded" : "started",
			config->queue.number, daemon.n_workers, config->n_entries);
		policy_log_missing(atomic_load(&daemon.policy));
		notify_ready(&daemon);
		good = loop(&daemon);
		notify_send("STOPPING=1");
		log_info(daemon.keep ? "stopping; packets wait for the next one" : "stopping");
	}
	startup_close(&daemon);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
