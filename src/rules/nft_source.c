/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft makes of the source of an error.
 */
#include "rules/nft_walk.h"

/* Errors of which the quote needed nothing, or is right now: what leads to which counters. */
struct sources {
	const struct nft_error *error;
	const char *chain, *changed, *unchanged;
};

/* Prints one more of the sources that a rule is about. */
static void print_source_span(const struct nft_error *error, const struct span *span, bool is_first)
{
	if (is_first)
		fprintf(error->out, "\t\t%s saddr { ", error->family->table);
	else
		fputs(", ", error->out);
	nft_print_span(error->out, span);
}

/* Prints the rule for sources that are left to the daemon. */
void nft_print_left_sources(const struct nft_error *error, const char *read)
{
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_OUTER);
	bool any = false;

	for (; nft_walk_next_by(&walk, NFT_BY_DAEMON); any = true) {
		if (!any)
			fputs("\t\t# sources that the daemon maps\n", error->out);
		print_source_span(error, &walk.span, !any);
	}
	if (any)
		fprintf(error->out, " } %s\n", read);
}

/* Prints the rule for sources that each become one address. */
static void print_elements(const struct sources *sources)
{
	const struct nft_error *error = sources->error;
	const char *table = error->family->table;
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_OUTER);
	char name[NFT_NAME_MAX];
	bool any = false;

	for (; nft_walk_next_by(&walk, NFT_BY_ELEMENT); any = true) {
		if (any)
			fputs(", ", error->out);
		else
			fprintf(error->out, "\t\t%s saddr set %s saddr map { ", table, table);
		nft_print_span(error->out, &walk.span);
		fputs(" : ", error->out);
		nft_print_address(error->out, addrmap_apply(walk.entry, walk.span.first));
	}
	if (any)
		fprintf(error->out, " } counter name \"%s\" goto checksum\n",
			nft_name(name, sources->changed, error->outside));
}

/* Prints a rule for each range of sources that keep their host bits. */
static void print_prefixes(const struct sources *sources)
{
	const struct nft_error *error = sources->error;
	const char *table = error->family->table;
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_OUTER);
	char name[NFT_NAME_MAX];

	while (nft_walk_next_by(&walk, NFT_BY_RULE)) {
		fprintf(error->out, "\t\t%s saddr ", table);
		nft_print_span(error->out, &walk.span);
		fprintf(error->out, " %s saddr set %s saddr & ", table, table);
		nft_print_host_mask(error, walk.entry->public.length);
		fputs(" | ", error->out);
		nft_print_address(error->out, walk.entry->public.base);
		fprintf(error->out, " counter name \"%s\" goto checksum\n",
			nft_name(name, sources->changed, error->outside));
	}
}

/* Ends a rule about some sources, which are counted, and left as they are. */
static void print_counted(const struct nft_error *error, const char *counter)
{
	char name[NFT_NAME_MAX];

	fprintf(error->out, " } counter name \"%s\" accept\n", nft_name(name, counter, error->outside));
}

/* Prints the rule for sources that the kernel would make public, in audit. */
static void print_changes(const struct sources *sources)
{
	const struct nft_error *error = sources->error;
	struct nft_walk walk = nft_walk_of(error, ADDRMAP_OUTER);
	bool any = false;

	while (nft_walk_next(&walk)) {
		if (walk.by == NFT_BY_DAEMON)
			continue;
		print_source_span(error, &walk.span, !any);
		any = true;
	}
	if (any)
		print_counted(error, sources->changed);
}

/* Prints the rules for sources without a map: public ones, and private ones. */
static void print_unmapped(const struct sources *sources)
{
	const struct nft_error *error = sources->error;
	const struct addrmap *maps = &error->outside->maps[ADDRMAP_OUTER];
	struct span_rest walk;
	struct span span;
	bool any = false;

	span_rest_of_all(&walk, maps, error->family);
	for (; span_rest_next(&walk, &span); any = true)
		print_source_span(error, &span, !any);
	if (any)
		print_counted(error, sources->unchanged);
	any = false;
	span_rest_of_private(&walk, maps, error->family);
	for (; span_rest_next(&walk, &span); any = true)
		print_source_span(error, &span, !any);
	if (any)
		print_counted(error, "leaked-outer");
}

/* Prints the chain that makes the source public, where a map says so. It ends with the statement read. */
static void print_chain(const struct sources *sources, const char *read)
{
	const struct nft_error *error = sources->error;
	char name[NFT_NAME_MAX];

	fprintf(error->out, "\tchain %s {\n", nft_name(name, sources->chain, error->outside));
	nft_print_hop_named(error);
	if (error->config->audit) {
		print_changes(sources);
	} else {
		print_elements(sources);
		print_prefixes(sources);
	}
	print_unmapped(sources);
	fprintf(error->out, "\t\t%s\n\t}\n", read);
}

/* Prints the chain for errors of which only the source may have to be changed; none where the daemon reads
 * every error. */
void nft_print_source(const struct nft_error *error, const char *read)
{
	const struct sources sources = {error, "source", "outer", "untouched"};

	if (!nft_is_blind(error))
		print_chain(&sources, read);
}

/* Prints the chain for errors in which the kernel has translated what they quote. */
void nft_print_source_of_quoted(const struct nft_error *error, const char *read)
{
	const struct sources sources = {error, "quoted-source", "both", "inner"};

	print_chain(&sources, read);
}
