/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the capture rules as tables of our own, where the file wants that and
 * the kernel can; nobody can flush them, and they end with the daemon.
 */
#include "rules/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"
#include "rules/rules.h"

/* Everything of the rules that a kernel or its nft may lack. Never in force, and of no hook: a chain
 * of one is registered even for a trial, and when it goes, the kernel drops all that is queued. */
static const char probe[] = "table ip icmpnatd-probe { flags owner; chain c {\n"
			    "dup to ip daddr device lo; queue flags bypass to 0; }; }\n"
			    "table ip6 icmpnatd-probe { flags owner; chain c {\n"
			    "dup to ip6 daddr device lo; queue flags bypass to 0; }; }\n";

/* What the kernel refuses if somebody else has these tables. Tried before the rules are loaded, of
 * which it would take chains before it refuses all, with the same effect. */
static const char claim[] = "table ip icmpnatd { flags owner; }\ntable ip6 icmpnatd { flags owner; }\n";

/* Loads the rules for a configuration. If that fails, reason says why. */
static bool load(struct capture *capture, const struct config *config, enum rules_format format,
	char reason[CAPTURE_REASON_MAX])
{
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	bool loaded = false;

	snprintf(reason, CAPTURE_REASON_MAX, "%s", strerror(ENOMEM));
	if (out) {
		rules_print(out, config, format);
		if (fclose(out) == 0)
			loaded = nftables_load(capture->nftables, script, reason, CAPTURE_REASON_MAX);
	}
	free(script);
	return loaded;
}

/* Whether this program and this kernel can hold the rules themselves. */
static bool is_able(struct capture *capture, char reason[CAPTURE_REASON_MAX])
{
	if (capture->nftables && nftables_try(capture->nftables, probe, reason, CAPTURE_REASON_MAX))
		return true;
	capture_close(capture);
	return false;
}

/* Says why the rules are not our own. Returns whether the file is content with
 * that. */
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

/* Says why the kernel did not take the rules, although it can. */
static bool fail(struct capture *capture, const struct config *config, const char *reason)
{
	capture_close(capture);
	if (strstr(reason, strerror(EOPNOTSUPP)))
		return leave_external(config, "somebody has loaded the tables icmpnatd");
	if (strstr(reason, strerror(EPERM)))
		log_error("another program holds the tables icmpnatd: stop it, or set rules = \"external\"");
	else
		log_error("the capture rules cannot be loaded: %s", reason);
	return false;
}

/* Loads the rules, if they are to be our own: a file that says so replaces what
 * somebody else has loaded, the default does not. What another icmpnatd has left
 * (inherited: its capture_descriptor(), or -1) is our own. False after a message
 * if that failed. */
bool capture_open(struct capture *capture, const struct config *config, int inherited)
{
	const bool replace = config->rules == CONFIG_RULES_OWN && inherited < 0;
	char reason[CAPTURE_REASON_MAX];

	if (config->rules == CONFIG_RULES_EXTERNAL) {
		if (inherited >= 0)
			close(inherited);
		return true;
	}
	capture->nftables = nftables_open(reason, CAPTURE_REASON_MAX);
	if (inherited >= 0 && capture->nftables)
		nftables_adopt(capture->nftables, inherited);
	if (!is_able(capture, reason))
		return leave_external(config, reason);
	if (!replace && !nftables_try(capture->nftables, claim, reason, CAPTURE_REASON_MAX))
		return fail(capture, config, reason);
	return load(capture, config, replace ? RULES_OWN : RULES_OWN_AGAIN, reason) ||
	       fail(capture, config, reason);
}

/* Loads the rules anew, for another configuration or other interfaces; without
 * a gap, because it is one transaction. False with a reason, and the old rules
 * in force, if that fails. Nothing happens if they are not our own. */
bool capture_renew(struct capture *capture, const struct config *config, char reason[CAPTURE_REASON_MAX])
{
	return !capture->nftables || load(capture, config, RULES_OWN_AGAIN, reason);
}

/* The descriptor that holds the rules, if they are our own; else -1. */
int capture_descriptor(const struct capture *capture)
{
	return nftables_descriptor(capture->nftables);
}

bool capture_is_own(const struct capture *capture)
{
	return capture->nftables;
}

/* The rules go, if they are our own. */
void capture_close(struct capture *capture)
{
	nftables_close(capture->nftables);
	capture->nftables = NULL;
}
