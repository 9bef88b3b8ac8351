/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kind of capture rules: which program copies errors, which one queues them,
 * and who loads the result.
 */
#ifndef RULES_KIND_H
#define RULES_KIND_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

struct rules_kind {
	const char *name;		    /* for --print-rules; NULL: only the daemon loads this kind */
	const char *loader;		    /* command that reads the rules from its standard input */
	const char *sentence;		    /* for icmpnatd --help */
	const struct rules_program *copies; /* NULL: errors about new flows leave as they are */
	const struct rules_program *queues; /* NULL: this kind removes the rules of the others */
	bool owned;			    /* nft's tables end with the socket that loads them */
	bool anew;			    /* .. and replace any that have the same names */
};

/* A program that holds capture rules: nft, in tables icmpnatd, or iptables, in
 * chains ICMPNATD of its mangle tables. */
struct rules_program {
	/* Prints the part of the rules that this program has. */
	void (*print)(FILE *out, const struct config *config, const struct rules_kind *kind);
	/* Prints, as comments, what a firewall with policy drop must accept. */
	void (*print_advice)(FILE *out);
	/* Prints shell commands that remove the rules, whether or not the program is installed. */
	void (*print_removal)(FILE *out);
};

extern const struct rules_program rules_nft, rules_iptables;

#endif
