/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nft, iptables and ip call the things of IPv4 and of IPv6.
 */
#ifndef RULES_FAMILY_H
#define RULES_FAMILY_H

struct rules_family {
	int version;
	const char *table, *icmp, *protocol, *iptables;
	const char *private; /* destinations that are none of our business, see address_is_private() */
	const char *far;     /* an address for documentation, which only a default route leads to */
	const char *types;   /* the ICMP errors that icmpnatd translates, with commas in between */
};

#define RULES_FAMILIES 2
extern const struct rules_family rules_families[RULES_FAMILIES];

#endif
