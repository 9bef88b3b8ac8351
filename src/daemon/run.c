/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is opened, in which order, and what is taken over from the one before, who
 * may have been here (io/inherit.c) or have left things with the service manager
 * (io/notify.c). And its end: no packet stays behind in a queue.
 */
#define _GNU_SOURCE
#include "daemon/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/guard.h"
#include "io/inherit.h"
#include "io/link.h"
#include "io/log.h"
#include "io/notify.h"
#include "io/privilege.h"
#include "io/queue_counters.h"
#include "io/seccomp.h"
#include "daemon/answer.h"
#include "daemon/state.h"
#include "daemon/upgrade.h"

static struct queue_options queue_options(const struct config *config, unsigned worker)
{
	return (struct queue_options){
		.number = (uint16_t)(config->queue.number + worker),
		.length = config->queue.length,
		.overload_pass = config->queue.overload_pass,
		.attach_flows = config->lookup != LOOKUP_NEVER,
	};
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
	const struct config_control *control = &daemon_config(daemon)->control;
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
		log_warning(
			"queue %u: the kernel grants a receive buffer for %u packets only, so no more wait: "
			"raise net.core.rmem_max, or start in the initial user namespace",
			queue->number, queue->length);
}

static bool open_worker(struct daemon *daemon, struct worker *worker)
{
	const struct config *config = daemon_config(daemon);
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

/* What the one before has left, if there was one. */
static void take_over(struct daemon *daemon)
{
	const int state = inherit_take("state");

	if (state < 0)
		return;
	state_load(daemon, state);
	notify_forget("state");
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
	int rules;

	if (!capture_open(&daemon->capture, daemon_config(daemon), inherited))
		return false;
	rules = capture_descriptor(&daemon->capture);
	if (rules < 0)
		notify_forget("nftables");
	else if (inherited < 0)
		notify_store("nftables", rules);
	if (rules >= 0 && !daemon->start.upgraded)
		guard_give_rules(daemon->start.guard, rules);
	return true;
}

/* Everything that can fail fails here, before the service counts as started. */
bool startup_open(struct daemon *daemon)
{
	if (!privilege_suffices()) {
		log_error("CAP_NET_ADMIN is missing: start icmpnatd as root, or as a service");
		return false;
	}
	if (!open_descriptors(daemon) || !open_control(daemon) || !open_workers(daemon))
		return false;
	take_over(daemon);
	return shed_privileges(daemon->start.upgraded) && daemon_start_workers(daemon) &&
	       open_capture(daemon);
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
void startup_settle(struct daemon *daemon)
{
	end_rest(daemon);
	daemon_look_at_interfaces(daemon); /* some may have come since the policy was made */
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
}

/* The rules go last, for with their chains goes what is queued. */
void startup_close(struct daemon *daemon)
{
	stop_workers(daemon);
	for (unsigned w = 0; w < daemon->n_workers; w++)
		worker_stop(&daemon->workers[w]);
	if (!daemon->keep)
		end_rest(daemon);
	capture_close(&daemon->capture);
	if (daemon->start.guard >= 0)
		guard_dismiss(daemon->start.guard);
	control_close(daemon->control);
	policy_free(atomic_load(&daemon->policy));
	free(daemon->workers);
	free(daemon->beats);
}
