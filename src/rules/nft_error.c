/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft sees in an error: whether its quote needs nothing. Where a rule gives a verdict that nothing need
 * be read, its tests are positive ones: a load beyond the end of the packet ends a rule, and while new rules
 * take the place of old ones, a set may seem empty for a moment (seen on Linux 6.18, most with many maps).
 * What then is in no set, is read. (The set of types of errors is a negative one, but the kernel never quotes
 * these.)
 */
#include "rules/nft_error.h"

#define RANGES_MAX 65536 /* of the maps of one part, for all interfaces; with more, the daemon reads all */

/* Tells whether the maps of a part are too many for a set of each interface. */
bool nft_are_too_many(const struct nft_error *error)
{
	const struct addrmap *maps = error->outside->maps;
	const size_t most = RANGES_MAX / error->config->n_outside;

	return maps[ADDRMAP_OUTER].n_ranges > most || maps[ADDRMAP_INNER].n_ranges > most;
}

/* Tells whether there is an inner address that needs nothing. */
static bool some_need_nothing(const struct nft_error *error)
{
	struct span_rest walk;
	struct span span;

	span_rest_of_all(&walk, &error->outside->maps[ADDRMAP_INNER], error->family);
	return span_rest_next(&walk, &span);
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
	fprintf(error->out, "\t\t%s %s\n", v4 ? "@th,40,8 != 0" : "@th,32,8 != 0 @th,0,8 { 1, 3 }", read);
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

/* Returns where the packet that an error quotes has what. */
const struct nft_quote *nft_quote_of(const struct nft_error *error)
{
	static const struct nft_quote quotes[] = {
		{{20, 24}, 4, "@th,64,8 0x45"}, {{16, 32}, 16, "@th,64,4 6"}};

	return &quotes[error->family->version == 6];
}

/* Prints the coarse rule for errors whose inner addresses need nothing, which is right for most of them. */
static void print_common_rule(const struct nft_error *error, const char *chain)
{
	const struct addrmap *inner = &error->outside->maps[ADDRMAP_INNER];
	const struct nft_quote *quote = nft_quote_of(error);

	if (!nft_has_common(error, inner))
		return;
	fprintf(error->out, "\t\t%s ", quote->is_sound);
	for (size_t i = 0; i < 2; i++)
		nft_print_common(error, "th", quote->address[i] * 8u, true, inner);
	fprintf(error->out, "goto %s\n", chain);
}

/* Prints the full rule for errors whose inner addresses need nothing. */
void nft_print_ranges_rule(const struct nft_error *error, const char *chain)
{
	const struct nft_quote *quote = nft_quote_of(error);
	struct span_rest walk;

	fprintf(error->out, "\t\t%s ", quote->is_sound);
	for (size_t i = 0; i < 2; i++) {
		fprintf(error->out, "@th,%u,%u ", quote->address[i] * 8u, quote->size * 8u);
		span_rest_of_all(&walk, &error->outside->maps[ADDRMAP_INNER], error->family);
		nft_print_numbers(error, &walk);
		fputc(' ', error->out);
	}
	fprintf(error->out, "goto %s\n", chain);
}

/* Tells whether the rules need not look at an error, for the daemon reads each. */
bool nft_is_blind(const struct nft_error *error)
{
	return error->config->lookup == LOOKUP_ALWAYS || nft_are_too_many(error) || !some_need_nothing(error);
}

/* Prints the chain by which nft sees what an error needs, before or after the kernel's own NAT, if it goes to
 * somebody outside: it ends with the statement sound if nothing need be read, else with read; after NAT, the
 * kernel may first try to change what is quoted. */
void nft_print_sight(
	const struct nft_error *error, const char *chain, bool after_nat, const char *sound, const char *read)
{
	const bool blind = nft_is_blind(error), changes = after_nat && nft_changes_quotes(error);
	char name[NFT_NAME_MAX], what[NFT_NAME_MAX];

	snprintf(what, sizeof(what), "%s-quoted", chain);
	nft_name(name, what, error->outside);
	if (!blind)
		print_quoted_chain(error, name, sound, read);
	fprintf(error->out, "\tchain %s {\n", nft_name(what, chain, error->outside));
	nft_print_peer_look(error, chain);
	if (after_nat)
		nft_print_hop_name(error);
	if (!blind) {
		print_header_rule(error, read);
		print_extension_rules(error, read);
		nft_print_left_sources(error, read);
		print_common_rule(error, name);
		if (!changes)
			nft_print_ranges_rule(error, name);
	} else if (nft_are_too_many(error)) {
		fputs("\t\t# too many maps: the daemon reads every error\n", error->out);
	} else if (error->config->lookup == LOOKUP_ALWAYS) {
		fputs("\t\t# lookup = \"always\": the daemon reads every error\n", error->out);
	}
	if (changes)
		fprintf(error->out, "\t\tgoto %s\n\t}\n", nft_name(name, "inner", error->outside));
	else
		fprintf(error->out, "\t\t%s\n\t}\n", read);
}
