/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The maps of one part of an interface, as the kernel can apply them.
 */
#ifndef RULES_NFT_WALK_H
#define RULES_NFT_WALK_H

#include "rules/nft_error.h"

/* Who gives an address its public one. */
enum nft_by { NFT_BY_ELEMENT, NFT_BY_RULE, NFT_BY_DAEMON };

/* A walk over maps, in the order of their addresses. */
struct nft_walk {
	struct span_maps maps;
	struct span span; /* the addresses of the map that was taken */
	const struct addrmap_entry *entry;
	enum nft_by by;
	bool kernel; /* may apply them */
	unsigned rules;
};

struct nft_walk nft_walk_of(const struct nft_error *error, enum addrmap_part part);
bool nft_walk_next(struct nft_walk *walk);
bool nft_walk_next_by(struct nft_walk *walk, enum nft_by by);

#endif
