/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a policy of a configuration, and keeps its interface indices true.
 */
#include "policy.h"

#include <net/if.h>
#include <stdlib.h>

#include "io/log.h"

/* Says what became of an outside interface that had the index old (0: none). */
static void log_change(const char *name, unsigned old, unsigned new)
{
	if (!new)
		log_warning("outside interface %s is missing: nothing is translated on it until it comes", name);
	else if (old)
		log_warning("outside interface %s was made anew: load the capture rules again", name);
	else
		log_info("outside interface %s is there", name);
}

/* Takes config over. NULL, and config still the caller's, if there is no memory. */
struct policy *policy_new(struct config *config, unsigned n_workers, uint64_t generation)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->hits = calloc(n_workers * config->n_entries + 1, sizeof(*policy->hits));
	if (!policy->hits) {
		free(policy);
		return NULL;
	}
	policy->config = config;
	policy->generation = generation;
	for (size_t i = 0; i < config->n_outside; i++) {
		policy->interfaces[i] = if_nametoindex(config->outside[i].name);
		if (!policy->interfaces[i])
			log_change(config->outside[i].name, 0, 0);
	}
	return policy;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	config_free(policy->config);
	free(policy->hits);
	free(policy);
}

/* Looks the indices of the outside interfaces up again: one may come later, or
 * come back with another index. Logs what has changed. */
void policy_find_interfaces(struct policy *policy)
{
	for (size_t i = 0; i < policy->config->n_outside; i++) {
		const char *name = policy->config->outside[i].name;
		unsigned new = if_nametoindex(name);
		unsigned old = atomic_exchange(&policy->interfaces[i], new);

		if (new != old)
			log_change(name, old, new);
	}
}
