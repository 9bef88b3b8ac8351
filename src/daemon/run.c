/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Everything that can fail is opened before the service counts as started, and the rules
 * last of all: from then on packets come. At the end the rules go last, too, for the kernel drops
 * what is queued when their chains go, and no packet stays behind in a queue.
 */
#define _GNU_SOURCE
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "daemon/prove.h"
#include "daemon/queues.h"
#include "daemon/reload.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/news.h"
#include "io/notify.h"
#include "io/privilege.h"
#include "io/queue_counters.h"
#include "io/rewrite.h"
#include "io/seccomp.h"

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
	signal(SIGPIPE, SIG_IGN); /* the reader of the log may have ended */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void log_control_error(const struct config_control *control, int error)
{
	if (error == EADDRINUSE)
		log_error("another icmpnatd answers on %s: stop it, or choose another control.socket",
			control->socket);
	else if (error == ESRCH)
		log_error("there is no group \"%s\": create it, or choose another control.group",
			control->group);
	else
		log_error("cannot listen on %s: %s; create its directory for the daemon's user, "
			  "who must be in control.group",
			control->socket, strerror(error));
}

static bool open_control(struct daemon *daemon)
{
	const struct config_control *control = &workers_config(&daemon->workers)->control;
	const int inherited = handover_take(&daemon->handover, "control");

	if (inherited >= 0)
		daemon->control = control_adopt(control->socket, inherited, answer_request, daemon);
	else
		daemon->control = control_open(control->socket, control->group, answer_request, daemon);
	if (daemon->control)
		return handover_keep(&daemon->handover, "control", control_descriptor(daemon->control));
	log_control_error(control, errno);
	return false;
}

static void open_counters(struct daemon *daemon)
{
	daemon->counters = handover_take(&daemon->handover, "counters");
	if (daemon->counters < 0)
		daemon->counters = queue_counters_open();
	if (daemon->counters < 0)
		log_warning(
			"the kernel's queue counters cannot be read, and a hang will not be seen: %s; let "
			"the daemon's group read /proc/net/netfilter/nfnetlink_queue",
			strerror(errno));
	else
		handover_keep(&daemon->handover, "counters", daemon->counters);
	daemon->host_counters = host_counters_open();
	daemon->rule_counters = rule_counters_open();
}

static bool open_descriptors(struct daemon *daemon)
{
	open_counters(daemon);
	daemon->signals = open_signals();
	daemon->link = news_of_links();
	daemon->ipsec = news_of_policies(); /* -1: this kernel has none */
	if (daemon->signals < 0 || daemon->link < 0)
		log_error("cannot open a descriptor: %s; raise the limit of open files", strerror(errno));
	return daemon->signals >= 0 && daemon->link >= 0;
}

/* Reads the state that another program has left, if there is one. */
static void take_over(struct daemon *daemon)
{
	const int state = handover_take(&daemon->handover, "state");

	if (state < 0)
		return;
	state_load(&daemon->times, &daemon->workers, state);
	handover_forget(&daemon->handover, "state", state);
}

static bool shed_privileges(bool upgraded)
{
	if (privilege_shed() < 0) {
		log_error("cannot give up privileges: %s; let the service's filter of system calls permit it",
			strerror(errno));
		return false;
	}
	if (upgraded || seccomp_apply() == 0) /* a filter stays over execve() */
		return true;
	log_error("cannot filter system calls: %s; this kernel may lack seccomp: build without it",
		strerror(errno));
	return false;
}

static bool open_rules(struct daemon *daemon)
{
	const int inherited = handover_take(&daemon->handover, "nftables");
	int rules;

	if (!own_rules_open(&daemon->own_rules, workers_config(&daemon->workers), inherited))
		return false;
	rules = own_rules_descriptor(&daemon->own_rules);
	if (rules < 0)
		handover_forget(&daemon->handover, "nftables", inherited);
	else
		handover_keep(&daemon->handover, "nftables", rules);
	return true;
}

/* Finds out whether the kernel may change what errors quote, if the daemon is to hold the rules for that; if
 * it may not, with a reason. */
static void look_at_kernel(struct daemon *daemon, char reason[PROVE_REASON_MAX])
{
	const struct config *config = workers_config(&daemon->workers);

	if (config->rules == CONFIG_RULES_EXTERNAL || prove_is_known(reason))
		reason[0] = '\0';
	else
		daemon->own_rules.no_quotes = "not proven";
}

/* Says why the kernel changes less than it might, where the daemon holds the rules: external ones never have
 * it change more. */
static void tell_of_kernel(const struct daemon *daemon, const char *reason)
{
	if (reason[0] != '\0' && own_rules_are_held(&daemon->own_rules) &&
		config_kernel_changes_quotes(workers_config(&daemon->workers)))
		log_info("the kernel translates sources alone (%s): the daemon translates what errors quote",
			reason);
}

/* Tells, after a message if not, whether this process may and can do its work here. */
static bool check_place(void)
{
	char reason[REWRITE_REASON_MAX];

	if (!privilege_suffices())
		log_error("CAP_NET_ADMIN is missing: start icmpnatd as root, or as a service");
	else if (rewrite_is_dropped(reason, sizeof(reason)))
		log_error("this network namespace belongs to a user namespace, where the kernel drops every "
			  "packet that is changed (%s): run icmpnatd in the network namespace of the host or "
			  "of a privileged container",
			reason);
	else
		return true;
	return false;
}

static bool open_all(struct daemon *daemon)
{
	char reason[PROVE_REASON_MAX];

	if (!check_place())
		return false;
	look_at_kernel(daemon, reason); /* while no packet waits */
	if (!open_descriptors(daemon) || !open_control(daemon) ||
		!queues_open(&daemon->workers, &daemon->handover, daemon->counters))
		return false;
	take_over(daemon);
	if (!shed_privileges(daemon->handover.upgraded) || !workers_start(&daemon->workers) ||
		!open_rules(daemon))
		return false;
	tell_of_kernel(daemon, reason);
	return true;
}

/* Ends what was handed over and is not wanted. */
static void end_rest(struct daemon *daemon)
{
	queues_end_rest(&daemon->handover, daemon->counters);
	handover_close_rest(&daemon->handover, true);
}

/* Does what can wait until everything is served. */
static void settle(struct daemon *daemon)
{
	end_rest(daemon);
	daemon_look_at_interfaces(daemon); /* some may have come since the policy was made */
	if (daemon->handover.upgraded)
		guard_resume(&daemon->guard);
}

/* Lets what is queued be answered for, or leaves it to the next program. */
static void end_service(struct daemon *daemon)
{
	if (daemon->keep) {
		upgrade_store_state(&daemon->times, &daemon->workers, &daemon->handover);
		return;
	}
	handover_forget_all(&daemon->handover);
	workers_retire(&daemon->workers, daemon->counters);
}

static void close_all(struct daemon *daemon)
{
	end_service(daemon);
	workers_close(&daemon->workers);
	if (!daemon->keep) {
		end_rest(daemon);
		own_rules_remove(&daemon->own_rules);
	}
	own_rules_close(&daemon->own_rules);
	guard_dismiss(&daemon->guard);
	control_close(daemon->control);
	rule_counters_close(daemon->rule_counters);
	host_counters_close(&daemon->host_counters);
	workers_fini(&daemon->workers);
}

static bool init(struct daemon *daemon, struct config *config)
{
	struct policy *policy = policy_new(config, 1);

	daemon->counters = daemon->link = daemon->ipsec = daemon->signals = -1;
	daemon->host_counters = (struct host_counters){{-1, -1}};
	daemon->times = (struct state_times){
		.started = time(NULL), .started_monotonic = (time_t)(clock_milliseconds() / 1000)};
	if (policy && workers_init(&daemon->workers, policy))
		return true;
	log_error("out of memory: raise the limit, or list fewer maps");
	policy ? policy_free(policy) : config_free(config);
	return false;
}

static bool serve(struct daemon *daemon)
{
	const struct policy *policy = workers_policy(&daemon->workers);
	bool good;

	settle(daemon);
	log_info("%s on queue %u, workers: %u, maps: %zu", daemon->handover.upgraded ? "upgraded" : "started",
		policy->config->queue.number, daemon->workers.n, policy->config->n_entries);
	if (policy->config->audit)
		log_info("mode is \"audit\": nothing is changed on the wire");
	policy_log_missing(policy);
	reload_notify_ready(&daemon->workers);
	good = daemon_loop(daemon);
	notify_send("STOPPING=1");
	log_info(daemon->keep ? "stopping; packets wait for the next one" : "stopping");
	return good;
}

/* Runs a daemon, of which the program, the guard and what was handed over are known, with a
 * configuration, which it takes over, until it is told to stop. Returns an exit status. */
int daemon_run(struct daemon *daemon, struct config *config)
{
	bool good;

	if (!init(daemon, config))
		return EXIT_FAILURE;
	good = open_all(daemon) && serve(daemon);
	close_all(daemon);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
