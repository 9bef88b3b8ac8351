/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Maps to a table of ranges, by one sweep over the sorted maps. It rests on one
 * property of prefixes: of two that share an address, one contains the other.
 * What is open at any point of the sweep is therefore a stack.
 */
#include "core/addrmap.h"

#include "core/npt.h"

/* For every length, a general map and one of the interface's own. */
#define NESTING_MAX (2 * (128 + 1))

/* A map that has begun in the sweep and has not ended yet. */
struct open_map {
	struct address last; /* of its prefix */
	uint32_t winner;     /* the map that holds where nothing deeper is open */
};

struct sweep {
	const struct addrmap_entry *entries;
	struct addrmap_range *ranges;
	size_t n_ranges;
	struct open_map open[NESTING_MAX];
	unsigned depth;
};

static int compare_numbers(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

/* Compares two struct addrmap_entry for qsort(), in the order that addrmap_build()
 * needs: a prefix stands before those that it contains; of two equal prefixes, the
 * map of every interface before the map of one; else as configured. */
int addrmap_compare(const void *a, const void *b)
{
	const struct addrmap_entry *x = a, *y = b;
	int order = address_compare(x->private.base, y->private.base);

	if (order == 0)
		order = compare_numbers(x->private.length, y->private.length);
	if (order == 0)
		order = compare_numbers(y->outside, x->outside);
	if (order == 0)
		order = compare_numbers(x->file, y->file);
	return order ? order : compare_numbers(x->line, y->line);
}

/* Tells whether two maps contradict each other: equal prefixes, for a common part and one interface. */
bool addrmap_clashes(const struct addrmap_entry *a, const struct addrmap_entry *b)
{
	return prefix_equal(a->private, b->private) && a->outside == b->outside &&
	       a->parts & b->parts & ADDRMAP_BOTH;
}

/* Tells whether a map belongs to the table of a part and an interface. The maps of
 * every interface belong to all tables; the table of ADDRMAP_ANY has only these. */
bool addrmap_holds(const struct addrmap_entry *entry, enum addrmap_part part, uint8_t outside)
{
	return entry->parts >> part & 1 && (entry->outside == ADDRMAP_ANY || entry->outside == outside);
}

/* Counts the maps that addrmap_build() will put into a table. */
size_t addrmap_count(
	const struct addrmap_entry *entries, size_t n_entries, enum addrmap_part part, uint8_t outside)
{
	size_t n = 0;

	for (size_t i = 0; i < n_entries; i++)
		n += addrmap_holds(&entries[i], part, outside);
	return n;
}

/* Begins a range: from address first on, map holds. A range that turns out to be
 * empty is overwritten; one with the map of its predecessor is left out. */
static void put_range(struct sweep *sweep, struct address first, uint32_t map)
{
	struct addrmap_range *end = sweep->ranges + sweep->n_ranges;

	if (address_equal(end[-1].first, first))
		end--;
	if (end == sweep->ranges || end[-1].map != map)
		*end++ = (struct addrmap_range){first, map};
	sweep->n_ranges = (size_t)(end - sweep->ranges);
}

static uint32_t winner(const struct sweep *sweep)
{
	return sweep->depth ? sweep->open[sweep->depth - 1].winner : ADDRMAP_NONE;
}

/* Ends the innermost open map. Behind it holds again what is open around it. */
static void close_map(struct sweep *sweep)
{
	struct address next = sweep->open[--sweep->depth].last;

	if (++next.lo == 0 && ++next.hi == 0)
		return; /* there is no address behind it */
	put_range(sweep, next, winner(sweep));
}

/* Begins a map. It is longer than what is open, so it wins, unless it is for every
 * interface and a map of the one interface is open. */
static void open_map(struct sweep *sweep, uint32_t map)
{
	const struct addrmap_entry *entry = &sweep->entries[map];
	uint32_t wins = winner(sweep);

	if (wins == ADDRMAP_NONE || entry->outside != ADDRMAP_ANY ||
		sweep->entries[wins].outside == ADDRMAP_ANY)
		wins = map;
	sweep->open[sweep->depth++] = (struct open_map){prefix_last(entry->private), wins};
	put_range(sweep, entry->private.base, wins);
}

/* Builds the table of one part and one interface (ADDRMAP_ANY: of one that has no
 * maps of its own). The entries must be sorted by addrmap_compare() and free of
 * addrmap_clashes(). ranges has room for ADDRMAP_RANGES(addrmap_count()) of them;
 * table->n_ranges are used. Entries and ranges must outlive the table. A map with
 * an interface beats one without; among equals the longest prefix wins. */
void addrmap_build(struct addrmap *table, const struct addrmap_entry *entries, size_t n_entries,
	enum addrmap_part part, uint8_t outside, struct addrmap_range *ranges)
{
	struct sweep sweep = {.entries = entries, .ranges = ranges, .n_ranges = 1};

	ranges[0] = (struct addrmap_range){{0, 0}, ADDRMAP_NONE};
	for (size_t i = 0; i < n_entries; i++) {
		if (!addrmap_holds(&entries[i], part, outside))
			continue;
		while (sweep.depth > 0 &&
			address_compare(sweep.open[sweep.depth - 1].last, entries[i].private.base) < 0)
			close_map(&sweep);
		open_map(&sweep, (uint32_t)i);
	}
	while (sweep.depth > 0)
		close_map(&sweep);
	if (sweep.n_ranges == 1 && ranges[0].map == ADDRMAP_NONE)
		sweep.n_ranges = 0;
	*table = (struct addrmap){.entries = entries, .ranges = ranges, .n_ranges = sweep.n_ranges};
}

/* Tells whether an address is in a range or behind it, as 1 or 0. There is no branch that
 * depends on the data: addresses come from strangers, and no branch predictor learns them. */
static size_t reaches(struct address a, const struct addrmap_range *range)
{
	const struct address first = range->first;

	return (first.hi < a.hi) | ((first.hi == a.hi) & (first.lo <= a.lo));
}

/* Returns the index of the range that an address is in, by halving. The table must
 * have maps, and needs no index. */
size_t addrmap_search(const struct addrmap *table, struct address a)
{
	const struct addrmap_range *range = table->ranges;

	for (size_t n = table->n_ranges; n > 1;) {
		const size_t half = n / 2;

		range += half & -reaches(a, &range[half]);
		n -= half;
	}
	return (size_t)(range - table->ranges);
}

/* Returns the map of an address that addrmap_find_low() cannot look up: from 2^64 on, by the index, or any
 * in a table without an index. */
uint32_t addrmap_find_other(const struct addrmap *table, struct address a)
{
	const struct addrmap_range *range;
	uint32_t slot = table->roots[1];
	size_t reached = 0;

	if (!table->slots)
		return table->n_ranges ? table->ranges[addrmap_search(table, a)].map : ADDRMAP_NONE;
	while (slot & ADDRMAP_SLOT_NODE) {
		const struct addrmap_node *node = addrmap_slot_node(table, slot);

		slot = addrmap_find_slot(table, node, node->low ? a.lo : a.hi);
	}
	range = addrmap_slot_range(table, slot);
	for (uint32_t n = slot >> ADDRMAP_SLOT_BITS; n > 0; n--)
		reached += reaches(a, &range[n]);
	return range[reached].map;
}

/* Returns the public address of an address that a map of NPTv6 covers. It is no part of addrmap_apply(), so
 * that this costs other maps nothing but to ask for it. */
struct address addrmap_apply_npt(const struct addrmap_entry *entry, struct address a)
{
	return npt_translate(&entry->private, &entry->public, a);
}
