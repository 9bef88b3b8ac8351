/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the capture rules that is iptables', and what the rules of both
 * programs say of a family.
 */
#ifndef RULES_IPTABLES_H
#define RULES_IPTABLES_H

#include <stdio.h>

#include "config/config.h"
#include "rules/rules.h"

struct rules_family {
	int version;
	const char *table, *icmp, *protocol, *iptables;
	const char *private;	  /* destinations that are none of our business, see address_is_private() */
	const char *far;	  /* an address for documentation, which only a default route leads to */
	const char *const *types; /* of ICMP errors; NULL is the last */
};

#define RULES_FAMILIES 2
extern const struct rules_family rules_families[RULES_FAMILIES];

void rules_iptables_print(FILE *out, const struct config *config, enum rules_format format);

#endif
