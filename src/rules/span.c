/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Walks over the ranges of a table of maps. The longest prefix has won there already, so that no address is
 * in two of them.
 */
#include "rules/span.h"

#include "config/map.h"

static struct address address_behind(struct address a)
{
	a.hi += ++a.lo == 0;
	return a;
}

static struct address address_before(struct address a)
{
	a.hi -= a.lo-- == 0;
	return a;
}

/* Returns the range of a table, up to the next one. */
static struct span span_of_range(const struct addrmap *table, size_t range)
{
	struct span span = {table->ranges[range].first, {UINT64_MAX, UINT64_MAX}};

	if (range + 1 < table->n_ranges)
		span.last = address_before(table->ranges[range + 1].first);
	return span;
}

/* Returns the next map of the walk and, in *span, the addresses that it changes; NULL at the end. */
const struct addrmap_entry *span_next_map(struct span_maps *walk, struct span *span)
{
	while (walk->next < walk->table->n_ranges) {
		const size_t range = walk->next++;
		const uint32_t map = walk->table->ranges[range].map;

		*span = span_of_range(walk->table, range);
		if (map != ADDRMAP_NONE && !config_map_is_identity(&walk->table->entries[map]) &&
			address_is_v4(span->first) == (walk->family->version == 4))
			return &walk->table->entries[map];
	}
	return NULL;
}

/* Begins the walk over what is private in a family, or is mapped by a table. IPv4 as IPv6 counts as private:
 * the daemon is to see it. */
void span_union_begin(struct span_union *walk, const struct addrmap *table, const struct rules_family *family)
{
	*walk = (struct span_union){
		.maps = {.table = table, .family = family}, .private = address_ranges(family->version)};
	walk->has_map = span_next_map(&walk->maps, &walk->map);
}

/* Takes the next range of either kind, the lower one first. False at the end. */
static bool take_lower(struct span_union *walk, struct span *span)
{
	while (walk->private->name && walk->private->kind == ADDRESS_MULTICAST)
		walk->private ++;
	if (!walk->private->name && !walk->has_map)
		return false;
	if (walk->private->name &&
		(!walk->has_map || address_compare(walk->private->first, walk->map.first) <= 0)) {
		*span = (struct span){walk->private->first, walk->private->last};
		walk->private ++;
		return true;
	}
	*span = walk->map;
	walk->has_map = span_next_map(&walk->maps, &walk->map);
	return true;
}

/* Tells whether a range begins within another one or right behind it. */
static bool continues(const struct span *span, struct address first)
{
	return address_compare(first, span->last) <= 0 || address_equal(first, address_behind(span->last));
}

/* Takes the next range, which touches no other. False at the end. */
bool span_union_next(struct span_union *walk, struct span *span)
{
	struct span_union ahead;
	struct span next;

	if (!take_lower(walk, span))
		return false;
	for (ahead = *walk; take_lower(&ahead, &next) && continues(span, next.first); *walk = ahead)
		if (address_compare(next.last, span->last) > 0)
			span->last = next.last;
	return true;
}

/* Begins with the next of the ranges. False if there is none. */
static bool begin_range(struct span_rest *walk)
{
	while (walk->ranges->name && walk->ranges->kind != ADDRESS_PRIVATE)
		walk->ranges++;
	walk->has_rest = walk->ranges->name != NULL;
	if (walk->has_rest) {
		walk->rest = (struct span){walk->ranges->first, walk->ranges->last};
		walk->ranges++;
	}
	return walk->has_rest;
}

/* Begins the walk over what is neither private in a family, nor mapped by a table. */
void span_rest_of_all(struct span_rest *walk, const struct addrmap *table, const struct rules_family *family)
{
	static const struct address_range none = {.name = NULL};
	static const struct prefix all4 = {{0, ADDRESS_V4(0, 0, 0, 0)}, ADDRESS_V4_BITS}, all6 = {{0, 0}, 0};
	const struct prefix all = family->version == 4 ? all4 : all6;

	*walk = (struct span_rest){.rest = {all.base, prefix_last(all)}, .has_rest = true, .ranges = &none};
	span_union_begin(&walk->taken, table, family);
	walk->has_next = span_union_next(&walk->taken, &walk->next);
}

/* Begins the walk over what is private in a family and not mapped by a table. IPv4 as IPv6 is not of it. */
void span_rest_of_private(
	struct span_rest *walk, const struct addrmap *table, const struct rules_family *family)
{
	*walk = (struct span_rest){.ranges = address_ranges(family->version)};
	span_union_begin(&walk->taken, table, family);
	while (walk->taken.private->name) /* maps alone are taken */
		walk->taken.private ++;
	walk->has_next = span_union_next(&walk->taken, &walk->next);
}

/* Takes the next range that is left. False at the end. */
bool span_rest_next(struct span_rest *walk, struct span *span)
{
	while (walk->has_rest || begin_range(walk)) {
		*span = walk->rest;
		while (walk->has_next && address_compare(walk->next.last, span->first) < 0)
			walk->has_next = span_union_next(&walk->taken, &walk->next);
		if (!walk->has_next || address_compare(walk->next.first, span->last) > 0) {
			walk->has_rest = false;
			return true;
		}
		walk->has_rest = address_compare(walk->next.last, span->last) < 0;
		walk->rest.first = address_behind(walk->next.last);
		if (address_compare(walk->next.first, span->first) > 0) {
			span->last = address_before(walk->next.first);
			return true;
		}
	}
	return false;
}
