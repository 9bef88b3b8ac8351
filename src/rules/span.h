/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses from a first to a last one, as rules have them: those of one family that a table maps, and those
 * that are private.
 */
#ifndef RULES_SPAN_H
#define RULES_SPAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addrmap.h"
#include "rules/rules.h"

struct span {
	struct address first, last;
};

/* A walk over the maps of a table that hold for one family, and change something. */
struct span_maps {
	const struct addrmap *table;
	const struct rules_family *family;
	size_t next; /* range of the table */
};

/* A walk over what is private in one family, or is mapped, from the lowest address up. */
struct span_union {
	struct span_maps maps;
	struct span map; /* the next one, if has_map */
	bool has_map;
	size_t private; /* index of the next private range */
};

/* A walk over what is neither private in one family, nor mapped. */
struct span_gaps {
	struct span_union taken;
	struct span rest; /* not walked over yet */
	bool ended;
};

/* A walk over what is private in one family, and not mapped. */
struct span_private {
	struct span_maps maps;
	struct span map;  /* the next one, if has_map */
	struct span rest; /* of a private range, if has_rest */
	bool has_map, has_rest;
	size_t private; /* index of the next private range */
};

const struct addrmap_entry *span_next_map(struct span_maps *walk, struct span *span);
void span_union_begin(
	struct span_union *walk, const struct addrmap *table, const struct rules_family *family);
bool span_union_next(struct span_union *walk, struct span *span);
void span_gaps_begin(struct span_gaps *walk, const struct addrmap *table, const struct rules_family *family);
bool span_gaps_next(struct span_gaps *walk, struct span *span);
void span_private_begin(
	struct span_private *walk, const struct addrmap *table, const struct rules_family *family);
bool span_private_next(struct span_private *walk, struct span *span);

#endif
