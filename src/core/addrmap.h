/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Address maps: "outside, A is known as B". A list of maps is turned once into a sorted table of disjoint
 * ranges, so that a packet pays one search whatever the number, the overlap and the interfaces of the maps.
 */
#ifndef CORE_ADDRMAP_H
#define CORE_ADDRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

#define ADDRMAP_NONE UINT32_MAX /* no map covers the address */
#define ADDRMAP_ANY  UINT8_MAX	/* a map for every outside interface */

/* The part of a packet that a map holds for. */
enum addrmap_part { ADDRMAP_OUTER, ADDRMAP_INNER, ADDRMAP_PARTS };

#define ADDRMAP_BOTH (1 << ADDRMAP_OUTER | 1 << ADDRMAP_INNER)
#define ADDRMAP_NPT  (1 << ADDRMAP_PARTS) /* beside the parts: the map is NPTv6's */

/* One map of the configuration. Both sides have the same length, or public is longer: a pool, or a single
 * address, which only the outer part may have. */
struct addrmap_entry {
	struct prefix private, public;
	uint8_t outside; /* index of the outside interface, or ADDRMAP_ANY */
	uint8_t parts;	 /* ADDRMAP_BOTH, or one of them; perhaps ADDRMAP_NPT */
	uint16_t file;	 /* where it was configured: see config.h */
	uint32_t line;
};

/* Addresses from first on, up to the next range's first, belong to this map. */
struct addrmap_range {
	struct address first;
	uint32_t map; /* index of the entry, or ADDRMAP_NONE for a gap */
};

/* Where a search goes next, by one half of the address: see addrmap_index.c. */
struct addrmap_node {
	uint64_t base;
	uint32_t slots; /* the first of n + 2 */
	uint32_t n;
	uint8_t shift;
	bool low; /* which half */
};

/* A slot leads to a node, or to a range and how many more must be looked at. */
#define ADDRMAP_SLOT_NODE   (UINT32_C(1) << 31)
#define ADDRMAP_SLOT_BITS   28 /* of the range's index */
#define ADDRMAP_SLOT_RANGES 7

/* The maps of one part and one interface, ready to be searched. Built by
 * addrmap_build() in memory that the caller provides. */
struct addrmap {
	const struct addrmap_entry *entries;
	const struct addrmap_range *ranges; /* sorted by first; ranges[0].first is 0 */
	size_t n_ranges;		    /* 0: no map at all */
	const struct addrmap_node *nodes;
	const uint32_t *slots; /* NULL: there is no index */
	uint32_t roots[2];     /* slots of addresses below 2^64, as IPv4 is, and of others */
};

/* The memory of the indices of several tables. An index finds the range that an address is in by a look at
 * one or two nodes, where halving takes as many steps as the number of maps has bits. */
struct addrmap_index {
	struct addrmap_node *nodes;
	uint32_t *slots;
	size_t n_nodes, n_slots; /* in use */
};

#define ADDRMAP_RANGES(n_entries) (2 * (size_t)(n_entries) + 1) /* the most that n maps can need */

int addrmap_compare(const void *a, const void *b);
bool addrmap_clashes(const struct addrmap_entry *a, const struct addrmap_entry *b);
bool addrmap_holds(const struct addrmap_entry *entry, enum addrmap_part part, uint8_t outside);
size_t addrmap_count(
	const struct addrmap_entry *entries, size_t n_entries, enum addrmap_part part, uint8_t outside);
void addrmap_build(struct addrmap *table, const struct addrmap_entry *entries, size_t n_entries,
	enum addrmap_part part, uint8_t outside, struct addrmap_range *ranges);
void addrmap_index(struct addrmap *table, struct addrmap_index *index);
size_t addrmap_search(const struct addrmap *table, struct address a);
uint32_t addrmap_find_other(const struct addrmap *table, struct address a);
struct address addrmap_apply_npt(const struct addrmap_entry *entry, struct address a);

/* Returns the first of the ranges that a slot leads to. */
static inline const struct addrmap_range *addrmap_slot_range(const struct addrmap *table, uint32_t slot)
{
	return &table->ranges[slot & ((UINT32_C(1) << ADDRMAP_SLOT_BITS) - 1)];
}

static inline const struct addrmap_node *addrmap_slot_node(const struct addrmap *table, uint32_t slot)
{
	return &table->nodes[slot & ~ADDRMAP_SLOT_NODE];
}

/* Returns the slot of an address in a node; key is the half of the address that the node
 * is about. There is no branch that depends on it: addresses come from strangers. */
static inline uint32_t addrmap_find_slot(
	const struct addrmap *table, const struct addrmap_node *node, uint64_t key)
{
	const uint64_t slot = (key - node->base) >> node->shift;
	const uint64_t nearest = slot < node->n ? slot : node->n;

	return table->slots[node->slots + ((nearest + 1) & -(uint64_t)(key >= node->base))];
}

/* Returns the map of an address below 2^64, as IPv4 is. The ranges that it may be
 * in begin below 2^64, too, so the lower half tells. The loop chooses between
 * values, not between branches: addresses come from strangers. */
static inline uint32_t addrmap_find_low(const struct addrmap *table, uint64_t lo)
{
	const struct addrmap_range *range, *next;
	uint32_t slot = table->roots[0];

	while (slot & ADDRMAP_SLOT_NODE)
		slot = addrmap_find_slot(table, addrmap_slot_node(table, slot), lo);
	range = addrmap_slot_range(table, slot);
	next = range + 1;
	for (uint32_t n = slot >> ADDRMAP_SLOT_BITS; n > 0; n--, next++)
		range = next->first.lo <= lo ? next : range;
	return range->map;
}

/* Returns the map that holds for an address: the index of its entry, or ADDRMAP_NONE. */
static inline uint32_t addrmap_find(const struct addrmap *table, struct address a)
{
	return table->slots && a.hi == 0 ? addrmap_find_low(table, a.lo) : addrmap_find_other(table, a);
}

/* Returns the public address of an address that the map covers: what the public prefix leaves to the host
 * stays, but for what NPTv6 does to it. */
static inline struct address addrmap_apply(const struct addrmap_entry *entry, struct address a)
{
	struct address base, mask;

	if (entry->parts & ADDRMAP_NPT)
		return addrmap_apply_npt(entry, a);
	base = entry->public.base;
	mask = prefix_host_mask(entry->public.length);
	return (struct address){base.hi | (a.hi & mask.hi), base.lo | (a.lo & mask.lo)};
}

#endif
