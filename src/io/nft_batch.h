/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Rules that nft has no words for, as messages to nf_tables: those that write into a packet and mend a sum
 * wherever it stands.
 */
#ifndef IO_NFT_BATCH_H
#define IO_NFT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlattr;
struct nlmsghdr;

/* How nft lists the match that nft_batch_unlisted() makes. */
#define NFT_BATCH_UNLISTED "meta length >= 16777216"

/* Registers of 16 bytes. */
enum nft_register { NFT_BATCH_A = 1, NFT_BATCH_B, NFT_BATCH_C };

enum nft_comparison { NFT_BATCH_AT_MOST, NFT_BATCH_AT_LEAST };

/* One transaction, under construction. Memory that is short shows when it is sent. */
struct nft_batch {
	uint8_t *bytes;
	size_t length, size;
	bool failed;
	uint32_t sequence;
	uint8_t family; /* IP version of the tables that rules are for: 4 or 6 */
	const char *table;
	struct nlmsghdr *rule; /* the one that is being made, and its list of expressions */
	struct nlattr *list;
};

bool nft_batch_is_possible(void);
void nft_batch_begin(struct nft_batch *batch, const char *table);
void nft_batch_rule(struct nft_batch *batch, const char *chain);
void nft_batch_unlisted(struct nft_batch *batch);
void nft_batch_load(struct nft_batch *batch, enum nft_register to, unsigned offset, size_t length);
void nft_batch_compare(struct nft_batch *batch, enum nft_register what, enum nft_comparison how,
	const uint8_t *bytes, size_t length);
void nft_batch_look_up(struct nft_batch *batch, enum nft_register key, enum nft_register to, const char *map);
void nft_batch_mask(struct nft_batch *batch, enum nft_register from, enum nft_register to,
	const uint8_t *mask, const uint8_t *change, size_t length);
void nft_batch_write(
	struct nft_batch *batch, enum nft_register from, unsigned offset, size_t length, unsigned sum);
void nft_batch_go(struct nft_batch *batch, const char *chain);
int nft_batch_send(struct nft_batch *batch, int fd);

#endif
