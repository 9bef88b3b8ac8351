/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Which maps of an interface the kernel can apply, and how: a single address is an element of a map of nft,
 * whatever the number; addresses that keep their host bits are a rule. The daemon has the others.
 */
#include "rules/nft_walk.h"

#define PREFIXES_MAX 64 /* with host bits that stay: each is a rule of its own, the daemon has the others */

/* Begins the walk over the maps of one part that change something, for an error. */
struct nft_walk nft_walk_of(const struct nft_error *error, enum addrmap_part part)
{
	return (struct nft_walk){
		.maps = {.table = &error->outside->maps[part], .family = error->family},
		.kernel = part == ADDRMAP_INNER ? config_kernel_changes_quotes(error->config)
						: config_kernel_changes_sources(error->config),
	};
}

/* Tells who applies a map of NPTv6, which no bit operation does: the daemon, but for what is one address. */
static enum nft_by npt_by(const struct nft_walk *walk)
{
	const struct address first = walk->span.first;

	return address_equal(first, walk->span.last) &&
			       !address_equal(first, addrmap_apply(walk->entry, first))
		       ? NFT_BY_ELEMENT
		       : NFT_BY_DAEMON;
}

/* Takes the next addresses that change. False at the end. */
bool nft_walk_next(struct nft_walk *walk)
{
	struct address host;

	walk->entry = span_next_map(&walk->maps, &walk->span);
	if (!walk->entry)
		return false;
	host = prefix_host_mask(walk->entry->public.length);
	if (!walk->kernel)
		walk->by = NFT_BY_DAEMON;
	else if (walk->entry->parts & ADDRMAP_NPT)
		walk->by = npt_by(walk);
	else if ((host.hi | host.lo) == 0 || address_equal(walk->span.first, walk->span.last))
		walk->by = NFT_BY_ELEMENT;
	else
		walk->by = walk->rules++ < PREFIXES_MAX ? NFT_BY_RULE : NFT_BY_DAEMON;
	return true;
}

/* Takes the next addresses that change by one of the three. False at the end. */
bool nft_walk_next_by(struct nft_walk *walk, enum nft_by by)
{
	while (nft_walk_next(walk))
		if (walk->by == by)
			return true;
	return false;
}
