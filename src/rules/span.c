/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over the ranges of a table of maps. The longest prefix has won there already, so that no address is
 * in two of them.
 */
#include "rules/span.h"

#include "config/map.h"

/* Returns the range of a table, up to the next one. */
static struct span span_of_range(const struct addrmap *table, size_t range)
{
	struct span span = {table->ranges[range].first, {UINT64_MAX, UINT64_MAX}};

	if (range + 1 < table->n_ranges) {
		span.last = table->ranges[range + 1].first;
		span.last.hi -= span.last.lo-- == 0;
	}
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

/* Begins the walk over what is private in a family, or is mapped by a table. */
void span_union_begin(
	struct span_union *walk, const struct addrmap *table, const struct rules_family *family)
{
	*walk = (struct span_union){.maps = {.table = table, .family = family}};
	walk->has_map = span_next_map(&walk->maps, &walk->map);
}

/* Takes the next range of either kind, the lower one first. False at the end. */
static bool take_lower(struct span_union *walk, struct span *span)
{
	const struct rules_family *family = walk->maps.family;
	struct span private;

	if (walk->private == family->n_private && !walk->has_map)
		return false;
	if (walk->private < family->n_private) {
		const struct prefix p = family->private_prefix[walk->private];

		private = (struct span){p.base, prefix_last(p)};
		if (!walk->has_map || address_compare(private.first, walk->map.first) <= 0) {
			walk->private++;
			*span = private;
			return true;
		}
	}
	*span = walk->map;
	walk->has_map = span_next_map(&walk->maps, &walk->map);
	return true;
}

/* Tells whether a range begins within another one or right behind it. */
static bool continues(const struct span *span, struct address first)
{
	struct address behind = span->last;

	behind.hi += ++behind.lo == 0;
	return address_compare(first, span->last) <= 0 || address_equal(first, behind);
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
