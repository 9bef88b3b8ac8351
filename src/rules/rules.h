/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules for a configuration, as text to be loaded.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "rules/kind.h"

/* The rows of rules_kinds. Those before RULES_NONE bring errors to the daemon. */
enum rules_format {
	RULES_NFT,
	RULES_MIXED,
	RULES_DIRECT,
	RULES_IPTABLES,
	RULES_IPTABLES_DIRECT,
	RULES_NONE,	 /* removes the rules of any other kind */
	RULES_OWN,	 /* the daemon's own tables, for libnftables */
	RULES_OWN_AGAIN, /* the daemon's own tables, where this socket has loaded them before */
	RULES_FORMATS
};

extern const struct rules_kind rules_kinds[RULES_FORMATS]; /* those with a name come first */

bool rules_format_parse(enum rules_format *format, const char *text);
void rules_print(FILE *out, const struct config *config, enum rules_format format);

#endif
