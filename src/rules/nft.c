/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture rules as nft has them: a chain that copies, after the kernel's own NAT, and one that queues.
 */
#include <net/if.h>

#include "rules/rules.h"

/* Prints the chain that copies, with one rule for each outside interface: without its device the copy would
 * be routed by its destination alone, which is wrong where there are several uplinks. nft keeps the
 * device's index, so the rule goes by index, too (oif): for one that was made anew under the same name it
 * would send the copy nowhere. nft refuses all rules for the sake of one interface that is missing, so the
 * rule of that one is printed as a comment. */
static void print_copy_chain(FILE *out, const struct config *config, const struct rules_family *family)
{
	fputs("\t# Errors that this host emits (iif 0) about a flow: after the kernel's own NAT (srcnat), a\n"
	      "\t# copy takes the place of each. It is untracked, passes output and is queued there.\n"
	      "\t# Its way is looked up by interface and destination alone: each interface needs a default\n"
	      "\t# route that \"ip route get fibmatch 192.0.2.1 oif NAME\" (2001:db8::1) finds.\n"
	      "\tchain postrouting {\n"
	      "\t\ttype filter hook postrouting priority srcnat + 10; policy accept;\n",
		out);
	for (size_t i = 0; i < config->n_outside; i++) {
		const char *name = config->outside[i].name;

		if (!if_nametoindex(name))
			fprintf(out, "\t\t# %s is not there now; load the rules again when it is\n\t\t#",
				name);
		fprintf(out,
			"\t\toif \"%s\" iif 0 %s daddr != { %s } %s type { %s } ct state related "
			"counter name \"copied\" dup to %s daddr device \"%s\" drop\n",
			name, family->table, family->private, family->icmp, family->types, family->table,
			name);
	}
	fputs("\t}\n", out);
}

/* Prints the rule that queues the errors of one outside interface whose conntrack state matches. */
static void print_queue_rule(FILE *out, const struct config *config, const struct rules_family *family,
	const char *outside, const char *state)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	fprintf(out, "\t\toifname \"%s\" %s daddr != { %s } %s type { %s } %s counter name \"queued\" ",
		outside, family->table, family->private, family->icmp, family->types, state);
	if (first == last)
		fprintf(out, "queue flags bypass to %u\n", first);
	else
		fprintf(out, "queue flags bypass,fanout to %u-%u\n", first, last);
}

/* Prints the chain that queues: copies, or if direct the errors themselves that a queue does not lose. */
static void print_queue_chain(
	FILE *out, const struct config *config, const struct rules_family *family, bool direct)
{
	fputs(direct ? "\t# Errors about flows that have been confirmed, and about packets that belong to no "
		       "flow\n"
		       "\t# (stateless NAT). With no daemon on the queue they leave as they are (bypass).\n"
		     : "\t# Those copies, and errors about packets that belong to no flow (stateless NAT). "
		       "With no\n"
		       "\t# daemon on the queue they leave as they are (bypass).\n",
		out);
	fputs("\tchain output {\n"
	      "\t\ttype filter hook output priority mangle; policy accept;\n",
		out);
	for (size_t i = 0; i < config->n_outside; i++) {
		const char *name = config->outside[i].name;

		if (direct)
			print_queue_rule(out, config, family, name, "ct state related ct status confirmed");
		print_queue_rule(out, config, family, name, "ct state { invalid, untracked }");
	}
	fputs("\t}\n", out);
}

/* Prints the head of a table, which replaces what is in it, in one transaction with what follows. The
 * chains stay: when one goes, the kernel drops all that is queued (nfqnl_nf_hook_drop), whichever chain
 * queued it. So do the counters, which have names for that. */
static void print_table_head(FILE *out, const struct rules_family *family, const struct rules_kind *kind)
{
	const char *table = family->table;

	fprintf(out, "table %s icmpnatd {%s}\nflush table %s icmpnatd\ntable %s icmpnatd {\n", table,
		kind->name ? "" : " flags owner; ", table, table);
	if (!kind->name)
		fputs("\tflags owner;\n", out);
	if (kind->copies == &rules_nft)
		fputs("\tcounter copied { }\n", out);
	if (kind->queues == &rules_nft)
		fputs("\tcounter queued { }\n", out);
}

static void nft_print(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++) {
		print_table_head(out, f, kind);
		if (kind->copies == &rules_nft)
			print_copy_chain(out, config, f);
		if (kind->queues == &rules_nft)
			print_queue_chain(out, config, f, !kind->copies);
		fputs("}\n", out);
	}
}

/* Prints what a later chain with policy drop must accept: copies are untracked there. */
static void nft_advise(FILE *out)
{
	fputs("# A later chain with policy drop must accept what is queued:\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++)
		fprintf(out, "#\tct state { invalid, untracked } %s type { %s } accept\n", f->icmp, f->types);
}

static void nft_remove(FILE *out)
{
	fputs("if command -v nft >/dev/null; then\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++)
		fprintf(out, "\tnft 'table %s icmpnatd; delete table %s icmpnatd'\n", f->table, f->table);
	fputs("fi\n", out);
}

const struct rules_program rules_nft = {nft_print, nft_advise, nft_remove};
