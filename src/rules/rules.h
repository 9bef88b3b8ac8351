/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The capture rules as text to be loaded: of which kinds, and which program has which part of them.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

/* The rows of rules_kinds. Those before RULES_NONE bring errors to the daemon. */
enum rules_format {
	RULES_NFT,
	RULES_MIXED,
	RULES_DIRECT,
	RULES_IPTABLES,
	RULES_IPTABLES_DIRECT,
	RULES_NONE,  /* removes the rules of any other kind */
	RULES_OWN,   /* tables that belong to the daemon, which loads them by libnftables */
	RULES_KEPT,  /* the same, which the kernel keeps when the daemon is killed */
	RULES_TRIAL, /* the same, but nothing is queued: to see what the kernel does by itself */
	RULES_TWIN,  /* the same as the daemon's own, but nobody's: to be compared with them */
	RULES_FORMATS
};

struct rules_kind {
	const char *name;     /* for --print-rules; NULL: of RULES_OWN and those behind it */
	const char *loader;   /* command that reads the rules from its standard input; NULL: who loads
				       them by libnftables holds them */
	const char *sentence; /* for icmpnatd --help */
	const struct rules_program *copies; /* NULL: errors about new flows leave as they are */
	const struct rules_program *queues; /* NULL: this kind removes the rules of the others */
};

/* A program that holds rules: nft, in tables icmpnatd; iptables, in chains ICMPNATD of its mangle tables. */
struct rules_program {
	/* Prints the part of the rules that this program has. */
	void (*print)(FILE *out, const struct config *config, const struct rules_kind *kind);
	/* Prints, as comments, what a firewall with policy drop must accept. */
	void (*print_advice)(FILE *out, const struct config *config);
	/* Prints shell commands that remove the rules, whether or not the program is installed. */
	void (*print_removal)(FILE *out);
};

/* What nft, iptables and ip call the things of IPv4, and those of IPv6. */
struct rules_family {
	int version;
	const char *table, *icmp, *protocol, *iptables;
	const char *far;   /* an address for documentation, which only a default route leads to */
	const char *types; /* the ICMP errors that icmpnatd translates, with commas in between */
};

#define RULES_FAMILIES 2
extern const struct rules_family rules_families[RULES_FAMILIES];

extern const struct rules_kind rules_kinds[RULES_FORMATS];   /* those with a name come first */
extern const struct rules_program rules_nft, rules_iptables; /* nft.c, iptables.c */

bool rules_strip_extensions(const struct config *config);
bool rules_are_needed(const struct config *config, const struct rules_family *family);
bool rules_name_hops(const struct config *config, const struct rules_family *family);
bool rules_can(enum rules_format format, const struct config *config);
const char *rules_flags(const struct rules_kind *kind);
bool rules_format_parse(enum rules_format *format, const char *text);
struct config rules_without_quotes(const struct config *config);
bool rules_differ(const struct config *a, const struct config *b);
bool rules_heed_policies(struct config *config);
void rules_print(FILE *out, const struct config *config, enum rules_format format);

#endif
