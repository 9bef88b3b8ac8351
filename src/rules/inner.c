/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The rules that write a public address into the packet that an error quotes. With A the old address, B the
 * new one, and B@n a write of B that mends the sum at n by the difference, from where ICMP begins:
 *
 *   IPv4  a transport sum is quoted   B@18 A@2 B@sum   the third write lowers that sum by what the second one
 *                                                      has raised ICMP's
 *         none that counts addresses  B@18             address and sum of the quoted header cancel out
 *   IPv6  a transport sum is quoted   B@sum            address and that sum cancel out
 *         none that counts addresses  B@2
 *
 * Whether a sum is quoted, its load tells: beyond the end of the packet it ends the rule.
 */
#include "rules/inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/nft_batch.h"
#include "io/nftables.h"
#include "rules/nft_walk.h"

/* What rules are made for, one after the other. */
struct inner_place {
	struct nft_batch *batch;
	const struct nft_error *error;
	const struct inner_kind *kind;
	enum inner_end end;
};

/* Writes the bytes of an address, or of its mask, as they stand in a packet. */
static void put_bytes(const struct nft_error *error, struct address a, uint8_t bytes[16])
{
	if (error->family->version == 4)
		address_to_v4(a, bytes);
	else
		address_to_v6(a, bytes);
}

/* Begins a rule: ends it if the sum of the kind is not quoted, and loads the address. */
static void open_rule(const struct inner_place *place)
{
	const struct nft_quote *quote = nft_quote_of(place->error);
	char name[NFT_NAME_MAX];

	nft_batch_rule(place->batch, inner_chain(name, place->error, place->end, place->kind));
	nft_batch_unlisted(place->batch);
	if (place->kind->sum)
		nft_batch_load(place->batch, NFT_BATCH_A, place->kind->sum, 2);
	nft_batch_load(place->batch, NFT_BATCH_A, quote->address[place->end], quote->size);
}

/* Ends a rule: writes the new address, and goes on. */
static void finish_rule(const struct inner_place *place)
{
	const struct nft_quote *quote = nft_quote_of(place->error);
	const unsigned at = quote->address[place->end], sum = place->kind->sum;
	struct nft_batch *batch = place->batch;
	char name[NFT_NAME_MAX];

	if (place->error->family->version == 4) {
		nft_batch_write(batch, NFT_BATCH_B, at, 4, 18);
		if (sum) {
			nft_batch_write(batch, NFT_BATCH_A, at, 4, 2);
			nft_batch_write(batch, NFT_BATCH_B, at, 4, sum);
		}
	} else {
		nft_batch_write(batch, NFT_BATCH_B, at, 16, sum ? sum : 2);
	}
	nft_batch_go(batch, inner_sums_chain(name, place->error, place->kind));
}

/* Makes the rule for all single addresses, if there are any. */
static void make_element_rule(const struct inner_place *place)
{
	struct nft_walk walk = nft_walk_of(place->error, ADDRMAP_INNER);
	char name[NFT_NAME_MAX];

	if (!nft_walk_next_by(&walk, NFT_BY_ELEMENT))
		return;
	open_rule(place);
	nft_batch_look_up(
		place->batch, NFT_BATCH_A, NFT_BATCH_B, nft_name(name, "inner", place->error->outside));
	finish_rule(place);
}

/* Makes a rule for each range of addresses that keep their host bits. */
static void make_prefix_rules(const struct inner_place *place)
{
	struct nft_walk walk = nft_walk_of(place->error, ADDRMAP_INNER);
	const size_t size = nft_quote_of(place->error)->size;
	uint8_t first[16], last[16], mask[16], public[16];

	while (nft_walk_next_by(&walk, NFT_BY_RULE)) {
		put_bytes(place->error, walk.span.first, first);
		put_bytes(place->error, walk.span.last, last);
		put_bytes(place->error, prefix_host_mask(walk.entry->public.length), mask);
		put_bytes(place->error, walk.entry->public.base, public);
		open_rule(place);
		nft_batch_compare(place->batch, NFT_BATCH_A, NFT_BATCH_AT_LEAST, first, size);
		nft_batch_compare(place->batch, NFT_BATCH_A, NFT_BATCH_AT_MOST, last, size);
		nft_batch_mask(place->batch, NFT_BATCH_A, NFT_BATCH_B, mask, public, size);
		finish_rule(place);
	}
}

/* Makes the rules for the errors of one family that leave by one interface. */
static void make_rules(struct nft_batch *batch, const struct nft_error *error)
{
	struct inner_place place = {.batch = batch, .error = error};

	batch->family = (uint8_t)error->family->version;
	for (place.kind = inner_kinds_of(error); place.kind->name; place.kind++)
		for (int end = 0; end < INNER_ENDS; end++) {
			place.end = (enum inner_end)end;
			make_element_rule(&place);
			make_prefix_rules(&place);
		}
}

/* Loads the rules into the chains that nft has just loaded as text, by the socket that holds the tables.
 * Returns 0 or an errno. */
static int load_messages(int fd, const struct config *config)
{
	struct nft_batch batch;

	nft_batch_begin(&batch, "icmpnatd");
	for (size_t i = 0; i < config->n_outside; i++)
		for (const struct rules_family *f = rules_families; f < rules_families + RULES_FAMILIES;
			f++) {
			const struct nft_error error = {NULL, config, &config->outside[i], f};

			if (rules_are_needed(config, f) && nft_changes_quotes(&error))
				make_rules(&batch, &error);
		}
	return nft_batch_send(&batch, fd);
}

/* Loads the text of all rules, of a kind for libnftables, in one transaction with a script before it. Returns
 * 0; or an errno, with one line of reason. */
static int load_text(struct nftables *nftables, const struct config *config, enum rules_format format,
	const char *before, char *reason, size_t size)
{
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	int error = ENOMEM;

	snprintf(reason, size, "%s", strerror(error));
	if (out) {
		fputs(before, out);
		rules_print(out, config, format);
		if (fclose(out) == 0)
			error = nftables_load(nftables, script, reason, size);
	}
	free(script);
	return error;
}

/* Loads all rules: their text, of a kind for libnftables, in one transaction with a script before it; then,
 * where the kernel is to change what errors quote, those that have none. Returns 0 when all are in force.
 * Else an errno, with one line of reason: nothing has changed, or the text alone is in force, and the daemon
 * reads what the others would have changed. */
int inner_load(struct nftables *nftables, const struct config *config, enum rules_format format,
	const char *before, char *reason, size_t size)
{
	int error = load_text(nftables, config, format, before, reason, size);

	if (error || !config_kernel_changes_quotes(config))
		return error;
	error = load_messages(nftables_descriptor(nftables), config);
	snprintf(reason, size, "%s", strerror(error));
	return error;
}
