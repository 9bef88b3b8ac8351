/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An index of a table of ranges: which range an address is in, after a look at
 * one or two nodes where halving would take as many steps as the number of maps
 * has bits.
 */
#ifndef CORE_ADDRMAP_INDEX_H
#define CORE_ADDRMAP_INDEX_H

#include "core/addrmap.h"

/* The memory of the indices of several tables. */
struct addrmap_index {
	struct addrmap_node *nodes;
	uint32_t *slots;
	size_t n_nodes, n_slots; /* in use */
};

void addrmap_index(struct addrmap *table, struct addrmap_index *index);

#endif
