/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Which errors go to private neighbours, or groups, as nft sees it. First comes a coarse look, by which
 * nearly all others go on; what it finds, goes through a plain comparison for each private range. None of
 * these is a set of ranges, for one that seems empty for a moment (see nft_error.c) would let such an error
 * go on.
 */
#include "rules/nft_error.h"

#include <stdio.h>

/* Fills in and returns the name of a chain that belongs to another one. */
static const char *peer_name(
	char name[NFT_NAME_MAX], const char *chain, const char *which, const struct nft_error *error)
{
	char what[NFT_NAME_MAX];

	snprintf(what, sizeof(what), "%.16s-%.16s", chain, which);
	return nft_name(name, what, error->outside);
}

/* Prints the rule with which a chain begins that is about errors to anybody: those to private neighbours
 * first meet the chains of nft_print_peers(). */
void nft_print_peer_look(const struct nft_error *error, const char *chain)
{
	char name[NFT_NAME_MAX];

	fputs("\t\t", error->out);
	nft_print_common(error, "nh", error->family->version == 4 ? 128 : 192, false, NULL);
	fprintf(error->out, "jump %s\n", peer_name(name, chain, "peer", error));
}

/* Prints the rule for private neighbours that know the destination of the quoted packet by a private address:
 * it is private, and no inner map is about it. What cannot be seen is left to be read. */
static void print_private(const struct nft_error *error, const char *verdict)
{
	struct span_rest walk, ahead;
	struct span span;

	if (error->config->leaves_peers) {
		fprintf(error->out, "\t\t%s # private_peers = \"leave\"\n", verdict);
		return;
	}
	span_rest_of_private(&walk, &error->outside->maps[ADDRMAP_INNER], error->family);
	ahead = walk;
	if (nft_are_too_many(error) || !span_rest_next(&ahead, &span))
		return;
	fputs(error->family->version == 4 ? "\t\t@th,192,32 " : "\t\t@th,256,128 ", error->out);
	nft_print_numbers(error, &walk);
	fprintf(error->out, " %s\n", verdict);
}

/* Prints the chains that belong to another one: what is for private neighbours leaves as it is, or returns
 * there, counted or not; what is for a group leaves as it is. */
void nft_print_peers(const struct nft_error *error, const char *chain, bool counts)
{
	char name[NFT_NAME_MAX], private[NFT_NAME_MAX], text[CONFIG_RANGE_TEXT], verdict[NFT_NAME_MAX + 32];

	peer_name(private, chain, "private", error);
	snprintf(verdict, sizeof(verdict), counts ? "counter name \"%s\" accept" : "accept",
		nft_name(name, "private-peer", error->outside));
	fprintf(error->out, "\tchain %s {\n", private);
	print_private(error, verdict);
	fprintf(error->out, "\t}\n\tchain %s {\n", peer_name(name, chain, "peer", error));
	for (const struct address_range *r = address_ranges(error->family->version); r->name; r++) {
		if (r->kind == ADDRESS_MAPPED)
			continue;
		config_range_text(r->first, r->last, text);
		fprintf(error->out, "\t\t%s daddr %s ", error->family->table, text);
		if (r->kind == ADDRESS_MULTICAST)
			fputs("accept\n", error->out);
		else
			fprintf(error->out, "goto %s\n", private);
	}
	fputs("\t}\n", error->out);
}
