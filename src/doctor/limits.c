/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The check of limits in the packet filter: an error that is copied passes the output chains as itself and as
 * its copy, and a limit there takes it for two.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"

/* A chain as nft lists it. */
struct listed_chain {
	char family[16], table[128], name[128];
	bool is_output;	    /* its hook */
	bool limits;	    /* ICMP that belongs to no flow, too */
	bool passes_before; /* .. but not copies, which it has accepted before */
};

static bool has_word(const char *line, const char *end, const char *word)
{
	return memmem(line, (size_t)(end - line), word, strlen(word));
}

/* Takes a rule of a chain. Copies are untracked, and have no socket, whose group nft sees. */
static void take_rule(struct listed_chain *chain, const char *line, const char *end)
{
	const bool icmp = has_word(line, end, "icmp"), untracked = has_word(line, end, "untracked");

	if (has_word(line, end, "hook output"))
		chain->is_output = true;
	else if (icmp && untracked && has_word(line, end, "accept") && !has_word(line, end, "limit"))
		chain->passes_before = true;
	else if (icmp && has_word(line, end, "limit rate") && !chain->passes_before &&
		 !has_word(line, end, "cgroup") && (untracked || !has_word(line, end, "ct state")))
		chain->limits = true;
}

/* Says what such a limit does. */
static void say_limit(struct doctor *doctor, const struct listed_chain *chain)
{
	const bool foreign = ruleset_is_foreign(&doctor->ruleset, chain->family, chain->table);
	const bool v6 = strcmp(chain->family, "ip6") == 0;
	char mend[DOCTOR_MEND_MAX], name[sizeof(chain->name) + 32], table[sizeof(chain->table) + 32];

	word_quote(table, sizeof(table), chain->table);
	word_quote(name, sizeof(name), chain->name);
	if (foreign)
		snprintf(mend, sizeof(mend), "%s -t %s -S %s # double the limit, where this rule is made",
			rules_families[v6].iptables, table, name);
	else
		snprintf(mend, sizeof(mend),
			"nft list chain %s %s %s # double the limit, in the file that loads this table",
			chain->family, table, name);
	doctor_say(doctor, DOCTOR_NOTE, mend,
		"a limit in the chain %s %s %s counts each error twice that is copied: itself, and the copy",
		chain->family, chain->table, chain->name);
}

/* Goes through a listing of all tables. Returns how many limits it has told. */
static unsigned look_at_tables(struct doctor *doctor, const char *listing)
{
	struct listed_chain chain = {.is_output = false};
	unsigned told = 0;

	for (const char *line = listing, *end; (end = strchr(line, '\n')); line = end + 1) {
		sscanf(line, "table %15s %127s {", chain.family, chain.table);
		if (strncmp(line, "\t\t", 2) == 0) {
			take_rule(&chain, line, end);
			continue;
		}
		if (chain.is_output && chain.limits) {
			say_limit(doctor, &chain);
			told++;
		}
		chain.is_output = chain.limits = chain.passes_before = false;
		sscanf(line, "\tchain %127s {", chain.name);
	}
	return told;
}

/* Says which limits of the output chains count errors twice, if errors are copied at all. */
void check_limits(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const bool copies =
		doctor->copies &&
		(doctor->tees || !config_kernel_changes_sources(config) || config->lookup == LOOKUP_ALWAYS ||
			rules_strip_extensions(config) || doctor_has_inner_maps(doctor));

	if (copies && look_at_tables(doctor, doctor->ruleset.nft) == 0)
		doctor_say(doctor, DOCTOR_OK, NULL, "no limit of the packet filter counts an error twice");
}
