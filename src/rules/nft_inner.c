/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The chains for errors that quote a private address which the kernel can make public: as text, all but the
 * rules that write it (inner.c), for nft has no word for the sum that a write mends. These come in a second
 * transaction; without them the daemon reads the error.
 */
#include "rules/inner.h"
#include "rules/nft_walk.h"

static const char *const end_names[INNER_ENDS] = {"source", "destination"};

/* Places in bits, from where ICMP begins: the quoted header begins at 64, its transport in IPv4 at 224, in
 * IPv6 at 384. No kind with a sum is a later fragment, or says that it ends before the sum. */
static const struct inner_kind kinds_v4[] = {
	{"udp", 34, false, {"@th,136,8 17 @th,112,16 & 0x1fff == 0 @th,80,16 >= 28 @th,272,16 != 0"}},
	{"tcp", 44, true, {"@th,136,8 6 @th,112,16 & 0x1fff == 0 @th,80,16 >= 38"}},
	{"plain", 0, false,
		{"@th,136,8 { 6, 17, 50, 51, 132 } @th,80,16 >= 20",
			"@th,136,8 1 @th,80,16 >= 20 @th,224,8 != { 3, 4, 5, 11, 12 }"}},
	{.name = NULL},
};

static const struct inner_kind kinds_v6[] = {
	{"udp", 54, false, {"@th,112,8 17 @th,96,16 >= 8 @th,432,16 != 0"}},
	{"tcp", 64, true, {"@th,112,8 6 @th,96,16 >= 18"}},
	{"icmp", 50, true, {"@th,112,8 58 @th,96,16 >= 4 @th,384,8 >= 128"}},
	{"plain", 0, false, {"@th,112,8 { 6, 17, 50, 51, 132 }", "@th,112,8 58 @th,384,8 >= 128"}},
	{.name = NULL},
};

/* Returns the kinds of a family, up to one without a name. */
const struct inner_kind *inner_kinds_of(const struct nft_error *error)
{
	return error->family->version == 4 ? kinds_v4 : kinds_v6;
}

/* Returns the kind of a family that has no sum. */
static const struct inner_kind *inner_plain_of(const struct nft_error *error)
{
	const struct inner_kind *kind = inner_kinds_of(error);

	while (kind->sum)
		kind++;
	return kind;
}

/* Fills in and returns the name of the chain that changes one end of the packets of a kind. */
const char *inner_chain(char name[NFT_NAME_MAX], const struct nft_error *error, enum inner_end end,
	const struct inner_kind *kind)
{
	char what[NFT_NAME_MAX];

	snprintf(what, sizeof(what), "%s-%s", end_names[end], kind->name);
	return nft_name(name, what, error->outside);
}

/* Fills in and returns the name of the chain for errors of a kind in which that is done. */
const char *inner_sums_chain(
	char name[NFT_NAME_MAX], const struct nft_error *error, const struct inner_kind *kind)
{
	char what[NFT_NAME_MAX];

	snprintf(what, sizeof(what), "%s%s", kind->sum_is_zero ? kind->name : "quoted", "-sums");
	return nft_name(name, what, error->outside);
}

/* Tells whether the kernel is to change what errors quote: if it may, there is a map that it can apply, and
 * the coarse look can tell that the other end of a quoted packet needs nothing. */
bool nft_changes_quotes(const struct nft_error *error)
{
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_INNER);

	while (nft_walk_next(&walk))
		if (walk.by != NFT_BY_DAEMON)
			return !nft_is_blind(error) &&
			       nft_has_common(error, &error->outside->maps[ADDRMAP_INNER]);
	return false;
}

/* Prints the map of single addresses, without them. Its type is that of the field, or nft would refuse its
 * own listing of the rules. */
void nft_print_inner_map(const struct nft_error *error)
{
	const struct nft_quote *quote = nft_quote_of(error);
	const unsigned at = quote->address[INNER_DESTINATION] * 8u, bits = quote->size * 8u;
	char name[NFT_NAME_MAX];

	if (nft_changes_quotes(error))
		fprintf(error->out, "\tmap %s { typeof @th,%u,%u : @th,%u,%u; }\n",
			nft_name(name, "inner", error->outside), at, bits, at, bits);
}

/* Prints the command that empties the map, which stays when rules are replaced. */
void nft_print_inner_flush(const struct nft_error *error)
{
	char name[NFT_NAME_MAX];

	if (nft_changes_quotes(error))
		fprintf(error->out, "flush map %s icmpnatd %s\n", error->family->table,
			nft_name(name, "inner", error->outside));
}

/* Prints the command that fills it. */
void nft_print_inner_elements(const struct nft_error *error)
{
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_INNER);
	const char *between = " { ";
	char name[NFT_NAME_MAX];

	if (!nft_changes_quotes(error))
		return;
	for (; nft_walk_next_by(&walk, NFT_BY_ELEMENT); between = ", ") {
		if (between[0] == ' ')
			fprintf(error->out, "add element %s icmpnatd %s", error->family->table,
				nft_name(name, "inner", error->outside));
		fputs(between, error->out);
		nft_print_number(error, walk.span.first);
		fputs(" : ", error->out);
		nft_print_number(error, addrmap_apply(walk.entry, walk.span.first));
	}
	fputs(between[0] == ',' ? " }\n" : "", error->out);
}

/* Prints the rule that puts a sum of 0 back, which the kernel writes as UDP wants it. */
static void print_zero(const struct nft_error *error, uint8_t sum)
{
	fprintf(error->out, "\t\t@th,%u,16 0xffff @th,%u,16 set 0\n", sum * 8u, sum * 8u);
}

/* Prints the chains for errors that quote a public address now: their sums, then their source. */
static void print_sums_chains(const struct nft_error *error)
{
	char name[NFT_NAME_MAX], sums[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", nft_name(sums, "quoted-sums", error->outside));
	print_zero(error, 2);
	if (error->family->version == 4)
		print_zero(error, 18);
	fprintf(error->out, "\t\tgoto %s\n\t}\n", nft_name(name, "quoted-source", error->outside));
	for (const struct inner_kind *kind = inner_kinds_of(error); kind->name; kind++) {
		if (!kind->sum_is_zero)
			continue;
		fprintf(error->out, "\tchain %s {\n", inner_sums_chain(name, error, kind));
		print_zero(error, kind->sum);
		fprintf(error->out, "\t\tgoto %s\n\t}\n", sums);
	}
}

/* Prints the chain of a kind, at the head of which the rules come that change it. What they leave, may quote
 * no sum. */
static void print_kind_chain(
	const struct nft_error *error, enum inner_end end, const struct inner_kind *kind, const char *rest)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", inner_chain(name, error, end, kind));
	if (kind->sum)
		fprintf(error->out, "\t\tgoto %s\n\t}\n",
			inner_chain(name, error, end, inner_plain_of(error)));
	else
		fprintf(error->out, "\t\t%s\n\t}\n", rest);
}

/* Prints the rules that lead packets of a kind to its chain. The daemon has those of the other zero, 0xffff,
 * which a change of the same sum must leave as it is, where the kernel makes either 0. A quote that ends
 * before its sum matches no look at it, and goes on. */
static void print_kind_rules(
	const struct nft_error *error, enum inner_end end, const struct inner_kind *kind, const char *rest)
{
	char name[NFT_NAME_MAX];

	for (size_t i = 0; i < 2 && kind->match[i]; i++) {
		if (kind->sum_is_zero)
			fprintf(error->out, "\t\t%s @th,%u,16 0xffff %s\n", kind->match[i], kind->sum * 8u,
				rest);
		fprintf(error->out, "\t\t%s goto %s\n", kind->match[i], inner_chain(name, error, end, kind));
	}
}

/* Prints the chain that tells kinds of quoted packets, and theirs. */
static void print_end_chains(const struct nft_error *error, enum inner_end end, const char *rest)
{
	char name[NFT_NAME_MAX], what[NFT_NAME_MAX];
	const struct inner_kind *const kinds = inner_kinds_of(error);

	for (const struct inner_kind *kind = kinds; kind->name; kind++)
		print_kind_chain(error, end, kind, rest);
	snprintf(what, sizeof(what), "inner-%s", end_names[end]);
	fprintf(error->out, "\tchain %s {\n", nft_name(name, what, error->outside));
	for (const struct inner_kind *kind = kinds; kind->name; kind++)
		print_kind_rules(error, end, kind, rest);
	fprintf(error->out, "\t\t%s\n\t}\n", rest);
}

/* Prints the rule for errors of which one end of the quoted packet may be changed: the other one needs
 * nothing, by the coarse look. */
static void print_end_rule(const struct nft_error *error, enum inner_end end)
{
	const struct nft_quote *quote = nft_quote_of(error);
	char name[NFT_NAME_MAX], what[NFT_NAME_MAX];

	fprintf(error->out, "\t\t%s ", quote->is_sound);
	nft_print_common(error, "th", quote->address[!end] * 8u, true, &error->outside->maps[ADDRMAP_INNER]);
	snprintf(what, sizeof(what), "inner-%s", end_names[end]);
	fprintf(error->out, "goto %s\n", nft_name(name, what, error->outside));
}

/* Prints the chain for errors that the kernel has not changed: the full look, which nearly none needs before,
 * finds those that need nothing. */
static void print_rest_chain(const struct nft_error *error, const char *name, const char *read)
{
	char quoted[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", name);
	nft_print_ranges_rule(error, nft_name(quoted, "outside-quoted", error->outside));
	fprintf(error->out, "\t\t%s\n\t}\n", read);
}

/* Prints the chain for errors of which the quote may need something, and those that it leads to. What the
 * kernel does not change, ends with the statement read: errors to private neighbours, of other hosts, and
 * about connections that its NAT translates. */
void nft_print_inner(const struct nft_error *error, const char *read)
{
	char name[NFT_NAME_MAX], rest[NFT_NAME_MAX + 8];

	if (!nft_changes_quotes(error))
		return;
	print_rest_chain(error, nft_name(name, "inner-rest", error->outside), read);
	snprintf(rest, sizeof(rest), "goto %s", name);
	nft_print_source_of_quoted(error, read);
	print_sums_chains(error);
	print_end_chains(error, INNER_SOURCE, rest);
	print_end_chains(error, INNER_DESTINATION, rest);
	fprintf(error->out, "\tchain %s {\n\t\t", nft_name(name, "inner", error->outside));
	nft_print_common(error, "nh", error->family->version == 4 ? 128 : 192, false, NULL);
	fprintf(error->out, "%s\n", rest);
	if (error->config->forwarded)
		fprintf(error->out, "\t\tiif != 0 %s\n", rest);
	nft_print_hop_unsure(error, rest);
	print_end_rule(error, INNER_DESTINATION);
	print_end_rule(error, INNER_SOURCE);
	fprintf(error->out, "\t\t%s\n\t}\n", rest);
}
