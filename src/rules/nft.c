/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The rules as nft has them: a chain that sees every error after the kernel's own NAT, changes in place what
 * it can and copies what must be read, and a chain that queues. In output, a copy is told by its socket: the
 * kernel emits an error from one, and a copy has none. In postrouting, what this host emits has no input
 * interface, but dup has given a copy one (ip_output, Linux 5.7), its output interface; what is forwarded
 * has another. So nothing here makes the kernel track connections.
 */
#include "rules/nft_error.h"

#define HAS_SOCKET "meta cgroup != 4294967295" /* the group of a packet's socket, whatever it is */

static struct nft_error error_of(
	FILE *out, const struct config *config, const struct rules_family *family, size_t outside)
{
	return (struct nft_error){out, config, &config->outside[outside], family};
}

/* Prints something for each outside interface. */
static void for_each(FILE *out, const struct config *config, const struct rules_family *family,
	void (*print)(const struct nft_error *))
{
	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		print(&error);
	}
}

/* Prints the match for errors that leave by an interface. */
static void print_nft_match(const struct nft_error *error)
{
	fprintf(error->out, "oifname \"%s\" %s type { %s } ", error->outside->name, error->family->icmp,
		error->family->types);
}

/* The bit by which a copy is told from those that other programs make (TEE to a sensor, for instance), until
 * it is queued: the first behind the ICMP checksum, in audit the second, neither of which is used, or both
 * too high for a pointer; in ICMPv6, where the length of the quote stands there, two that are too high for an
 * MTU, too. (Linux 7.2 lets nft write neither flags nor length of an IPv4 header.) What ^ says is listed as
 * it was loaded; what & says is not.
 *
 * An error may be copied by the rules of one mode, and its copy find those of the other, which replace them
 * at that moment: a copy whose error is gone leaves, one whose error has left does not. */
struct mark {
	const char *set, *missing, *clear;
	const char *foreign, *fate; /* the test for a copy of the other mode, and what becomes of it */
};

static const struct mark *mark_of(const struct config *config, const struct rules_family *family)
{
	static const struct mark live[] = {
		{"@th,32,8 < 0x40 @th,32,8 set @th,32,8 ^ 0x80", "@th,32,8 < 0x40",
			"@th,32,8 set @th,32,8 ^ 0x80", "@th,32,8 < 0x80", "drop"},
		{"@th,40,8 0 @th,40,8 set 0x80", "@th,40,8 != 0x40 @th,40,8 != 0x80", "@th,40,8 set 0",
			"@th,40,8 0x40", "drop"},
	};
	static const struct mark audit[] = {
		{"@th,32,8 < 0x40 @th,32,8 set @th,32,8 ^ 0x40", "@th,32,8 < 0x40",
			"@th,32,8 set @th,32,8 ^ 0x40", "@th,32,8 >= 0x80 @th,32,8 set @th,32,8 ^ 0x80",
			"accept"},
		{"@th,40,8 0 @th,40,8 set 0x40", "@th,40,8 != 0x40 @th,40,8 != 0x80", "@th,40,8 set 0",
			"@th,40,8 0x80 @th,40,8 set 0", "accept"},
	};

	return &(config->audit ? audit : live)[family->version == 6];
}

/* Prints the chain that replaces an error by a copy, which goes to the router to which the error would have
 * gone, so that it needs no route of its own. Without a router, in IPv6, the route of the error may be one
 * for its source alone; links without neighbours (ARPHRD_PPP, _TUNNEL, _TUNNEL6, _SIT, _IPGRE, _IP6GRE,
 * _NONE) take any other, and each has one for all nodes. In audit, the error itself goes on. */
static void print_copy_chain(FILE *out, const struct config *config, const struct rules_family *family)
{
	char then[64] = "drop";

	if (config->audit)
		snprintf(then, sizeof(then), "%s accept", mark_of(config, family)->clear);
	fputs("\tchain copy {\n", out);
	if (family->version == 6)
		fprintf(out,
			"\t\tmeta oiftype { 512, 768, 769, 776, 778, 823, 65534 } dup to ff02::1 device oif "
			"%s\n",
			then);
	fprintf(out, "\t\tdup to rt nexthop device oif %s\n\t}\n", then);
}

/* Prints the chain for errors that must be read: a copy takes the place of each, unless it has the bit by
 * which copies are told. Without copies, they were queued before. */
static void print_read_chain(const struct nft_error *error, bool copies)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", nft_name(name, "read", error->outside));
	if (copies)
		fprintf(error->out, "\t\t%s counter name \"%s\" goto copy\n",
			mark_of(error->config, error->family)->set, nft_name(name, "copied", error->outside));
	fprintf(error->out, "\t\tcounter name \"%s\"\n", nft_name(name, "unread", error->outside));
	fputs("\t}\n", error->out);
}

static void print_policies_rule(const struct nft_error *error)
{
	if (error->config->kernel == CONFIG_KERNEL_HEEDS_POLICIES)
		fputs("\t\trt ipsec exists accept # a policy wants it as it is\n", error->out);
}

/* Prints the chain for errors that have no input interface. What a bridge forwards has none either
 * (br_netfilter), and no socket; nor have errors of this host that another program's queue gave back, which
 * are rare on a bridge. */
static void print_emitted_chain(const struct nft_error *error)
{
	char name[NFT_NAME_MAX], outside[NFT_NAME_MAX];

	nft_name(outside, "outside", error->outside);
	fprintf(error->out, "\tchain %s {\n", nft_name(name, "emitted", error->outside));
	print_policies_rule(error);
	fprintf(error->out,
		"\t\t" HAS_SOCKET " goto %s\n"
		"\t\tmeta oifkind \"bridge\" accept\n"
		"\t\tgoto %s\n\t}\n",
		outside, outside);
}

/* Prints the chain for errors of other hosts. One that is a fragment of a packet stays as its others are. */
static void print_forwarded_chain(const struct nft_error *error)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", nft_name(name, "forwarded", error->outside));
	print_policies_rule(error);
	fprintf(error->out, "\t\t%s accept\n\t\tgoto %s\n\t}\n",
		error->family->version == 4 ? "ip frag-off & 0x3fff != 0" : "exthdr frag exists",
		nft_name(name, "outside", error->outside));
}

/* Prints the rule that leads there what came in by an interface that does not lead outside. */
static void print_forwarded_rule(const struct nft_error *error)
{
	const struct config *config = error->config;
	char name[NFT_NAME_MAX];

	fputs("\t\tiif != 0 ", error->out);
	print_nft_match(error);
	for (size_t i = 0; i < config->n_outside; i++)
		fprintf(error->out, "iifname != \"%s\" ", config->outside[i].name);
	fprintf(error->out, "goto %s\n", nft_name(name, "forwarded", error->outside));
}

/* Prints the chain that mends a sum after a change. */
static void print_checksum_chain(FILE *out, const struct rules_family *family)
{
	const char *header = family->version == 4 ? "ip" : family->icmp;

	fprintf(out,
		"\tchain checksum {\n\t\t# as 0, not as 0xffff, which nft writes (RFC 1624)\n"
		"\t\t%s checksum 0xffff %s checksum set 0\n\t}\n",
		header, header);
}

/* Prints the chain with the hook behind the kernel's own NAT. */
static void print_postrouting_hook(
	FILE *out, const struct config *config, const struct rules_family *family, bool forwarded)
{
	char name[NFT_NAME_MAX];

	fputs("\tchain postrouting {\n"
	      "\t\ttype filter hook postrouting priority srcnat + 10; policy accept;\n",
		out);
	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		fputs("\t\tiif 0 ", out);
		print_nft_match(&error);
		fprintf(out, "goto %s\n", nft_name(name, "emitted", error.outside));
		if (forwarded)
			print_forwarded_rule(&error);
	}
	fputs("\t}\n", out);
}

/* Prints the chain with the hook behind the kernel's own NAT, and those that it leads to. */
static void print_postrouting(
	FILE *out, const struct config *config, const struct rules_family *family, bool copies)
{
	char source[NFT_NAME_MAX + 8], read[NFT_NAME_MAX + 8], name[NFT_NAME_MAX];

	print_checksum_chain(out, family);
	if (copies)
		print_copy_chain(out, config, family);
	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		snprintf(source, sizeof(source), "goto %s", nft_name(name, "source", error.outside));
		snprintf(read, sizeof(read), "goto %s", nft_name(name, "read", error.outside));
		print_read_chain(&error, copies);
		nft_print_source(&error, read);
		nft_print_inner(&error, read);
		nft_print_peers(&error, "outside", true);
		nft_print_sight(&error, "outside", true, source, read);
		print_emitted_chain(&error);
		if (config->forwarded)
			print_forwarded_chain(&error);
	}
	print_postrouting_hook(out, config, family, config->forwarded);
}

/* Prints the same for a family of which nothing but hops' names is wanted. */
static void print_hop_names(FILE *out, const struct config *config, const struct rules_family *family)
{
	print_checksum_chain(out, family);
	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		nft_print_hop_chain(&error, "outside");
		print_emitted_chain(&error);
	}
	print_postrouting_hook(out, config, family, false);
}

/* Prints the rule that counts what is handed over to a queue, with a test in front and the verdict behind. */
static void print_handed_over(const struct nft_error *error, const char *test, const char *verdict)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\t\t%s%scounter name \"%s\"%s%s\n", test, *test ? " " : "",
		nft_name(name, "queued", error->outside), *verdict ? " " : "", verdict);
}

/* Prints the rule that counts what is queued and, if nft does that, queues it; with a test in front. */
static void print_queue_rule(const struct nft_error *error, const char *test, bool queues)
{
	const unsigned first = error->config->queue.number, last = first + error->config->queue.workers - 1;
	const bool audit = error->config->audit; /* then nothing passes by the queue */
	char verdict[64] = "";

	if (queues && first == last)
		snprintf(verdict, sizeof(verdict), "queue %sto %u", audit ? "" : "flags bypass ", first);
	else if (queues)
		snprintf(verdict, sizeof(verdict), "queue flags %sfanout to %u-%u", audit ? "" : "bypass,",
			first, last);
	print_handed_over(error, test, verdict);
}

/* Prints the chain for copies that leave by one interface. Until they are queued they become what the error
 * was. */
static void print_copies_chain(const struct nft_error *error, bool queues)
{
	const struct mark *mark = mark_of(error->config, error->family);
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n\t\t%s return\n", nft_name(name, "queue", error->outside),
		mark->missing);
	if (error->family->version ==
		4) /* clears the bit that dup sets, where the kernel lets it: don't fragment */
		fputs("\t\tip frag-off set ip frag-off & 0xbfff\n"
		      "\t\tip checksum 0xffff ip checksum set 0\n",
			error->out);
	print_handed_over(error, mark->foreign, mark->fate);
	fprintf(error->out, "\t\t%s\n", mark->clear);
	print_queue_rule(error, "", queues);
	fputs("\t}\n", error->out);
}

/* Prints the chains for errors that leave by one interface and are queued themselves: those that must be read
 * and that a queue does not lose. */
static void print_direct_chains(const struct nft_error *error)
{
	char name[NFT_NAME_MAX], queue[NFT_NAME_MAX + 8];

	fprintf(error->out, "\tchain %s {\n", nft_name(name, "queue", error->outside));
	print_queue_rule(error, "ct state related ct status confirmed", true);
	print_queue_rule(error, "ct state { invalid, untracked }", true);
	fputs("\t}\n", error->out);
	snprintf(queue, sizeof(queue), "goto %s", name);
	nft_print_peers(error, "direct", false);
	nft_print_sight(error, "direct", false, "return", queue);
}

/* Prints the chain with the hook in output, and those that it leads to. Where iptables queues, in its mangle
 * table, it comes before that. */
static void print_output(FILE *out, const struct config *config, const struct rules_family *family,
	const struct rules_kind *kind)
{
	const bool queues = kind->queues == &rules_nft;
	char name[NFT_NAME_MAX];

	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		if (kind->copies)
			print_copies_chain(&error, queues);
		else
			print_direct_chains(&error);
	}
	fprintf(out, "\tchain output {\n\t\ttype filter hook output priority mangle%s; policy accept;\n%s",
		queues ? "" : " - 1", kind->copies ? "\t\t" HAS_SOCKET " return\n" : "");
	for (size_t i = 0; i < config->n_outside; i++) {
		const struct nft_error error = error_of(out, config, family, i);

		fputs("\t\t", out);
		print_nft_match(&error);
		fprintf(out, "goto %s\n", nft_name(name, kind->copies ? "queue" : "direct", error.outside));
	}
	if (config->audit) /* while an interface is taken out of the rules, for instance */
		fputs(family->version == 4
				? "\t\ticmp type 3 @th,32,8 >= 0x40 @th,32,8 < 0x80 drop\n"
				  "\t\ticmp type 11-12 @th,32,8 >= 0x40 @th,32,8 < 0x80 drop\n"
				: "\t\tmeta l4proto ipv6-icmp icmpv6 type < 128 @th,40,8 0x40 drop\n",
			out);
	fputs("\t}\n", out);
}

/* Prints the counters, which have names so that they stay when the rules are replaced. */
static void print_counters(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	const struct {
		const char *name;
		bool is_needed;
	} counters[] = {
		{"private-peer", true},
		{"untouched", true},
		{"outer", true},
		{"both", config_kernel_changes_quotes(config)},
		{"inner", config_kernel_changes_quotes(config)},
		{"named", true},
		{"leaked-outer", true},
		{"unread", true},
		{"queued", true},
		{"copied", kind->copies},
	};
	char name[NFT_NAME_MAX];

	for (size_t i = 0; i < config->n_outside; i++)
		for (size_t n = 0; n < sizeof(counters) / sizeof(counters[0]); n++)
			if (counters[n].is_needed)
				fprintf(out, "\tcounter %s { }\n",
					nft_name(name, counters[n].name, &config->outside[i]));
}

/* Prints the head of a table, which replaces what is in it, in one transaction with what follows. The
 * chains stay: when one with a hook goes, the kernel drops all that is queued (nfqnl_nf_hook_drop), whichever
 * chain queued it. */
static void print_table_head(FILE *out, const struct config *config, const struct rules_family *family,
	const struct rules_kind *kind)
{
	const char *table = family->table, *flags = rules_flags(kind);

	fprintf(out, "table %s icmpnatd {\n%s", table, flags);
	for_each(out, config, family, nft_print_inner_map);
	fprintf(out, "}\nflush table %s icmpnatd\n", table);
	for_each(out, config, family, nft_print_inner_flush);
	fprintf(out, "table %s icmpnatd {\n%s", table, flags);
}

static void nft_print(FILE *out, const struct config *config, const struct rules_kind *kind)
{
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++) {
		print_table_head(out, config, f, kind);
		if (rules_are_needed(config, f)) {
			print_counters(out, config, kind);
			print_postrouting(out, config, f, kind->copies);
			print_output(out, config, f, kind);
		} else if (rules_name_hops(config, f)) {
			print_counters(out, config, kind);
			print_hop_names(out, config, f);
		}
		fputs("}\n", out);
		for_each(out, config, f, nft_print_inner_elements);
	}
}

/* Prints what a later chain with policy drop must accept: copies are untracked there. */
static void nft_advise(FILE *out, const struct config *config)
{
	fputs("# A later chain with policy drop must accept what is queued:\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++) {
		fputs("#\toifname { ", out);
		for (size_t i = 0; i < config->n_outside; i++)
			fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", config->outside[i].name);
		fprintf(out, " } ct state { invalid, untracked } %s type { %s } accept\n", f->icmp, f->types);
	}
}

static void nft_remove(FILE *out)
{
	fputs("if command -v nft >/dev/null; then\n", out);
	for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES; f++)
		fprintf(out,
			"\tnft 'table %s icmpnatd; delete table %s icmpnatd' 2>/dev/null ||\n"
			"\t\tnft 'delete table %s icmpnatd'\n",
			f->table, f->table, f->table);
	fputs("fi\n", out);
}

const struct rules_program rules_nft = {nft_print, nft_advise, nft_remove};
