/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the capture rules as tables of our own, where the file wants that and the kernel can. No other
 * program can flush them, and they end with the daemon.
 */
#include "rules/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/ipsec.h"
#include "io/log.h"
#include "rules/rules.h"

/* Has all that a kernel or its nft may lack. It is only tried, and its chains have no hook: the kernel
 * registers a chain with a hook even for a trial, and drops all that is queued when such a chain goes. */
static const char probe[] = "table ip icmpnatd-probe { flags owner; chain c {\n"
			    "meta cgroup 0; meta oifkind \"bridge\"; dup to rt nexthop device oif; "
			    "queue flags bypass to 0; }; }\n"
			    "table ip6 icmpnatd-probe { flags owner; chain c {\n"
			    "meta cgroup 0; meta oifkind \"bridge\"; dup to rt nexthop device oif; "
			    "queue flags bypass to 0; }; }\n";

/* Is tried before the rules are loaded, and refused if another program has these tables: of the rules the
 * kernel would register chains before it refuses all, and drop what is queued when they go. */
static const char claim[] = "table ip icmpnatd { flags owner; }\ntable ip6 icmpnatd { flags owner; }\n";

/* Removes the tables, if there are any: the kernel gives no owner to one that exists. */
static const char removal[] = "table ip icmpnatd\ndelete table ip icmpnatd\n"
			      "table ip6 icmpnatd\ndelete table ip6 icmpnatd\n";

/* Loads the rules, if replace in place of another program's. Returns 0; or an errno, with a reason. */
static int own_load(
	struct own_rules *own, const struct config *config, bool replace, char reason[OWN_RULES_REASON_MAX])
{
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	int error = ENOMEM;

	snprintf(reason, OWN_RULES_REASON_MAX, "%s", strerror(error));
	if (out) {
		fputs(replace ? removal : "", out);
		rules_print(out, config, RULES_OWN);
		if (fclose(out) == 0)
			error = nftables_load(own->nftables, script, reason, OWN_RULES_REASON_MAX);
	}
	free(script);
	return error;
}

/* Says why the daemon holds no rules. Returns whether it may run with those of the administrator. */
static bool leave_external(const struct config *config, const char *reason)
{
	if (config->rules == CONFIG_RULES_AUTO)
		log_info("no capture rules of our own (%s): load what icmpnatd --print-rules prints", reason);
	else
		log_error("no capture rules of our own (%s): set rules = \"external\", and load what "
			  "icmpnatd --print-rules prints",
			reason);
	return config->rules == CONFIG_RULES_AUTO;
}

/* Says why the kernel refused the rules: an errno of nftables_load(). Returns whether the daemon may run. */
static bool own_refused(const struct config *config, int error, const char *reason)
{
	if (error == EOPNOTSUPP)
		return leave_external(config, "tables called icmpnatd are loaded already");
	if (error == EPERM)
		log_error("another program holds the tables icmpnatd: stop it, or set rules = \"external\"");
	else
		log_error("the capture rules cannot be loaded: %s", reason);
	return false;
}

/* Loads the rules, if the daemon is to hold them itself: rules = "own" replaces what another program has
 * loaded, the default does not. inherited is the own_rules_descriptor() of another icmpnatd, whose rules are
 * taken over; or -1. Returns false after a message if the daemon must not run. */
bool own_rules_open(struct own_rules *own, const struct config *config, int inherited)
{
	const bool replace = config->rules == CONFIG_RULES_OWN && inherited < 0;
	char reason[OWN_RULES_REASON_MAX];
	int error = 0;

	own->has_policies = ipsec_has_policies();
	if (config->rules == CONFIG_RULES_EXTERNAL) {
		if (inherited >= 0)
			close(inherited);
		return true;
	}
	own->nftables = nftables_open(reason, OWN_RULES_REASON_MAX);
	if (inherited >= 0 && own->nftables)
		nftables_adopt(own->nftables, inherited);
	if (!own->nftables || nftables_try(own->nftables, probe, reason, OWN_RULES_REASON_MAX) != 0) {
		own_rules_close(own);
		return leave_external(config, reason);
	}
	if (!replace)
		error = nftables_try(own->nftables, claim, reason, OWN_RULES_REASON_MAX);
	if (!error)
		error = own_load(own, config, replace, reason);
	if (!error)
		return true;
	own_rules_close(own);
	return own_refused(config, error, reason);
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
	own->has_policies = has;
	if (!own->nftables)
		log_warning("IPsec policies came or went: load what icmpnatd --print-rules prints");
	else if (!own_rules_renew(own, config, reason))
		log_error("the capture rules cannot be loaded: %s", reason);
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
void own_rules_close(struct own_rules *own)
{
	nftables_close(own->nftables);
	own->nftables = NULL;
}
