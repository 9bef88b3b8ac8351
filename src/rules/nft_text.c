/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Names and addresses as nft reads them.
 */
#include "rules/nft_error.h"

#include <inttypes.h>
#include <string.h>

/* Fills in and returns the name of a chain or a counter that is about an interface. nft takes all
 * characters of such names but one. */
const char *nft_name(char name[NFT_NAME_MAX], const char *what, const struct config_outside *outside)
{
	snprintf(name, NFT_NAME_MAX, "%.40s.%s", what, outside->name);
	for (char *at = name; (at = strchr(at, '@'));)
		*at = '/';
	return name;
}

/* Prints an address as nft reads it where it knows that it is one. */
void nft_print_address(FILE *out, struct address a)
{
	char text[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){a, 128}, text);
	fputs(text, out);
}

/* Prints addresses from a first to a last one, in the same way. */
void nft_print_span(FILE *out, const struct span *span)
{
	nft_print_address(out, span->first);
	if (address_equal(span->first, span->last))
		return;
	fputc('-', out);
	nft_print_address(out, span->last);
}

/* Prints an address as the number that a raw field holds. */
void nft_print_number(const struct nft_error *error, struct address a)
{
	if (error->family->version == 4)
		fprintf(error->out, "0x%08" PRIx32, (uint32_t)a.lo);
	else
		fprintf(error->out, "0x%016" PRIx64 "%016" PRIx64, a.hi, a.lo);
}

/* Prints the bits that a prefix leaves to the host. */
void nft_print_host_mask(const struct nft_error *error, uint8_t length)
{
	const struct address mask = prefix_host_mask(length);

	if (error->family->version == 4)
		nft_print_address(error->out, (struct address){0, ADDRESS_V4(0, 0, 0, 0) | mask.lo});
	for (int shift = 48; error->family->version == 6 && shift >= 0; shift -= 16)
		fprintf(error->out, "%" PRIx64 ":", mask.hi >> shift & 0xffff);
	for (int shift = 48; error->family->version == 6 && shift >= 0; shift -= 16)
		fprintf(error->out, "%" PRIx64 "%s", mask.lo >> shift & 0xffff, shift ? ":" : "");
}

/* Prints what is left in a walk, which is something, as a set of numbers for a raw field. */
void nft_print_numbers(const struct nft_error *error, struct span_rest *walk)
{
	const char *between = "{ ";
	struct span span;

	for (; span_rest_next(walk, &span); between = ", ") {
		fputs(between, error->out);
		nft_print_number(error, span.first);
		fputc('-', error->out);
		nft_print_number(error, span.last);
	}
	fputs(" }", error->out);
}
