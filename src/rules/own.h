/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The capture rules while the daemon runs: its own, or the administrator's.
 */
#ifndef RULES_OWN_H
#define RULES_OWN_H

#include <stdbool.h>

#include "config/config.h"
#include "io/nftables.h"
#include "rules/rules.h"

#define OWN_RULES_REASON_MAX 512

struct own_rules {
	struct nftables *nftables; /* NULL: the rules are external */
	enum rules_format format;  /* RULES_KEPT or RULES_OWN */
	bool has_policies;	   /* of IPsec, when they were last looked at */
	const char *no_quotes;	   /* why the kernel is not to change what errors quote; NULL: it may */
};

bool own_rules_open(struct own_rules *own, const struct config *config, int inherited);
bool own_rules_renew(struct own_rules *own, const struct config *config, char reason[OWN_RULES_REASON_MAX]);
void own_rules_heed_policies(struct own_rules *own, const struct config *config);
bool own_rules_are_held(const struct own_rules *own);
int own_rules_descriptor(const struct own_rules *own);
void own_rules_remove(struct own_rules *own);
void own_rules_close(struct own_rules *own);

#endif
