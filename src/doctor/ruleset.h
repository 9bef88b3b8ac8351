/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Packet filter rules as text, by way of nft and iptables.
 */
#ifndef DOCTOR_RULESET_H
#define DOCTOR_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "rules/rules.h"

/* The rules of one network namespace. */
struct ruleset {
	char *nft, *warnings; /* what nft lists, and says about it */
	char *iptables[4];    /* NULL: that one has no rules */
	char *unread[4];      /* why they could not be read; NULL: they were */
};

/* What iptables' capture rules have done to how many packets since they were loaded. */
struct ruleset_counts {
	uint64_t copied;
	uint64_t queued;	/* copies, and errors that were queued as they are */
	uint64_t queued_copies; /* copies alone */
};

#define RULESET_HOOK_MAX 16 /* bytes of a hook's name */

#define RULESET_NAME_MAX 160

/* The command that lists what iptables has loaded, of either kind. (One for a table that is not there would
 * make it.) */
#define RULESET_SAVE "for p in iptables ip6tables; do $p-save; $p-legacy-save; done"

/* Is told of rules that were refused, or could not be read: "table FAMILY NAME", "the rules of
 * PROGRAM", or the program that lists them; and what was said about them, or NULL. */
typedef void ruleset_refused(void *context, const char *rules, char *complaint);

int ruleset_read(struct ruleset *ruleset);
void ruleset_free(struct ruleset *ruleset);
bool ruleset_is_whole(const struct ruleset *ruleset, ruleset_refused *unread, void *context);
bool ruleset_copy(const struct ruleset *ruleset, ruleset_refused *refused, void *context);
bool ruleset_load(const struct config *config, enum rules_format format, char **complaint);
bool ruleset_count_iptables(struct ruleset_counts *counts);
char *ruleset_own(const struct ruleset *ruleset);
bool ruleset_is_foreign(const struct ruleset *ruleset, const char *family, const char *table);
const char *ruleset_iptables(const struct ruleset *ruleset, const struct rules_family *family, bool legacy);
void ruleset_find_hook(const struct ruleset *ruleset, const char *family, const char *table,
	const char *chain, char hook[RULESET_HOOK_MAX]);

#endif
