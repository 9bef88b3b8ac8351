/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wiring: starts the parts in order, then serves signals, the control socket,
 * news of interfaces and the watchdog until told to stop. Packets are the
 * workers' business; this thread sleeps unless somebody wants something.
 */
#define _GNU_SOURCE
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guard.h"
#include "io/inherit.h"
#include "io/link.h"
#include "io/log.h"
#include "io/notify.h"
#include "io/privilege.h"
#include "io/queue_counters.h"
#include "io/seccomp.h"
#include "report.h"
#include "state.h"
#include "upgrade.h"

static struct config *config_of(struct daemon *daemon)
{
	return atomic_load(&daemon->policy)->config;
}

static void notify_ready(struct daemon *daemon)
{
	const struct config *config = config_of(daemon);

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
	if (policy && !renew_rules(daemon, config_of(daemon), policy->config, mistakes)) {
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
static void look_at_interfaces(struct daemon *daemon)
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

static struct queue_options queue_options(const struct config *config, unsigned worker)
{
	return (struct queue_options){
		.number = (uint16_t)(config->queue.number + worker),
		.length = config->queue.length,
		.overload_pass = config->queue.overload_pass,
		.attach_flows = config->lookup != LOOKUP_NEVER,
	};
}

static time_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void hear_guard(struct daemon *daemon)
{
	switch (guard_hear(daemon->start.guard)) {
	case GUARD_SILENT:
		break;
	case GUARD_RELEASED:
		daemon->hung_since = monotonic();
		workers_move(daemon);
		log_error("packets waited and none was served: errors leave as the kernel makes them until "
			  "all workers move");
		break;
	case GUARD_GONE:
		log_error("the guard has ended: if this daemon hangs or crashes, parked errors are lost; "
			  "restart it");
		close(daemon->start.guard);
		daemon->start.guard = -1;
		daemon->hung_since = monotonic(); /* it may have let packets pass, and not come to say so */
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
	daemon->hung_since = 0;
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

	if (daemon->hung_since && (timeout < 0 || timeout > RECOVERY_EVERY))
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
			look_at_interfaces(daemon);
		if (slots[SLOT_TIMER].revents)
			feed_watchdog(daemon, timer);
		if (daemon->hung_since)
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

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* of a log that nobody reads any more */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_control(struct daemon *daemon)
{
	const struct config_control *control = &config_of(daemon)->control;
	const int inherited = inherit_take_passed("control");

	if (inherited >= 0)
		daemon->control = control_adopt(control->socket, inherited, report_answer, daemon);
	else
		daemon->control = control_open(control->socket, control->group, report_answer, daemon);
	if (daemon->control)
		return true;
	if (errno == EADDRINUSE)
		log_error("another icmpnatd answers on %s: stop it, or choose another control.socket",
			control->socket);
	else if (errno == ESRCH)
		log_error("there is no group \"%s\": create it, or choose another control.group",
			control->group);
	else
		log_error("cannot listen on %s: %s", control->socket, strerror(errno));
	return false;
}

static bool open_descriptors(struct daemon *daemon)
{
	daemon->counters = inherit_take_passed("counters");
	if (daemon->counters < 0)
		daemon->counters = queue_counters_open();
	if (daemon->counters < 0)
		log_warning("the kernel's queue counters cannot be read, and a hang will not be seen: %s",
			strerror(errno));
	else if (!daemon->start.upgraded)
		guard_give_counters(daemon->start.guard, daemon->counters);
	daemon->signals = open_signals();
	daemon->link = link_open();
	if (daemon->signals < 0 || daemon->link < 0)
		log_error("cannot open a descriptor: %s", strerror(errno));
	return daemon->signals >= 0 && daemon->link >= 0;
}

/* Says why a queue could not be bound. The kernel answers EPERM in two cases. */
static void log_queue_error(const struct daemon *daemon, uint16_t number, int error)
{
	struct queue_counters counters;

	if (error == EPERM && queue_counters_read(daemon->counters, number, &counters))
		log_error("queue %u is taken by another program: stop it, or choose another queue.number",
			number);
	else if (error == EPERM)
		log_error("queue %u: not permitted: CAP_NET_ADMIN does not hold in this network namespace, "
			  "or the queue is taken",
			number);
	else
		log_error("queue %u: %s: does this kernel have nfnetlink_queue?", number, strerror(error));
}

static bool open_flows(struct worker *worker, enum decide_lookup lookup)
{
	worker->flows = flow_open();
	if (!worker->flows) {
		log_error("cannot open a socket for conntrack: %s", strerror(errno));
		return false;
	}
	errno = lookup == LOOKUP_NEVER ? 0 : flow_probe(worker->flows);
	if (errno == EPERM)
		log_error("conntrack does not answer: CAP_NET_ADMIN does not hold in this network namespace");
	else if (errno)
		log_error("conntrack does not answer (%s): load nf_conntrack_netlink, or set lookup = "
			  "\"never\"",
			strerror(errno));
	return errno == 0;
}

/* The name of a worker's queue for those who keep its descriptor. */
static const char *queue_name(uint16_t number, char text[16])
{
	snprintf(text, 16, "queue-%u", number);
	return text;
}

/* Takes over a queue that another has opened. If it has left no state, all that
 * has entered the queue so far is taken to be its affair. */
static bool adopt_queue(
	const struct daemon *daemon, struct worker *worker, int socket, const struct queue_options *options)
{
	struct queue_counters counters;

	if (queue_adopt(&worker->queue, socket, options, &worker->stats) < 0)
		return false;
	if (queue_counters_read(daemon->counters, options->number, &counters))
		worker->queue.base_id = counters.id_sequence;
	return true;
}

/* Ends a queue that nobody is going to serve; what is parked there leaves as the
 * kernel made it. */
static void end_queue(const struct daemon *daemon, uint16_t number, int socket)
{
	struct queue queue;

	if (!queue_borrow(&queue, number, socket)) {
		close(socket);
		return;
	}
	queue_retire(&queue);
	queue_let_go(&queue, daemon->counters);
	queue_close(&queue);
}

static bool open_queue(
	const struct daemon *daemon, struct worker *worker, const struct queue_options *options)
{
	char name[16];
	const int inherited = inherit_take(queue_name(options->number, name));

	if (inherited >= 0 && queue_is_here(inherited))
		return adopt_queue(daemon, worker, inherited, options);
	if (inherited >= 0) {
		notify_forget(name);
		end_queue(daemon, options->number, inherited);
	}
	if (queue_open(&worker->queue, options, &worker->stats) < 0)
		return false;
	notify_store(name, queue_descriptor(&worker->queue));
	return true;
}

static void log_short_queue(const struct queue *queue, uint32_t wanted)
{
	if (queue->length < wanted)
		log_warning("queue %u: the kernel grants a receive buffer for %" PRIu32
			    " packets only, so no "
			    "more wait: raise net.core.rmem_max, or start in the initial user namespace",
			queue->number, queue->length);
}

static bool open_worker(struct daemon *daemon, struct worker *worker)
{
	const struct config *config = config_of(daemon);
	const struct queue_options options = queue_options(config, worker->number);

	if (!open_flows(worker, config->lookup))
		return false;
	if (!open_queue(daemon, worker, &options)) {
		log_queue_error(daemon, options.number, errno);
		return false;
	}
	log_short_queue(&worker->queue, options.length);
	if (daemon->start.upgraded ||
		guard_give_queue(daemon->start.guard, options.number, queue_descriptor(&worker->queue)))
		return true;
	log_error("the guard does not listen: %s", strerror(errno));
	return false;
}

static bool open_workers(struct daemon *daemon)
{
	for (unsigned w = 0; w < daemon->n_workers; w++) {
		daemon->workers[w].number = w;
		daemon->workers[w].current = &daemon->policy;
		if (!open_worker(daemon, &daemon->workers[w]))
			return false;
	}
	return true;
}

static bool start_workers(struct daemon *daemon)
{
	for (unsigned w = 0; w < daemon->n_workers; w++)
		if (worker_start(&daemon->workers[w], daemon->n_workers > 1) < 0) {
			log_error("cannot start a thread: %s", strerror(errno));
			return false;
		}
	return true;
}

/* What the one before has left, if there was one. */
static void take_over(struct daemon *daemon)
{
	const int state = inherit_take("state");

	if (state < 0)
		return;
	state_load(daemon, state);
	notify_forget("state");
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
	daemon->stop |= !start_workers(daemon);
	notify_ready(daemon);
}

static bool shed_privileges(bool upgraded)
{
	if (privilege_shed() < 0) {
		log_error("cannot give up privileges: %s", strerror(errno));
		return false;
	}
	if (upgraded || seccomp_apply() == 0) /* a filter stays over execve() */
		return true;
	log_error("cannot filter system calls: %s", strerror(errno));
	return false;
}

/* The rules, last of all: from now on packets come. */
static bool open_capture(struct daemon *daemon)
{
	const int inherited = inherit_take("nftables");

	if (!capture_open(&daemon->capture, config_of(daemon), inherited))
		return false;
	if (capture_descriptor(&daemon->capture) < 0)
		notify_forget("nftables");
	else if (inherited < 0)
		notify_store("nftables", capture_descriptor(&daemon->capture));
	return true;
}

/* Everything that can fail fails here, before the service counts as started. */
static bool start(struct daemon *daemon)
{
	if (!privilege_suffices()) {
		log_error("CAP_NET_ADMIN is missing: start icmpnatd as root, or as a service");
		return false;
	}
	if (!open_descriptors(daemon) || !open_control(daemon) || !open_workers(daemon))
		return false;
	take_over(daemon);
	return shed_privileges(daemon->start.upgraded) && start_workers(daemon) && open_capture(daemon);
}

/* What is left of the one before is not wanted. */
static void end_rest(const struct daemon *daemon)
{
	const char *number;
	int socket;

	while ((socket = inherit_take_like("queue-", &number)) >= 0) {
		notify_forget(number - strlen("queue-"));
		end_queue(daemon, (uint16_t)atoi(number), socket);
	}
	inherit_close_rest();
}

/* Everything is served. */
static void settle(struct daemon *daemon)
{
	end_rest(daemon);
	look_at_interfaces(daemon); /* some may have come since the policy was made */
	if (daemon->start.upgraded)
		guard_resume(daemon->start.guard);
}

/* What the service manager keeps must not outlive this end. */
static void forget(struct daemon *daemon)
{
	char name[16];

	notify_forget("nftables");
	notify_forget("state");
	for (unsigned w = 0; w < daemon->n_workers; w++)
		notify_forget(queue_name(daemon->workers[w].queue.number, name));
}

/* A worker answers for the packets that the kernel still has for it. Where none runs,
 * because a start has failed, they leave as the kernel made them. */
static void retire(const struct daemon *daemon, struct worker *worker)
{
	if (worker->running) {
		worker_retire(worker);
	} else if (worker->queue.socket) {
		queue_retire(&worker->queue);
		queue_let_go(&worker->queue, daemon->counters);
	}
}

/* Lets the kernel's packets be answered for, or waits with them for the next. */
static void stop_workers(struct daemon *daemon)
{
	if (daemon->keep) {
		daemon_pause(daemon);
		upgrade_store_state(daemon);
		return;
	}
	forget(daemon);
	for (unsigned w = 0; w < daemon->n_workers; w++)
		retire(daemon, &daemon->workers[w]);
	end_rest(daemon);
}

static void stop(struct daemon *daemon)
{
	capture_close(&daemon->capture);
	stop_workers(daemon);
	for (unsigned w = 0; w < daemon->n_workers; w++)
		worker_stop(&daemon->workers[w]);
	if (daemon->start.guard >= 0)
		guard_dismiss(daemon->start.guard);
	control_close(daemon->control);
	policy_free(atomic_load(&daemon->policy));
	free(daemon->workers);
	free(daemon->beats);
}

static bool init(struct daemon *daemon, struct config *config)
{
	struct policy *policy;

	daemon->started = time(NULL);
	daemon->started_monotonic = monotonic();
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
	good = start(&daemon);
	if (good) {
		settle(&daemon);
		log_info("%s on queue %u, workers: %u, maps: %zu", how->upgraded ? "upgraded" : "started",
			config->queue.number, daemon.n_workers, config->n_entries);
		policy_log_missing(atomic_load(&daemon.policy));
		notify_ready(&daemon);
		good = loop(&daemon);
		notify_send("STOPPING=1");
		log_info(daemon.keep ? "stopping; packets wait for the next one" : "stopping");
	}
	stop(&daemon);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
