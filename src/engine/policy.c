/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Makes a policy of a configuration, and keeps its interface indices true.
 */
#include "engine/policy.h"

#include <net/if.h>
#include <stdlib.h>

#include "io/log.h"

/* Makes a policy of a configuration, which it takes over. generation is 1 for the first policy of
 * a process, and one more for each that replaces another. Returns it for policy_free(); NULL, and
 * the configuration still the caller's, if there is no memory. */
struct policy *policy_new(struct config *config, uint64_t generation)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->hits = calloc(config->queue.workers * config->n_entries + 1, sizeof(*policy->hits));
	if (!policy->hits) {
		free(policy);
		return NULL;
	}
	policy->config = config;
	policy->generation = generation;
	policy->loaded = time(NULL);
	for (size_t i = 0; i < config->n_outside; i++)
		policy->interfaces[i] = if_nametoindex(config->outside[i].name);
	return policy;
}

/* Frees a policy and its configuration; NULL is fine. No worker may decide by it any more. */
void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	config_free(policy->config);
	free(policy->hits);
	free(policy);
}

static void log_missing(const char *name)
{
	log_warning("outside interface %s is missing: nothing is translated on it until it comes", name);
}

/* Logs which outside interfaces are missing. */
void policy_log_missing(const struct policy *policy)
{
	for (size_t i = 0; i < policy->config->n_outside; i++)
		if (!atomic_load(&policy->interfaces[i]))
			log_missing(policy->config->outside[i].name);
}

/* Looks up the indices of the outside interfaces again: an interface may come late, or come back
 * with another index. Logs what has changed. */
void policy_find_interfaces(struct policy *policy)
{
	for (size_t i = 0; i < policy->config->n_outside; i++) {
		const char *name = policy->config->outside[i].name;
		unsigned new = if_nametoindex(name);
		unsigned old = atomic_exchange(&policy->interfaces[i], new);

		if (old && !new)
			log_missing(name);
		else if (new != old)
			log_info("outside interface %s is new", name);
	}
}
