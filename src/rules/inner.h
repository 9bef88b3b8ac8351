/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the kernel changes in the packet that an error quotes: one description, of which nft gets the text of
 * the chains, and the kernel the rules that nft has no words for.
 */
#ifndef RULES_INNER_H
#define RULES_INNER_H

#include "rules/nft_error.h"

struct nftables;

/* The addresses of a quoted header. */
enum inner_end { INNER_SOURCE, INNER_DESTINATION, INNER_ENDS };

/* A kind of quoted packet, by which sums count its addresses. All places are bytes from where ICMP begins. */
struct inner_kind {
	const char *name;
	uint8_t sum;	      /* of the transport, which counts them; 0: there is none, or it is not quoted */
	bool sum_is_zero;     /* may be: where a sum becomes 0xffff, 0 is meant */
	const char *match[2]; /* nft's, for the kind; each goes there */
};

const struct inner_kind *inner_kinds_of(const struct nft_error *error);
const char *inner_chain(char name[NFT_NAME_MAX], const struct nft_error *error, enum inner_end end,
	const struct inner_kind *kind);
const char *inner_sums_chain(
	char name[NFT_NAME_MAX], const struct nft_error *error, const struct inner_kind *kind);
int inner_load(struct nftables *nftables, const struct config *config, enum rules_format format,
	const char *before, char *reason, size_t size);

#endif
