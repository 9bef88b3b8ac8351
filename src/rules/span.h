/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
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
	const struct address_range *private; /* the next one that is, or comes behind it */
};

/* A walk over what is left of some ranges without what is taken. */
struct span_rest {
	struct span_union taken;
	struct span next; /* of these, if has_next */
	struct span rest; /* of a range, if has_rest */
	bool has_next, has_rest;
	const struct address_range *ranges; /* the private ones of them that follow */
};

const struct addrmap_entry *span_next_map(struct span_maps *walk, struct span *span);
void span_union_begin(
	struct span_union *walk, const struct addrmap *table, const struct rules_family *family);
bool span_union_next(struct span_union *walk, struct span *span);
void span_rest_of_all(struct span_rest *walk, const struct addrmap *table, const struct rules_family *family);
void span_rest_of_private(
	struct span_rest *walk, const struct addrmap *table, const struct rules_family *family);
bool span_rest_next(struct span_rest *walk, struct span *span);

#endif
