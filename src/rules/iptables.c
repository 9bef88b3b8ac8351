/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The capture rules as iptables has them: a chain of our own in the mangle table, which iptables-restore
 * empties and fills in one transaction. iptables can copy (TEE) in the mangle table only, before the
 * kernel's NAT: the copy, which NAT passes by, would keep the inner packet as NAT made it. So errors about
 * a flow with NAT are left to the kernel, which then does all that is needed.
 */
#include <string.h>

#include "rules/span.h"

/* The kernel emits an error from a socket; a copy has none. */
#define IS_ERROR "-m owner --socket-exists"
#define IS_COPY	 "-m owner ! --socket-exists"

#define SOURCES_MAX 64 /* ranges of sources that are rules of their own */

/* Returns what follows an item in a list with commas in between; "" at its end. */
static const char *next_item(const char *item)
{
	item += strcspn(item, ",");
	return item + strspn(item, ", ");
}

static int item_length(const char *item)
{
	return (int)strcspn(item, ",");
}

/* Prints the rules for errors to private neighbours, whose quotes iptables cannot see, and groups. What nft
 * has copied, is for those who know public addresses. */
static void print_peers(FILE *out, const struct rules_family *family)
{
	char text[CONFIG_RANGE_TEXT];

	for (const struct address_range *r = address_ranges(family->version); r->name; r++) {
		if (r->kind == ADDRESS_MAPPED)
			continue;
		if (config_range_text(r->first, r->last, text))
			fprintf(out, "-A ICMPNATD -d %s -j RETURN\n", text);
		else
			fprintf(out, "-A ICMPNATD -m iprange --dst-range %s -j RETURN\n", text);
	}
}

/* Prints what stands before the first rule for an interface: the errors that are left to the kernel. */
static void print_returns(FILE *out, const struct rules_family *family, const struct rules_kind *kind)
{
	fprintf(out, "-A ICMPNATD ! -p %s -j RETURN\n", family->protocol);
	if (kind->copies == &rules_nft)
		fputs("# What is no copy\n-A ICMPNATD " IS_ERROR " -j RETURN\n", out);
	else
		print_peers(out, family);
	if (kind->copies == &rules_iptables)
		fputs("# What the kernel's own NAT makes public, outer source and inner packet\n"
		      "-A ICMPNATD -m conntrack --ctstate SNAT,DNAT -j RETURN\n",
			out);
	if (!kind->copies)
		fputs("# Errors about new flows, which a queue would lose\n"
		      "-A ICMPNATD -m conntrack --ctstate RELATED ! --ctstatus CONFIRMED -j RETURN\n",
			out);
}

/* Prints the start of a rule for errors of one type that leave by one interface. */
static void print_match(
	FILE *out, const struct rules_family *family, const char *outside, const char *type, const char *test)
{
	fprintf(out, "-A ICMPNATD -o %s -p %s --%s-type %.*s %s -j ", outside, family->protocol, family->icmp,
		item_length(type), type, test);
}

static void print_queue(FILE *out, const struct config *config, const struct rules_family *family,
	const char *outside, const char *test)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	for (const char *type = family->types; *type; type = next_item(type)) {
		print_match(out, family, outside, type, test);
		if (first == last)
			fprintf(out, "NFQUEUE --queue-num %u", first);
		else
			fprintf(out, "NFQUEUE --queue-balance %u:%u --queue-cpu-fanout", first, last);
		fputs(config->audit ? "\n" : " --queue-bypass\n", out);
	}
}

/* Prints the rules that copy what leaves by one interface and passes a test. TEE sends the copy where a
 * packet to its gateway would go. For an address that only the default route leads to, that is the next hop
 * of the moment. In audit, the error itself goes on. */
static void print_tee(FILE *out, const struct config *config, const struct rules_family *family,
	const char *outside, const char *test)
{
	for (const char *type = family->types; *type; type = next_item(type)) {
		print_match(out, family, outside, type, test);
		fprintf(out, "TEE --gateway %s --oif %s\n", family->far, outside);
		if (config->audit)
			continue;
		print_match(out, family, outside, type, test);
		fputs("DROP\n", out);
	}
}

/* Tells whether all errors that leave by an interface must be read: the file says so, maps are about the
 * quoted addresses, which iptables cannot see, or there are too many sources. Nor can it see extensions,
 * which are translated where an error is read anyway. */
static bool copies_all(
	const struct config *config, const struct rules_family *family, const struct config_outside *outside)
{
	struct span_maps inner = {.table = &outside->maps[ADDRMAP_INNER], .family = family};
	struct span span;

	return config->lookup == LOOKUP_ALWAYS || rules_strip_extensions(config) ||
	       span_next_map(&inner, &span) || outside->maps[ADDRMAP_OUTER].n_ranges > SOURCES_MAX;
}

/* Prints the rules that copy what leaves by one interface: all errors, or those whose source is private or
 * mapped. */
static void print_copies(FILE *out, const struct config *config, const struct rules_family *family,
	const struct config_outside *outside)
{
	char test[160], first[CONFIG_PREFIX_TEXT], last[CONFIG_PREFIX_TEXT];
	struct span_union walk;
	struct span span;

	if (copies_all(config, family, outside)) {
		print_tee(out, config, family, outside->name, IS_ERROR);
		return;
	}
	span_union_begin(&walk, &outside->maps[ADDRMAP_OUTER], family);
	while (span_union_next(&walk, &span)) {
		config_prefix_text((struct prefix){span.first, 128}, first);
		config_prefix_text((struct prefix){span.last, 128}, last);
		snprintf(test, sizeof(test), IS_ERROR " -m iprange --src-range %s-%s", first, last);
		print_tee(out, config, family, outside->name, test);
	}
}

/* Prints the shell commands that print the rules for what leaves by one interface: to copy it if the copy has
 * a way, else to queue the errors themselves that belong to no flow; in audit, nothing then. */
static void print_copy(FILE *out, const struct config *config, const struct rules_family *family,
	const struct config_outside *outside)
{
	fprintf(out, "if routed %d %s %s; then cat <<'END'\n", family->version, family->far, outside->name);
	print_copies(out, config, family, outside);
	fprintf(out,
		"END\n"
		"else echo 'icmpnatd: no IPv%d router by way of %s: errors%s leave as they are' "
		">&2\ncat <<'END'\n",
		family->version, outside->name, config->audit ? ", which are not seen," : " about flows");
	if (!config->audit)
		print_queue(out, config, family, outside->name, "-m conntrack --ctstate INVALID,UNTRACKED");
	fputs("END\nfi\n", out);
}

/* Prints the shell commands that load the chain of one family. */
static void print_restore(FILE *out, const struct config *config, const struct rules_family *family,
	const struct rules_kind *kind)
{
	fputs("{ cat <<'END'\n*mangle\n:ICMPNATD - [0:0]\n", out);
	print_returns(out, family, kind);
	if (kind->copies == &rules_iptables) {
		fputs("END\n", out);
		for (size_t i = 0; i < config->n_outside; i++)
			print_copy(out, config, family, &config->outside[i]);
		fputs("cat <<'END'\n", out);
	}
	for (size_t i = 0; i < config->n_outside; i++)
		print_queue(out, config, family, config->outside[i].name,
			kind->copies ? IS_COPY : "-m conntrack --ctstate RELATED,INVALID,UNTRACKED");
	fprintf(out,
		"COMMIT\nEND\n} | %s-restore -w --noflush\n"
		"%s -w -t mangle -C OUTPUT -j ICMPNATD 2>/dev/null ||\n"
		"\t%s -w -t mangle -A OUTPUT -j ICMPNATD\n",
		family->iptables, family->iptables, family->iptables);
}

/* Prints the shell commands that remove the chain of one family, if it is there. */
static void print_chain_removal(FILE *out, const struct rules_family *family)
{
	const char *iptables = family->iptables;

	fprintf(out,
		"if command -v %s >/dev/null && %s -w -t mangle -D OUTPUT -j ICMPNATD 2>/dev/null; "
		"then\n"
		"\t%s -w -t mangle -F ICMPNATD\n\t%s -w -t mangle -X ICMPNATD\nfi\n",
		iptables, iptables, iptables, iptables);
}

/* Prints shell commands, which expect that "set -e" holds. The chain of a family goes if it needs none. */
static void iptables_print(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	if (kind->copies == &rules_iptables)
		fputs("# Whether a copy can leave by an interface: by way of a router, or without a "
		      "neighbour.\n"
		      "# Where it cannot, errors about flows are left to the kernel.\n"
		      "routed() {\n"
		      "\tcase $(ip \"-$1\" route get fibmatch \"$2\" oif \"$3\" 2>/dev/null) in\n"
		      "\t*' via '*) ;;\n"
		      "\t?*) ip link show dev \"$3\" | grep -q NOARP ;;\n"
		      "\t*) false ;;\n"
		      "\tesac\n"
		      "}\n",
			out);
	for (size_t i = 0; i < RULES_FAMILIES; i++)
		if (rules_are_needed(config, &rules_families[i]))
			print_restore(out, config, &rules_families[i], kind);
		else
			print_chain_removal(out, &rules_families[i]);
}

/* Prints what a chain must accept of the errors of a family that leave by an interface. */
static void print_accept(FILE *out, const struct rules_family *f, const char *interface)
{
	fputs("#\tfor type in", out);
	for (const char *type = f->types; *type; type = next_item(type))
		fprintf(out, " %.*s", item_length(type), type);
	fprintf(out,
		"; do %s -I OUTPUT -o %s -p %s --%s-type $type -m conntrack --ctstate INVALID,UNTRACKED -j "
		"ACCEPT; done\n",
		f->iptables, interface, f->protocol, f->icmp);
}

static void iptables_advise(FILE *out, const struct config *config)
{
	fputs("# A chain OUTPUT with policy DROP must accept what is queued:\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++)
		for (size_t i = 0; i < config->n_outside; i++)
			print_accept(out, f, config->outside[i].name);
}

static void iptables_remove(FILE *out)
{
	for (size_t i = 0; i < RULES_FAMILIES; i++)
		print_chain_removal(out, &rules_families[i]);
}

const struct rules_program rules_iptables = {iptables_print, iptables_advise, iptables_remove};
