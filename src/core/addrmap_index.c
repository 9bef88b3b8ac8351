/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A node spreads the ranges that begin in some part of the address space evenly over as many slots, from
 * the first to the last of them. Where they crowd into one slot, it leads to a node of its own. So
 * addresses in a row need one node, and a few crowds far apart need two:
 *
 *              base                       base + (n << shift)
 *   ... --------|------|------|------|------|-------- ...
 *     slot 0       1      2     ...     n       n + 1
 */
#include "core/addrmap.h"

/* Returns the half of an address that a node is about: the upper one, or the lower
 * one where the upper is equal for all addresses that come there. */
static uint64_t half(struct address a, bool low)
{
	return low ? a.lo : a.hi;
}

struct indexer {
	const struct addrmap_range *ranges;
	struct addrmap_index *index;
};

/* Makes the slot of addresses that are in range first or in one of the n ranges behind it. */
static uint32_t make_slot(struct indexer *indexer, size_t first, size_t n, bool low);

static void put_slot(const struct indexer *indexer, size_t slot, uint32_t value)
{
	if (indexer->index->slots)
		indexer->index->slots[slot] = value;
}

/* Counts the ranges behind the first one that begin in a slot of a node. */
static size_t count_in_slot(
	const struct indexer *indexer, const struct addrmap_node *node, uint64_t slot, size_t first, size_t n)
{
	size_t count = 0;

	while (count < n &&
		(half(indexer->ranges[first + count + 1].first, node->low) - node->base) >> node->shift ==
			slot)
		count++;
	return count;
}

/* Tells whether a range begins with a slot, and so holds in all of it. */
static bool begins_slot(
	const struct indexer *indexer, const struct addrmap_node *node, uint64_t slot, size_t range)
{
	const struct address first = indexer->ranges[range].first;

	return half(first, node->low) == node->base + (slot << node->shift) && (node->low || first.lo == 0);
}

static void make_slots(struct indexer *indexer, const struct addrmap_node *node, size_t first, size_t n)
{
	put_slot(indexer, node->slots, make_slot(indexer, first, 0, node->low));
	for (size_t slot = 0; slot < node->n; slot++) {
		size_t count = count_in_slot(indexer, node, slot, first, n);

		n -= count;
		if (count > 0 && begins_slot(indexer, node, slot, first + 1)) {
			first++;
			count--;
		}
		put_slot(indexer, node->slots + 1 + slot,
			make_slot(indexer, first, count, node->low || node->shift == 0));
		first += count;
	}
	put_slot(indexer, node->slots + 1 + node->n, make_slot(indexer, first, 0, node->low));
}

/* Makes a node for the n ranges behind the first one, with n slots at most, and returns its
 * index. Deeper nodes have less to shift, so there are no more than 64 below each other. */
static uint32_t make_node(struct indexer *indexer, size_t first, size_t n, bool low)
{
	struct addrmap_index *index = indexer->index;
	const uint64_t base = half(indexer->ranges[first + 1].first, low);
	const uint64_t span = half(indexer->ranges[first + n].first, low) - base;
	struct addrmap_node node = {.base = base, .slots = (uint32_t)index->n_slots, .low = low};
	const size_t at = index->n_nodes++;

	while (span >> node.shift >= n)
		node.shift++;
	node.n = (uint32_t)(span >> node.shift) + 1;
	index->n_slots += (size_t)node.n + 2;
	if (index->nodes)
		index->nodes[at] = node;
	make_slots(indexer, &node, first, n);
	return (uint32_t)at;
}

static uint32_t make_slot(struct indexer *indexer, size_t first, size_t n, bool low)
{
	if (n > ADDRMAP_SLOT_RANGES)
		return ADDRMAP_SLOT_NODE | make_node(indexer, first, n, low);
	return (uint32_t)(n << ADDRMAP_SLOT_BITS | first);
}

/* Adds a table to an index, where addrmap_find() then begins. As long as the index
 * has no memory, its size is only counted. */
void addrmap_index(struct addrmap *table, struct addrmap_index *index)
{
	struct indexer indexer = {table->ranges, index};
	size_t upper = 0; /* the last range that begins below 2^64, as IPv4 does */

	if (table->n_ranges == 0)
		return;
	while (upper + 1 < table->n_ranges && table->ranges[upper + 1].first.hi == 0)
		upper++;
	table->roots[0] = make_slot(&indexer, 0, upper, true);
	table->roots[1] = make_slot(&indexer, upper, table->n_ranges - 1 - upper, false);
	table->nodes = index->nodes;
	table->slots = index->slots;
}
