/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What nft does to the errors that leave by one outside interface.
 */
#ifndef RULES_NFT_ERROR_H
#define RULES_NFT_ERROR_H

#include "rules/span.h"

#define NFT_NAME_MAX 64 /* of a chain or a counter */

/* The errors of one family that leave by one interface, and where the rules about them go. */
struct nft_error {
	FILE *out;
	const struct config *config;
	const struct config_outside *outside;
	const struct rules_family *family;
};

const char *nft_name(char name[NFT_NAME_MAX], const char *what, const struct config_outside *outside);
void nft_print_sight(const struct nft_error *error, const char *chain, bool after_nat, const char *sound,
	const char *read);
bool nft_are_too_many(const struct nft_error *error);
void nft_print_numbers(const struct nft_error *error, struct span_rest *walk);
bool nft_has_common(const struct nft_error *error, const struct addrmap *table);
void nft_print_common(const struct nft_error *error, const char *header, unsigned offset, bool is_common,
	const struct addrmap *table);
void nft_print_peers(const struct nft_error *error, const char *chain, bool counts);
void nft_print_peer_look(const struct nft_error *error, const char *chain);
void nft_print_hop_name(const struct nft_error *error);
void nft_print_hop_named(const struct nft_error *error);
void nft_print_hop_chain(const struct nft_error *error, const char *chain);
void nft_print_source(const struct nft_error *error, const char *read);

#endif
