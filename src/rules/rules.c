/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules that bring errors to the daemon. The kernel drops an error about a
 * new flow when it is queued as it is (nfnetlink_queue: it shares an unconfirmed
 * conntrack entry), so a copy is queued in its place: nft's dup makes one that
 * belongs to no flow, after the kernel's own NAT has done its work. An error
 * that belongs to no flow anyway is queued directly.
 */
#include "rules/rules.h"

#include <net/if.h>
#include <string.h>

#include "rules/iptables.h"

#define TYPE_4(text) text,
#define TYPE_6(text)
#define ICMP_TYPE(name, version, type, text, unit) TYPE_##version(text)
static const char *const types4[] = {
#include "core/icmp_type.def"
	NULL};
#undef TYPE_4
#undef TYPE_6
#define TYPE_4(text)
#define TYPE_6(text) text,
static const char *const types6[] = {
#include "core/icmp_type.def"
	NULL};
#undef TYPE_4
#undef TYPE_6
#undef ICMP_TYPE

#define PRIVATE_V4(a, b, length, name) ", " #a "." #b ".0.0/" #length
#define PRIVATE_V6(first, length, name)
static const char private4[] =
#include "core/private.def"
	;
#undef PRIVATE_V4
#undef PRIVATE_V6
#define PRIVATE_V4(a, b, length, name)
#define PRIVATE_V6(first, length, name) ", " #first "::/" #length
static const char private6[] =
#include "core/private.def"
	", ff00::/8"; /* multicast */
#undef PRIVATE_V4
#undef PRIVATE_V6

/* The lists of private ranges begin behind their first comma. */
const struct rules_family rules_families[RULES_FAMILIES] = {
	{4, "ip", "icmp", "icmp", "iptables", private4 + 2, "192.0.2.1", types4},
	{6, "ip6", "icmpv6", "ipv6-icmp", "ip6tables", private6 + 2, "2001:db8::1", types6},
};

static void print_types(FILE *out, const struct rules_family *family)
{
	fprintf(out, "%s type { %s", family->icmp, family->types[0]);
	for (const char *const *type = family->types + 1; *type; type++)
		fprintf(out, ", %s", *type);
	fputs(" }", out);
}

/* One copy per outside interface: without its device the copy would be routed
 * by its destination alone, which is wrong where there are several uplinks. nft
 * keeps the device's index, so the rule goes by index, too (oif): for one that
 * was made anew under the same name it would send the copy nowhere. It refuses
 * all rules for the sake of one interface that is missing: that one is left out. */
static void print_clone_chain(FILE *out, const struct config *config, const struct rules_family *family)
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
		fprintf(out, "\t\toif \"%s\" iif 0 %s daddr != { %s } ", name, family->table,
			family->private);
		print_types(out, family);
		fprintf(out, " ct state related counter name \"copied\" dup to %s daddr device \"%s\" drop\n", family->table,
			name);
	}
	fputs("\t}\n", out);
}

static void print_queue_rule(FILE *out, const struct config *config, const struct rules_family *family,
	const char *outside, const char *state)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	fprintf(out, "\t\toifname \"%s\" %s daddr != { %s } ", outside, family->table, family->private);
	print_types(out, family);
	fprintf(out, " %s counter name \"queued\" ", state);
	if (first == last)
		fprintf(out, "queue flags bypass to %u\n", first);
	else
		fprintf(out, "queue flags bypass,fanout to %u-%u\n", first, last);
}

static void print_queue_chain(
	FILE *out, const struct config *config, const struct rules_family *family, enum rules_format format)
{
	const bool direct = format == RULES_DIRECT;

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

/* Replaces what is in the table, in one transaction with what follows. The chains
 * stay: when one goes, the kernel drops all that is queued (nfqnl_nf_hook_drop),
 * whoever's chain it was. So do the counters, which have names for that. Only a table that is to become our own is made anew. */
static void print_table_head(FILE *out, const char *family, enum rules_format format)
{
	const char *owner = format == RULES_OWN_AGAIN ? " flags owner; " : "";
	const char *clear = format == RULES_OWN ? "delete" : "flush";

	fprintf(out, "table %s icmpnatd {%s}\n%s table %s icmpnatd\ntable %s icmpnatd {\n", family, owner,
		clear, family, family);
	if (format == RULES_OWN || format == RULES_OWN_AGAIN)
		fputs("\tflags owner;\n", out);
	if (format != RULES_DIRECT)
		fputs("\tcounter copied { }\n", out);
	if (format != RULES_MIXED)
		fputs("\tcounter queued { }\n", out);
}

static void print_tables(FILE *out, const struct config *config, enum rules_format format)
{
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		const struct rules_family *family = &rules_families[i];

		print_table_head(out, family->table, format);
		if (format != RULES_DIRECT)
			print_clone_chain(out, config, family);
		if (format != RULES_MIXED)
			print_queue_chain(out, config, family, format);
		fputs("}\n", out);
	}
}

/* Copies are untracked in every later chain, which may not expect that. */
static void print_nft_advice(FILE *out)
{
	fputs("# A later chain with policy drop must accept what is queued:\n", out);
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		fputs("#\tct state { invalid, untracked } ", out);
		print_types(out, &rules_families[i]);
		fputs(" accept\n", out);
	}
}

/* The same, for iptables' filter table. */
static void print_iptables_advice(FILE *out)
{
	fputs("# A chain OUTPUT with policy DROP must accept what is queued:\n", out);
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		const struct rules_family *f = &rules_families[i];

		fputs("#\tfor type in", out);
		for (const char *const *type = f->types; *type; type++)
			fprintf(out, " %s", *type);
		fprintf(out,
			"; do %s -I OUTPUT -p %s --%s-type $type -m conntrack --ctstate INVALID,UNTRACKED -j "
			"ACCEPT; done\n",
			f->iptables, f->protocol, f->icmp);
	}
}

/* What the kinds without a copy lose. */
static void print_direct_advice(FILE *out)
{
	fputs("# Not captured: errors about new flows. A queue in output would lose them, so they leave as\n"
	      "# the kernel makes them: a rejected first packet and every probe of traceroute are\n"
	      "# answered from a private address, unless the kernel's own NAT makes it public.\n",
		out);
}

static void print_header(FILE *out, const struct config *config, const char *load)
{
	fprintf(out,
		"# Capture rules of icmpnatd for %s; load with: %s\n"
		"# Loading them again replaces them; no other table is touched.\n",
		config->files[0], load);
}

static void print_nft(FILE *out, const struct config *config)
{
	print_header(out, config, "icmpnatd --print-rules | nft -f -");
	print_nft_advice(out);
	print_tables(out, config, RULES_NFT);
}

static void print_direct(FILE *out, const struct config *config)
{
	print_header(out, config, "icmpnatd --print-rules=direct | nft -f -");
	print_direct_advice(out);
	print_tables(out, config, RULES_DIRECT);
}

static void print_mixed(FILE *out, const struct config *config)
{
	fputs("#!/bin/sh\n", out);
	print_header(out, config, "icmpnatd --print-rules=mixed | sh");
	print_nft_advice(out);
	fputs("set -e\nnft -f - <<'END'\n", out);
	print_tables(out, config, RULES_MIXED);
	fputs("END\n", out);
	rules_iptables_print(out, config, RULES_MIXED);
}

static void print_iptables(FILE *out, const struct config *config, enum rules_format format)
{
	const bool direct = format == RULES_IPTABLES_DIRECT;

	fputs("#!/bin/sh\n", out);
	print_header(out, config,
		direct ? "icmpnatd --print-rules=iptables-direct | sh"
		       : "icmpnatd --print-rules=iptables | sh");
	if (direct)
		print_direct_advice(out);
	else
		print_iptables_advice(out);
	fputs("set -e\n", out);
	rules_iptables_print(out, config, format);
}

/* Removes the rules of every kind. Either program may be missing. */
static void print_none(FILE *out)
{
	fputs("#!/bin/sh\n"
	      "# Removes the capture rules of icmpnatd; load with: icmpnatd --print-rules=none | sh\n"
	      "if command -v nft >/dev/null; then\n",
		out);
	for (size_t i = 0; i < RULES_FAMILIES; i++)
		fprintf(out, "\tnft 'table %s icmpnatd; delete table %s icmpnatd'\n", rules_families[i].table,
			rules_families[i].table);
	fputs("fi\n", out);
	for (size_t i = 0; i < RULES_FAMILIES; i++) {
		const char *iptables = rules_families[i].iptables;

		fprintf(out,
			"if command -v %s >/dev/null && %s -w -t mangle -D OUTPUT -j ICMPNATD 2>/dev/null; "
			"then\n"
			"\t%s -w -t mangle -F ICMPNATD\n\t%s -w -t mangle -X ICMPNATD\nfi\n",
			iptables, iptables, iptables, iptables);
	}
}

/* Those that are asked for by name; false for anything else. */
bool rules_format_parse(enum rules_format *format, const char *text)
{
	static const char *const names[] = {
		[RULES_NFT] = "nft",
		[RULES_MIXED] = "mixed",
		[RULES_DIRECT] = "direct",
		[RULES_IPTABLES] = "iptables",
		[RULES_IPTABLES_DIRECT] = "iptables-direct",
		[RULES_NONE] = "none",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], text) == 0) {
			*format = (enum rules_format)i;
			return true;
		}
	return false;
}

/* Prints the rules, with comments for the one who reads them. RULES_NONE needs no
 * configuration. The caller looks at ferror(out). */
void rules_print(FILE *out, const struct config *config, enum rules_format format)
{
	switch (format) {
	case RULES_NFT:
		print_nft(out, config);
		break;
	case RULES_MIXED:
		print_mixed(out, config);
		break;
	case RULES_DIRECT:
		print_direct(out, config);
		break;
	case RULES_IPTABLES:
	case RULES_IPTABLES_DIRECT:
		print_iptables(out, config, format);
		break;
	case RULES_OWN:
	case RULES_OWN_AGAIN:
		print_tables(out, config, format);
		break;
	case RULES_NONE:
		print_none(out);
		break;
	}
}
