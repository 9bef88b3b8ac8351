/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A coarse look at an address, which tells most of those that need nothing from all others: at the first
 * octet of IPv4, at the first 32 bits of IPv6. It costs a fraction of what a set of ranges does, and unlike
 * one (see nft_error.c) its set of octets is there as soon as the rule is.
 */
#include "rules/nft_error.h"

#include <inttypes.h>
#include <string.h>

#define OCTETS 256

/* First and last 32 bits of the addresses of IPv6 that are as global as the core's own coarse look says. */
#define COMMON_FIRST ((ADDRESS_V6_PROTOCOLS >> 32) + (UINT64_C(1) << (32 - ADDRESS_V6_PROTOCOLS_BITS)))
#define COMMON_LAST  ((ADDRESS_V6_GLOBAL >> 32) + (UINT64_C(1) << (32 - ADDRESS_V6_GLOBAL_BITS)) - 1)

static void mark_octets(bool octets[OCTETS], struct address first, struct address last)
{
	const size_t from = (uint32_t)first.lo >> 24, to = (uint32_t)last.lo >> 24;

	memset(octets + from, true, to - from + 1);
}

/* Prints the first octets of the addresses of IPv4 that are not global, or are mapped by a table. */
static void print_octets(const struct nft_error *error, const struct addrmap *table)
{
	struct span_maps maps = {.table = table, .family = error->family};
	bool octets[OCTETS] = {false};
	const char *between = "{ ";
	struct span span;

	for (const struct address_range *r = address_ranges(4); r->name; r++)
		mark_octets(octets, r->first, r->last);
	while (table && span_next_map(&maps, &span))
		mark_octets(octets, span.first, span.last);
	for (size_t i = 0; i < OCTETS; i++) {
		if (!octets[i])
			continue;
		fprintf(error->out, "%s%zu", between, i);
		between = ", ";
	}
	fputs(" }", error->out);
}

/* Tells whether the coarse look can tell what needs nothing from what a table maps. */
bool nft_has_common(const struct nft_error *error, const struct addrmap *table)
{
	struct span_maps maps = {.table = table, .family = error->family};
	struct span span;

	while (error->family->version == 6 && span_next_map(&maps, &span))
		if (span.first.hi >> 32 <= COMMON_LAST && span.last.hi >> 32 >= COMMON_FIRST)
			return false;
	return true;
}

/* Prints the test for an address that is common, or for one that is not: one that may be private, a group, or
 * mapped by a table (NULL: there is none). The address is at an offset in bits behind a header, "nh" or
 * "th". */
void nft_print_common(const struct nft_error *error, const char *header, unsigned offset, bool is_common,
	const struct addrmap *table)
{
	if (error->family->version == 4) {
		fprintf(error->out, "@%s,%u,8 %s", header, offset, is_common ? "!= " : "");
		print_octets(error, table);
	} else {
		fprintf(error->out, "@%s,%u,32 %s0x%" PRIx64 "-0x%" PRIx64, header, offset,
			is_common ? "" : "!= ", COMMON_FIRST, COMMON_LAST);
	}
	fputc(' ', error->out);
}
