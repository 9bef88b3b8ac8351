/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Builds a new policy whole, puts the rules in place that go with it, and only then
 * puts it in force: a file that is no good changes nothing.
 */
#include "daemon/reload.h"

#include "io/log.h"
#include "io/notify.h"
#include "rules/rules.h"

/* Tells the service manager that the daemon serves, and what. */
void reload_notify_ready(const struct workers *workers)
{
	const struct config *config = workers_config(workers);

	notify_send("READY=1\nSTATUS=%squeue %u, workers: %u, maps: %zu", config->audit ? "audit, " : "",
		config->queue.number, workers->n, config->n_entries);
}

/* Loads the rules for another configuration: they hold the outside interfaces and the maps. False, with the
 * reason in mistakes, if the kernel does not take them. */
static bool renew_rules(
	struct own_rules *own, const struct config *old, const struct config *config, FILE *mistakes)
{
	char reason[OWN_RULES_REASON_MAX];

	if (!own_rules_are_held(own) && rules_differ(old, config))
		fputs("the capture rules have changed with it: load what icmpnatd --print-rules prints, "
		      "too\n",
			mistakes);
	if (own_rules_renew(own, config, reason))
		return true;
	fprintf(mistakes, "the capture rules cannot be loaded: %s\n", reason);
	return false;
}

/* Loads a file and makes a policy of it. NULL if it is no good as a successor of the policy in
 * force; the reasons are then lines in mistakes, to which warnings go, too. */
struct policy *reload_load(const char *path, const struct workers *workers, FILE *mistakes)
{
	const struct policy *old = workers_policy(workers);
	struct config_errors errors = {.out = mistakes};
	struct config *config = config_load(path, &errors);
	const char *refusal = config ? config_reload_refusal(old->config, config) : NULL;
	struct policy *policy = NULL;

	if (refusal)
		fprintf(mistakes, "%s: %s\n", path, refusal);
	else if (config && !(policy = policy_new(config, old->generation + 1)))
		fprintf(mistakes, "%s: out of memory: raise the limit, or list fewer maps\n", path);
	if (!policy)
		config_free(config);
	return policy;
}

static void log_reload(const char *path, const struct policy *policy)
{
	if (!policy) {
		log_error("%s was not reloaded: the old configuration stays in force; icmpnatctl reload "
			  "says why",
			path);
		return;
	}
	log_info("reloaded %s, maps: %zu", path, policy->config->n_entries);
	policy_log_missing(policy);
}

/* Reads the configuration again. When this returns true, the new one is in force; when it returns
 * false, the old one is. Mistakes and warnings are lines in mistakes. */
bool reload_config(const char *path, struct workers *workers, struct own_rules *own, FILE *mistakes)
{
	struct policy *policy;

	notify_reloading();
	notify_send("WATCHDOG=1"); /* a million maps take seconds */
	policy = reload_load(path, workers, mistakes);
	notify_send("WATCHDOG=1"); /* so do many maps in the rules */
	if (policy && !renew_rules(own, workers_config(workers), policy->config, mistakes)) {
		policy_free(policy);
		policy = NULL;
	}
	if (policy)
		workers_enforce(workers, policy);
	reload_notify_ready(workers);
	log_reload(path, policy);
	return policy != NULL;
}
