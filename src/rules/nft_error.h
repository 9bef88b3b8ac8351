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

/* Where the packet that an error quotes has what, in bytes from where ICMP begins. */
struct nft_quote {
	uint8_t address[2], size; /* of its source and its destination, and their length */
	const char *is_sound;	  /* nft's match for a header that is followed by the transport */
};

const struct nft_quote *nft_quote_of(const struct nft_error *error);
const char *nft_name(char name[NFT_NAME_MAX], const char *what, const struct config_outside *outside);
void nft_print_address(FILE *out, struct address a);
void nft_print_span(FILE *out, const struct span *span);
void nft_print_number(const struct nft_error *error, struct address a);
void nft_print_host_mask(const struct nft_error *error, uint8_t length);
void nft_print_sight(const struct nft_error *error, const char *chain, bool after_nat, const char *sound,
	const char *read);
bool nft_is_blind(const struct nft_error *error);
bool nft_are_too_many(const struct nft_error *error);
void nft_print_numbers(const struct nft_error *error, struct span_rest *walk);
bool nft_has_common(const struct nft_error *error, const struct addrmap *table);
void nft_print_common(const struct nft_error *error, const char *header, unsigned offset, bool is_common,
	const struct addrmap *table);
void nft_print_peers(const struct nft_error *error, const char *chain, bool counts);
void nft_print_peer_look(const struct nft_error *error, const char *chain);
void nft_print_hop_name(const struct nft_error *error);
void nft_print_hop_named(const struct nft_error *error);
void nft_print_hop_unsure(const struct nft_error *error, const char *read);
void nft_print_hop_chain(const struct nft_error *error, const char *chain);
void nft_print_ranges_rule(const struct nft_error *error, const char *chain);
void nft_print_left_sources(const struct nft_error *error, const char *read);
void nft_print_source(const struct nft_error *error, const char *read);
void nft_print_source_of_quoted(const struct nft_error *error, const char *read);
bool nft_changes_quotes(const struct nft_error *error);
void nft_print_inner_map(const struct nft_error *error);
void nft_print_inner_flush(const struct nft_error *error);
void nft_print_inner_elements(const struct nft_error *error);
void nft_print_inner(const struct nft_error *error, const char *read);

#endif
