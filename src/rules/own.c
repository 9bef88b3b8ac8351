/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Loads the capture rules as tables of our own, where the file wants that and the kernel can. No other
 * program can flush them. A stop removes them; of a daemon that is killed the kernel may keep them.
 */
#include "rules/own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/word.h"
#include "io/ipsec.h"
#include "io/log.h"
#include "io/nft_table.h"
#include "rules/inner.h"
#include "rules/lack.h"
#include "rules/orphans.h"
#include "rules/rules.h"

/* Adds to what nft says how to see the lines that it means: in a network namespace of its own nobody holds
 * the tables, and nothing is queued that a chain that is only tried would drop when it goes. */
static void add_advice(char reason[OWN_RULES_REASON_MAX], const struct config *config)
{
	const size_t length = strlen(reason);
	char file[WORD_FILE_MAX];

	word_quote(file, sizeof(file), config->files[0]);
	snprintf(reason + length, OWN_RULES_REASON_MAX - length,
		"; the lines in question: icmpnatd -c %s --print-rules | unshare -n nft -c -f -", file);
}

/* Says that the kernel takes all rules but those that change what errors quote, and does not ask it again:
 * the daemon reads those errors. */
static void do_without_quotes(struct own_rules *own, const char *reason)
{
	own->no_quotes = "refused";
	log_warning("the kernel does not take the rules that translate what errors quote: %s; the daemon "
		    "translates it",
		reason);
}

/* Returns the command that removes a table; "" if it is not there. */
static const char *removal(int version, const char *command)
{
	return nft_table_look("icmpnatd", version) == NFT_TABLE_ABSENT ? "" : command;
}

/* Loads rules, if replace in place of whatever tables there are. Returns 0; or an errno, with a reason. */
static int own_load_as(
	struct own_rules *own, const struct config *config, bool replace, char *reason, size_t size)
{
	char before[64] = "";

	if (replace)
		snprintf(before, sizeof(before), "%s%s", removal(4, "delete table ip icmpnatd\n"),
			removal(6, "delete table ip6 icmpnatd\n"));
	return inner_load(own->nftables, config, own->format, before, reason, size);
}

/* Loads the rules with all that this kernel is known to do. Returns as own_load_as(). */
static int own_load(
	struct own_rules *own, const struct config *config, bool replace, char reason[OWN_RULES_REASON_MAX])
{
	char refusal[OWN_RULES_REASON_MAX];
	struct config known = *config;
	bool quotes;
	int error;

	rules_heed_policies(&known);
	quotes = !own->no_quotes && config_kernel_changes_quotes(&known);
	if (quotes && !own_load_as(own, &known, replace, refusal, sizeof(refusal)))
		return 0;
	known = rules_without_quotes(&known);
	error = own_load_as(own, &known, replace, reason, OWN_RULES_REASON_MAX / 2);
	if (error)
		add_advice(reason, config);
	else if (quotes)
		do_without_quotes(own, refusal);
	return error;
}

/* Says what keeps the daemon from having rules, and how to load others. Returns whether it may run with
 * these.
 */
static bool leave_external(const struct config *config, const struct lack *lack)
{
	char file[WORD_FILE_MAX];

	word_quote(file, sizeof(file), config->files[0]);
	if (config->rules == CONFIG_RULES_AUTO)
		log_info("no capture rules of our own (%s): load others by icmpnatd -c %s %s", lack->what,
			file, lack->instead);
	else
		log_error("no capture rules of our own (%s): set rules = \"external\", and load others by "
			  "icmpnatd -c %s %s",
			lack->what, file, lack->instead);
	return config->rules == CONFIG_RULES_AUTO;
}

/* Asks whether tables of a name could be ours, and finds out how: such that stay when this process is killed,
 * and go on with what the kernel does; or, where the kernel or nft has none, such that go with it. Those of a
 * killed daemon, and those that were handed over, stay what they were. Returns as nftables_try(). */
static int claim(struct own_rules *own, const char *name, char reason[OWN_RULES_REASON_MAX])
{
	static const enum rules_format formats[] = {RULES_KEPT, RULES_OWN};
	char script[128];
	int error = EINVAL;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *flags = rules_flags(&rules_kinds[formats[i]]);

		if (error != EINVAL && error != EOPNOTSUPP) /* nft or the kernel knows no such flags */
			break;
		own->format = formats[i];
		snprintf(script, sizeof(script), "table ip %s {\n%s}\ntable ip6 %s {\n%s}\n", name, flags,
			name, flags);
		error = nftables_try(own->nftables, script, reason, OWN_RULES_REASON_MAX);
	}
	return error;
}

/* Leaves alone the tables that others have loaded. */
static void leave_loaded(struct own_rules *own, const struct config *config)
{
	char file[WORD_FILE_MAX];

	word_quote(file, sizeof(file), config->files[0]);
	own_rules_close(own);
	log_info("no capture rules of our own (tables icmpnatd are loaded already): after each change load "
		 "them by icmpnatd -c %s --print-rules | nft -f -, or set rules = \"own\"",
		file);
}

/* Loads the rules where the kernel can. Tables that somebody else has loaded and does not hold are replaced
 * or left, as the file says; those of a killed daemon are taken over, or replaced if another version has made
 * them otherwise. Returns false after a message if the daemon must not run. */
static bool take_tables(struct own_rules *own, const struct config *config)
{
	char reason[OWN_RULES_REASON_MAX];
	/* Before any chain, for which the kernel drops what waits. */
	int error = claim(own, "icmpnatd", reason);
	const bool loaded = error == EOPNOTSUPP;

	if (loaded && config->rules == CONFIG_RULES_AUTO && !orphans_or_held_exist()) {
		leave_loaded(own, config);
		return true;
	}
	if (loaded)
		error = claim(own, "icmpnatd-probe", reason);
	if (!error)
		error = own_load(own, config, loaded, reason);
	if (error && error != EPERM && !loaded && orphans_or_held_exist())
		error = own_load(own, config, true, reason);
	if (!error)
		return true;
	own_rules_close(own);
	if (error == EPERM)
		log_error("another program holds the tables icmpnatd: stop it, or set rules = \"external\"");
	else
		log_error("the capture rules cannot be loaded: %s", reason);
	return false;
}

/* Says that rules are in force which nobody has loaded for this daemon, and what to do. */
static void warn_of_orphans(const struct config *config)
{
	char file[WORD_FILE_MAX];

	if (!orphans_exist())
		return;
	word_quote(file, sizeof(file), config->files[0]);
	log_warning("a killed daemon's own rules are in force: replace them by icmpnatd -c %s --print-rules "
		    "| nft -f -",
		file);
}

/* Loads the rules, if the daemon is to hold them itself: rules = "own" replaces what another program has
 * loaded, the default does not. inherited is the own_rules_descriptor() of another icmpnatd, whose rules are
 * taken over; or -1. Returns false after a message if the daemon must not run. */
bool own_rules_open(struct own_rules *own, const struct config *config, int inherited)
{
	struct lack lack = {.instead = "--print-rules | nft -f -"};

	own->has_policies = ipsec_has_policies();
	if (config->rules == CONFIG_RULES_EXTERNAL && inherited < 0) {
		warn_of_orphans(config);
		return true;
	}
	own->nftables = nftables_open(lack.what, sizeof(lack.what));
	if (inherited >= 0 && own->nftables)
		nftables_adopt(own->nftables, inherited);
	else if (inherited >= 0)
		close(inherited);
	if (config->rules == CONFIG_RULES_EXTERNAL) {
		own_rules_remove(own);
		own_rules_close(own);
		return true;
	}
	if (!own->nftables || lack_find(&lack, own->nftables)) {
		own_rules_close(own);
		return leave_external(config, &lack);
	}
	return take_tables(own, config);
}

/* Loads the rules anew, for another configuration, in one transaction; none if they are
 * external. Returns false with a reason if that failed; the old rules are then in force. */
bool own_rules_renew(struct own_rules *own, const struct config *config, char reason[OWN_RULES_REASON_MAX])
{
	return !own->nftables || own_load(own, config, false, reason) == 0;
}

/* Looks at the IPsec policies after one came or went: with the first one the kernel's part ends, and without
 * any it begins again. External rules must be loaded again, which the log says. */
void own_rules_heed_policies(struct own_rules *own, const struct config *config)
{
	const bool has = ipsec_has_policies();
	char reason[OWN_RULES_REASON_MAX];

	if (has == own->has_policies)
		return;
	if (!own_rules_renew(own, config, reason)) { /* the next policy asks again */
		log_error("the capture rules cannot be loaded: %s", reason);
		return;
	}
	own->has_policies = has;
	if (!own->nftables)
		log_warning("IPsec policies came or went: load what icmpnatd --print-rules prints");
	else
		log_info("IPsec policies %s: the kernel changes %s in place", has ? "came" : "went",
			has ? "nothing" : "sources");
}

/* Returns the descriptor that holds the rules; -1 if they are external. */
int own_rules_descriptor(const struct own_rules *own)
{
	return nftables_descriptor(own->nftables);
}

/* Tells whether this process holds the rules. */
bool own_rules_are_held(const struct own_rules *own)
{
	return own->nftables;
}

/* Removes the rules, if they are our own. */
void own_rules_remove(struct own_rules *own)
{
	char reason[OWN_RULES_REASON_MAX];

	if (!own->nftables)
		return;
	nftables_load(own->nftables, "delete table ip icmpnatd", reason, sizeof(reason));
	nftables_load(own->nftables, "delete table ip6 icmpnatd", reason, sizeof(reason));
}

/* Gives them up: the kernel removes them when nobody else has their socket, unless it keeps them. */
void own_rules_close(struct own_rules *own)
{
	nftables_close(own->nftables);
	own->nftables = NULL;
}
