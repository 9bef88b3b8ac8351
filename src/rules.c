/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules that bring errors to the daemon. The kernel drops an error about a
 * new flow when it is queued as it is (nfnetlink_queue: it shares an unconfirmed
 * conntrack entry), so a copy is queued in its place: nft's dup makes one that
 * belongs to no flow, after the kernel's own NAT has done its work. An error
 * that belongs to no flow anyway is queued directly.
 */
#include "rules.h"

#include <net/if.h>
#include <string.h>

#include "core/icmp_error.h"

/* What differs between the families. */
static const struct family {
	uint8_t version;
	const char *table, *icmp, *protocol, *iptables;
	const char *private; /* destinations that are none of our business, see address_is_private() */
} families[] = {
	{4, "ip", "icmp", "icmp", "iptables",
		"10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16"},
	{6, "ip6", "icmpv6", "ipv6-icmp", "ip6tables", "fc00::/7, fe80::/10, ff00::/8"},
};

static const struct {
	uint8_t version;
	const char *name;
} types[] = {
#define ICMP_TYPE(name, version, type, text, unit) {version, text},
#include "core/icmp_type.def"
#undef ICMP_TYPE
};

#define N_FAMILIES (sizeof(families) / sizeof(families[0]))
#define N_TYPES	   (sizeof(types) / sizeof(types[0]))

static void print_types(FILE *out, const struct family *family)
{
	const char *separator = "";

	fprintf(out, "%s type { ", family->icmp);
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].version == family->version) {
			fprintf(out, "%s%s", separator, types[i].name);
			separator = ", ";
		}
	fputs(" }", out);
}

/* One copy per outside interface: without its device the copy would be routed
 * by its destination alone, which is wrong where there are several uplinks. nft
 * keeps the device's index, so the rule goes by index, too (oif): for one that
 * was made anew under the same name it would send the copy nowhere. It refuses
 * all rules for the sake of one interface that is missing: that one is left out. */
static void print_clone_chain(FILE *out, const struct config *config, const struct family *family)
{
	fputs("\t# Errors that this host emits (iif 0) about a flow: after the kernel's own NAT (srcnat), a\n"
	      "\t# copy takes the place of each. It is untracked, passes output and is queued there.\n"
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
		fprintf(out, " ct state related counter dup to %s daddr device \"%s\" drop\n", family->table,
			name);
	}
	fputs("\t}\n", out);
}

static void print_queue_chain(FILE *out, const struct config *config, const struct family *family)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	fputs("\t# Those copies, and errors about packets that belong to no flow (stateless NAT). With no\n"
	      "\t# daemon on the queue they leave as they are (bypass).\n"
	      "\tchain output {\n"
	      "\t\ttype filter hook output priority mangle; policy accept;\n",
		out);
	for (size_t i = 0; i < config->n_outside; i++) {
		fprintf(out, "\t\toifname \"%s\" %s daddr != { %s } ", config->outside[i].name, family->table,
			family->private);
		print_types(out, family);
		fputs(" ct state { invalid, untracked } counter ", out);
		if (first == last)
			fprintf(out, "queue flags bypass to %u\n", first);
		else
			fprintf(out, "queue flags bypass,fanout to %u-%u\n", first, last);
	}
	fputs("\t}\n", out);
}

/* "table; delete table" first makes a second load replace the first one, in one
 * transaction. */
static void print_tables(FILE *out, const struct config *config, bool with_queue)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *family = &families[i];

		fprintf(out, "table %s icmpnatd\ndelete table %s icmpnatd\ntable %s icmpnatd {\n",
			family->table, family->table, family->table);
		print_clone_chain(out, config, family);
		if (with_queue)
			print_queue_chain(out, config, family);
		fputs("}\n", out);
	}
}

/* A chain of our own in iptables' mangle table. iptables-restore empties and
 * fills it in one transaction. */
static void print_restore(FILE *out, const struct config *config, const struct family *family)
{
	unsigned first = config->queue.number, last = first + config->queue.workers - 1;

	fprintf(out, "%s-restore -w --noflush <<'END'\n*mangle\n:ICMPNATD - [0:0]\n", family->iptables);
	for (const char *p = family->private; *p; p += strspn(p, ", ")) {
		int length = (int)strcspn(p, ",");

		fprintf(out, "-A ICMPNATD -d %.*s -j RETURN\n", length, p);
		p += length;
	}
	for (size_t i = 0; i < config->n_outside * N_TYPES; i++) {
		if (types[i % N_TYPES].version != family->version)
			continue;
		fprintf(out,
			"-A ICMPNATD -o %s -p %s --%s-type %s -m conntrack --ctstate INVALID,UNTRACKED -j "
			"NFQUEUE ",
			config->outside[i / N_TYPES].name, family->protocol, family->icmp,
			types[i % N_TYPES].name);
		if (first == last)
			fprintf(out, "--queue-num %u --queue-bypass\n", first);
		else
			fprintf(out, "--queue-balance %u:%u --queue-cpu-fanout --queue-bypass\n", first,
				last);
	}
	fprintf(out,
		"COMMIT\nEND\n%s -w -t mangle -C OUTPUT -j ICMPNATD 2>/dev/null ||\n"
		"\t%s -w -t mangle -A OUTPUT -j ICMPNATD\n",
		family->iptables, family->iptables);
}

static void print_header(FILE *out, const struct config *config, const char *load)
{
	fprintf(out,
		"# Capture rules of icmpnatd for %s; load with: %s\n"
		"# Loading them again replaces them; no other table is touched.\n"
		"# A later chain with policy drop must accept what is queued:\n",
		config->files[0], load);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		fputs("#\tct state { invalid, untracked } ", out);
		print_types(out, &families[i]);
		fputs(" accept\n", out);
	}
}

static void print_iptables(FILE *out, const struct config *config)
{
	fputs("#!/bin/sh\n", out);
	print_header(out, config, "icmpnatd --print-rules=iptables | sh");
	fputs("set -e\nnft -f - <<'END'\n", out);
	print_tables(out, config, false);
	fputs("END\n", out);
	for (size_t i = 0; i < N_FAMILIES; i++)
		print_restore(out, config, &families[i]);
}

static void print_none(FILE *out)
{
	fputs("#!/bin/sh\n# Removes the capture rules of icmpnatd; load with: icmpnatd --print-rules=none | "
	      "sh\n",
		out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *f = &families[i];

		fprintf(out, "nft 'table %s icmpnatd; delete table %s icmpnatd'\n", f->table, f->table);
		fprintf(out,
			"if command -v %s >/dev/null && %s -w -t mangle -D OUTPUT -j ICMPNATD 2>/dev/null; "
			"then\n"
			"\t%s -w -t mangle -F ICMPNATD\n\t%s -w -t mangle -X ICMPNATD\nfi\n",
			f->iptables, f->iptables, f->iptables, f->iptables);
	}
}

/* "nft", "iptables" or "none"; false for anything else. */
bool rules_format_parse(enum rules_format *format, const char *text)
{
	static const char *const names[] = {
		[RULES_NFT] = "nft", [RULES_IPTABLES] = "iptables", [RULES_NONE] = "none"};

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
		print_header(out, config, "icmpnatd --print-rules | nft -f -");
		print_tables(out, config, true);
		break;
	case RULES_IPTABLES:
		print_iptables(out, config);
		break;
	case RULES_NONE:
		print_none(out);
		break;
	}
}
