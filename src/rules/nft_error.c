/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft sees in an error: whether its quote needs nothing, and what its source becomes. Where a rule gives
 * a verdict that nothing need be read, its tests are positive ones: a load beyond the end of the packet ends
 * a rule, and while new rules take the place of old ones, a set may seem empty for a moment (seen on
 * Linux 6.18, most with many maps). What then is in no set, is read. (The set of types of errors is a
 * negative one, but the kernel never quotes these.)
 */
#include "rules/nft_error.h"

#include <inttypes.h>
#include <string.h>

#define RANGES_MAX   65536 /* of the maps of one part, for all interfaces; with more, the daemon reads all */
#define PREFIXES_MAX 64 /* with host bits that stay: each is a rule of its own, the daemon has the others */

/* Who gives a source its public address. */
enum source_by { BY_ELEMENT, BY_RULE, BY_DAEMON };

/* A walk over the maps of the outer source. */
struct source_walk {
	struct span_maps maps;
	struct span span;
	const struct addrmap_entry *entry;
	enum source_by by;
	unsigned rules;
};

/* Fills in and returns the name of a chain or a counter that is about an interface. nft takes all
 * characters of such names but one. */
const char *nft_name(char name[NFT_NAME_MAX], const char *what, const struct config_outside *outside)
{
	snprintf(name, NFT_NAME_MAX, "%.40s.%s", what, outside->name);
	for (char *at = name; (at = strchr(at, '@'));)
		*at = '/';
	return name;
}

static void print_plain(FILE *out, struct address a)
{
	char text[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){a, 128}, text);
	fputs(text, out);
}

static void print_span(FILE *out, const struct span *span)
{
	print_plain(out, span->first);
	if (address_equal(span->first, span->last))
		return;
	fputc('-', out);
	print_plain(out, span->last);
}

/* Prints an address as the number that a raw field holds. */
static void print_number(const struct nft_error *error, struct address a)
{
	if (error->family->version == 4)
		fprintf(error->out, "0x%08" PRIx32, (uint32_t)a.lo);
	else
		fprintf(error->out, "0x%016" PRIx64 "%016" PRIx64, a.hi, a.lo);
}

/* Prints the bits that a prefix leaves to the host. */
static void print_host_mask(const struct nft_error *error, uint8_t length)
{
	const struct address mask = prefix_host_mask(length);

	if (error->family->version == 4)
		print_plain(error->out, (struct address){0, ADDRESS_V4(0, 0, 0, 0) | mask.lo});
	for (int shift = 48; error->family->version == 6 && shift >= 0; shift -= 16)
		fprintf(error->out, "%" PRIx64 ":", mask.hi >> shift & 0xffff);
	for (int shift = 48; error->family->version == 6 && shift >= 0; shift -= 16)
		fprintf(error->out, "%" PRIx64 "%s", mask.lo >> shift & 0xffff, shift ? ":" : "");
}

/* Tells whether the maps of a part are too many for a set of each interface. */
bool nft_are_too_many(const struct nft_error *error)
{
	const struct addrmap *maps = error->outside->maps;
	const size_t most = RANGES_MAX / error->config->n_outside;

	return maps[ADDRMAP_OUTER].n_ranges > most || maps[ADDRMAP_INNER].n_ranges > most;
}

/* Tells who translates the next source for NPTv6, which no bit operation does: the daemon, but for what is
 * one address. */
static enum source_by npt_source_by(const struct source_walk *walk)
{
	const struct address first = walk->span.first;

	return address_equal(first, walk->span.last) &&
			       !address_equal(first, addrmap_apply(walk->entry, first))
		       ? BY_ELEMENT
		       : BY_DAEMON;
}

/* Takes the next source that changes. False at the end. */
static bool next_source(struct source_walk *walk, const struct nft_error *error)
{
	struct address host;

	walk->maps.table = &error->outside->maps[ADDRMAP_OUTER];
	walk->maps.family = error->family;
	walk->entry = span_next_map(&walk->maps, &walk->span);
	if (!walk->entry)
		return false;
	host = prefix_host_mask(walk->entry->public.length);
	if (error->config->kernel != CONFIG_KERNEL_AUTO)
		walk->by = BY_DAEMON;
	else if (walk->entry->parts & ADDRMAP_NPT)
		walk->by = npt_source_by(walk);
	else if ((host.hi | host.lo) == 0 || address_equal(walk->span.first, walk->span.last))
		walk->by = BY_ELEMENT;
	else
		walk->by = walk->rules++ < PREFIXES_MAX ? BY_RULE : BY_DAEMON;
	return true;
}

/* Takes the next source that changes, and is given its address by one of three. False at the end. */
static bool next_source_by(struct source_walk *walk, const struct nft_error *error, enum source_by by)
{
	while (next_source(walk, error))
		if (walk->by == by)
			return true;
	return false;
}

/* Prints one more of the sources that a rule is about. */
static void print_source_span(const struct nft_error *error, const struct span *span, bool is_first)
{
	if (is_first)
		fprintf(error->out, "\t\t%s saddr { ", error->family->table);
	else
		fputs(", ", error->out);
	print_span(error->out, span);
}

/* Prints what is left in a walk, which is something, as a set of numbers for a raw field. */
void nft_print_numbers(const struct nft_error *error, struct span_rest *walk)
{
	const char *between = "{ ";
	struct span span;

	for (; span_rest_next(walk, &span); between = ", ") {
		fputs(between, error->out);
		print_number(error, span.first);
		fputc('-', error->out);
		print_number(error, span.last);
	}
	fputs(" }", error->out);
}

/* Tells whether there is an inner address that needs nothing. */
static bool some_need_nothing(const struct nft_error *error)
{
	struct span_rest walk;
	struct span span;

	span_rest_of_all(&walk, &error->outside->maps[ADDRMAP_INNER], error->family);
	return span_rest_next(&walk, &span);
}

/* Prints the rule for sources that are left to the daemon. */
static void print_left_sources(const struct nft_error *error, const char *read)
{
	struct source_walk walk = {.rules = 0};
	bool any = false;

	for (; next_source_by(&walk, error, BY_DAEMON); any = true) {
		if (!any)
			fputs("\t\t# sources that the daemon maps\n", error->out);
		print_source_span(error, &walk.span, !any);
	}
	if (any)
		fprintf(error->out, " } %s\n", read);
}

/* Prints the rule for errors whose outer header may hold more addresses: in options, or in headers behind it,
 * which Linux never emits. */
static void print_header_rule(const struct nft_error *error, const char *read)
{
	fprintf(error->out, "\t\t%s %s\n",
		error->family->version == 4 ? "ip hdrlength != 5" : "ip6 nexthdr != ipv6-icmp", read);
}

/* Prints the rules for errors with an extension, which has to be translated or counted: one that is
 * announced, or if all go, of the older kind, which Linux never emits. In IPv6 only types 1 and 3 announce
 * one. */
static void print_extension_rules(const struct nft_error *error, const char *read)
{
	const bool v4 = error->family->version == 4;

	if (rules_strip_extensions(error->config))
		fprintf(error->out, "\t\tmeta length > %d %s\n", v4 ? 160 : 180, read);
	fprintf(error->out, "\t\t%s %s\n", v4 ? "@th,40,8 != 0" : "@th,32,8 != 0 @th,0,8 & 0xfd 1", read);
}

/* Prints the chain for errors whose inner addresses need nothing. None is sent about an ICMP error
 * (RFC 1122, 3.2.2), IPv6's extension headers are not walked, and any other protocol might be a tunnel: these
 * are TCP, UDP, DCCP, ESP, AH, SCTP and UDP-Lite. */
static void print_quoted_chain(
	const struct nft_error *error, const char *name, const char *sound, const char *read)
{
	const bool v4 = error->family->version == 4;

	fprintf(error->out,
		"\tchain %s {\n"
		"\t\t%s { 6, 17, 33, 50, 51, 132, 136 } %s\n",
		name, v4 ? "@th,136,8" : "@th,112,8", sound);
	if (v4)
		fprintf(error->out, "\t\t@th,136,8 1 @th,224,8 != { 3, 4, 5, 11, 12 } %s\n", sound);
	else
		fprintf(error->out, "\t\t@th,112,8 58 @th,384,8 >= 128 %s\n", sound);
	fprintf(error->out, "\t\t%s\n\t}\n", read);
}

/* Prints the rules for errors whose inner addresses need nothing: the coarse one, which is right for most of
 * them, and the full one. */
static void print_inner_rules(const struct nft_error *error, const char *quoted)
{
	static const unsigned offsets[2][2] = {{160, 192}, {128, 256}}; /* of source and destination */
	const struct addrmap *inner = &error->outside->maps[ADDRMAP_INNER];
	const bool v6 = error->family->version == 6;
	const char *version = v6 ? "@th,64,4 6" : "@th,64,8 0x45";
	struct span_rest walk;

	if (nft_has_common(error, inner)) {
		fprintf(error->out, "\t\t%s ", version);
		for (size_t i = 0; i < 2; i++)
			nft_print_common(error, "th", offsets[v6][i], true, inner);
		fprintf(error->out, "goto %s\n", quoted);
	}
	fprintf(error->out, "\t\t%s ", version);
	for (size_t i = 0; i < 2; i++) {
		fprintf(error->out, "@th,%u,%d ", offsets[v6][i], v6 ? 128 : 32);
		span_rest_of_all(&walk, inner, error->family);
		nft_print_numbers(error, &walk);
		fputc(' ', error->out);
	}
	fprintf(error->out, "goto %s\n", quoted);
}

/* Tells whether the rules need not look at an error, for the daemon reads each. */
static bool is_blind(const struct nft_error *error)
{
	return error->config->lookup == LOOKUP_ALWAYS || nft_are_too_many(error) || !some_need_nothing(error);
}

/* Prints the chain by which nft sees what an error needs, before or after the kernel's own NAT, if it goes to
 * somebody outside: it ends with the statement sound if nothing need be read, else with read. */
void nft_print_sight(
	const struct nft_error *error, const char *chain, bool after_nat, const char *sound, const char *read)
{
	const bool blind = is_blind(error);
	char name[NFT_NAME_MAX], quoted[NFT_NAME_MAX];

	snprintf(quoted, sizeof(quoted), "%s-quoted", chain);
	nft_name(name, quoted, error->outside);
	if (!blind)
		print_quoted_chain(error, name, sound, read);
	fprintf(error->out, "\tchain %s {\n", nft_name(quoted, chain, error->outside));
	nft_print_peer_look(error, chain);
	if (after_nat)
		nft_print_hop_name(error);
	if (!blind) {
		print_header_rule(error, read);
		print_extension_rules(error, read);
		print_left_sources(error, read);
		print_inner_rules(error, name);
	} else if (nft_are_too_many(error)) {
		fputs("\t\t# too many maps: the daemon reads every error\n", error->out);
	} else if (error->config->lookup == LOOKUP_ALWAYS) {
		fputs("\t\t# lookup = \"always\": the daemon reads every error\n", error->out);
	}
	fprintf(error->out, "\t\t%s\n\t}\n", read);
}

/* Prints the rule for sources that each become one address. */
static void print_elements(const struct nft_error *error)
{
	const char *table = error->family->table;
	struct source_walk walk = {.rules = 0};
	char name[NFT_NAME_MAX];
	bool any = false;

	for (; next_source_by(&walk, error, BY_ELEMENT); any = true) {
		if (any)
			fputs(", ", error->out);
		else
			fprintf(error->out, "\t\t%s saddr set %s saddr map { ", table, table);
		print_span(error->out, &walk.span);
		fputs(" : ", error->out);
		print_plain(error->out, addrmap_apply(walk.entry, walk.span.first));
	}
	if (any)
		fprintf(error->out, " } counter name \"%s\" goto checksum\n",
			nft_name(name, "outer", error->outside));
}

/* Prints a rule for each range of sources that keep their host bits. */
static void print_prefixes(const struct nft_error *error)
{
	const char *table = error->family->table;
	struct source_walk walk = {.rules = 0};
	char name[NFT_NAME_MAX];

	while (next_source_by(&walk, error, BY_RULE)) {
		fprintf(error->out, "\t\t%s saddr ", table);
		print_span(error->out, &walk.span);
		fprintf(error->out, " %s saddr set %s saddr & ", table, table);
		print_host_mask(error, walk.entry->public.length);
		fputs(" | ", error->out);
		print_plain(error->out, walk.entry->public.base);
		fprintf(error->out, " counter name \"%s\" goto checksum\n",
			nft_name(name, "outer", error->outside));
	}
}

/* Ends a rule about some sources, which are counted, and left as they are. */
static void print_counted(const struct nft_error *error, const char *counter)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, " } counter name \"%s\" accept\n", nft_name(name, counter, error->outside));
}

/* Prints the rule for sources that the kernel would make public, in audit. */
static void print_changes(const struct nft_error *error)
{
	struct source_walk walk = {.rules = 0};
	bool any = false;

	while (next_source(&walk, error)) {
		if (walk.by == BY_DAEMON)
			continue;
		print_source_span(error, &walk.span, !any);
		any = true;
	}
	if (any)
		print_counted(error, "outer");
}

/* Prints the rules for sources without a map: public ones, and private ones. */
static void print_unmapped(const struct nft_error *error)
{
	const struct addrmap *maps = &error->outside->maps[ADDRMAP_OUTER];
	struct span_rest walk;
	struct span span;
	bool any = false;

	span_rest_of_all(&walk, maps, error->family);
	for (; span_rest_next(&walk, &span); any = true)
		print_source_span(error, &span, !any);
	if (any)
		print_counted(error, "untouched");
	any = false;
	span_rest_of_private(&walk, maps, error->family);
	for (; span_rest_next(&walk, &span); any = true)
		print_source_span(error, &span, !any);
	if (any)
		print_counted(error, "leaked-outer");
}

/* Prints the chain that makes the source public, where a map says so. It ends with the statement read. There
 * is none where the daemon reads every error. */
void nft_print_source(const struct nft_error *error, const char *read)
{
	char name[NFT_NAME_MAX];

	if (is_blind(error))
		return;
	fprintf(error->out, "\tchain %s {\n", nft_name(name, "source", error->outside));
	nft_print_hop_named(error);
	if (error->config->audit) {
		print_changes(error);
	} else {
		print_elements(error);
		print_prefixes(error);
	}
	print_unmapped(error);
	fprintf(error->out, "\t\t%s\n\t}\n", read);
}
