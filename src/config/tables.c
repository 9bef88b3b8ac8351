/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * All maps together: what contradicts what, and the tables of every interface.
 * Tables with the same maps share their memory.
 */
#include <stdlib.h>

#include "config/map.h"

/* The tables that are being made. config->ranges moves when it grows, so that each table is
 * known by an offset in it until all are there. */
struct draft {
	struct config *config;
	size_t used; /* of config->ranges */
	size_t offsets[CONFIG_OUTSIDE_MAX][ADDRMAP_PARTS];
};

/* Returns a map before entry, in its group, that contradicts it, or NULL. A group is all maps of
 * equal prefix and interface, which are neighbours. The first two of a group leave no part to any
 * other, unless they contradict each other, so that the search ends soon. */
static const struct addrmap_entry *find_clash(
	const struct addrmap_entry *group, const struct addrmap_entry *entry)
{
	for (; group < entry; group++)
		if (addrmap_clashes(group, entry))
			return group;
	return NULL;
}

/* Sorts the maps, and complains about those that contradict each other. */
void config_clashes_check(struct config *config, struct config_errors *errors)
{
	const struct addrmap_entry *group = config->entries;

	if (config->n_entries > 0)
		qsort(config->entries, config->n_entries, sizeof(*config->entries), addrmap_compare);
	for (size_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *entry = &config->entries[i], *other;
		char text[CONFIG_PREFIX_TEXT];

		if (!prefix_equal(group->private, entry->private) || group->outside != entry->outside)
			group = entry;
		if (!(other = find_clash(group, entry)))
			continue;
		config_prefix_text(entry->private, text);
		config_complain(errors, config_map_place(config, entry),
			"private %s has a map already, at %s:%u: remove one of them", text,
			config->files[other->file], other->line);
	}
}

/* Tells whether every map of an interface holds for both parts, so that one table is enough. */
static bool parts_are_equal(const struct config *config, uint8_t outside)
{
	for (size_t i = 0; i < config->n_entries; i++)
		if (addrmap_holds(&config->entries[i], ADDRMAP_OUTER, outside) !=
			addrmap_holds(&config->entries[i], ADDRMAP_INNER, outside))
			return false;
	return true;
}

static bool has_own_maps(const struct config *config, uint8_t outside)
{
	for (size_t i = 0; i < config->n_entries; i++)
		if (config->entries[i].outside == outside)
			return true;
	return false;
}

/* Gives config->ranges exactly n elements. */
static bool resize_ranges(struct config *config, size_t n)
{
	struct addrmap_range *ranges = reallocarray(config->ranges, n ? n : 1, sizeof(*ranges));

	if (ranges)
		config->ranges = ranges;
	return ranges;
}

/* Appends a table of the maps that hold for an interface, holder (ADDRMAP_ANY: of those for any
 * interface), and makes it that of the interface outside. False if memory runs out. */
static bool build_table(struct draft *draft, uint8_t outside, enum addrmap_part part, uint8_t holder)
{
	struct config *config = draft->config;
	struct addrmap *table = &config->outside[outside].maps[part];
	const size_t n = addrmap_count(config->entries, config->n_entries, part, holder);

	if (!resize_ranges(config, draft->used + ADDRMAP_RANGES(n)))
		return false;
	addrmap_build(table, config->entries, config->n_entries, part, holder, config->ranges + draft->used);
	draft->offsets[outside][part] = draft->used;
	draft->used += table->n_ranges;
	return true;
}

/* Makes a table share the ranges of another one. */
static void share_table(struct draft *draft, uint8_t outside, enum addrmap_part part, uint8_t from_outside,
	enum addrmap_part from_part)
{
	struct config_outside *interfaces = draft->config->outside;

	interfaces[outside].maps[part] = interfaces[from_outside].maps[from_part];
	draft->offsets[outside][part] = draft->offsets[from_outside][from_part];
}

static bool build_interface(struct draft *draft, uint8_t outside, uint8_t holder)
{
	if (!build_table(draft, outside, ADDRMAP_OUTER, holder))
		return false;
	if (!parts_are_equal(draft->config, holder))
		return build_table(draft, outside, ADDRMAP_INNER, holder);
	share_table(draft, outside, ADDRMAP_INNER, outside, ADDRMAP_OUTER);
	return true;
}

static bool build_interfaces(struct draft *draft)
{
	const struct config *config = draft->config;
	uint8_t general = ADDRMAP_ANY; /* the first interface that has the general maps only */

	for (uint8_t i = 0; i < config->n_outside; i++) {
		const bool own = has_own_maps(config, i);

		if (!own && general != ADDRMAP_ANY) {
			for (enum addrmap_part part = 0; part < ADDRMAP_PARTS; part++)
				share_table(draft, i, part, general, part);
			continue;
		}
		if (!build_interface(draft, i, own ? i : ADDRMAP_ANY))
			return false;
		if (!own)
			general = i;
	}
	return true;
}

/* Returns an earlier table that has the same ranges, or NULL. */
const struct addrmap *config_table_shared(
	const struct config *config, const struct config_outside *outside, enum addrmap_part part)
{
	const struct addrmap *table = &outside->maps[part];

	for (const struct config_outside *o = config->outside; o <= outside; o++)
		for (const struct addrmap *other = o->maps; other < o->maps + ADDRMAP_PARTS; other++)
			if (other < table && other->ranges == table->ranges &&
				other->n_ranges == table->n_ranges)
				return other;
	return NULL;
}

/* Adds every table to the index, once. */
static void index_tables(struct config *config)
{
	config->index.n_nodes = config->index.n_slots = 0;
	for (struct config_outside *o = config->outside; o < config->outside + config->n_outside; o++)
		for (enum addrmap_part part = 0; part < ADDRMAP_PARTS; part++) {
			const struct addrmap *shared = config_table_shared(config, o, part);

			if (shared)
				o->maps[part] = *shared;
			else
				addrmap_index(&o->maps[part], &config->index);
		}
}

static bool build_index(struct config *config)
{
	struct addrmap_index *index = &config->index;

	index_tables(config);
	index->nodes = calloc(index->n_nodes + 1, sizeof(*index->nodes));
	index->slots = calloc(index->n_slots + 1, sizeof(*index->slots));
	if (!index->nodes || !index->slots)
		return false;
	index_tables(config);
	return true;
}

/* Builds the tables of all interfaces; the maps passed config_clashes_check(). False if memory runs out. */
bool config_tables_build(struct config *config)
{
	struct draft draft = {.config = config};

	if (!build_interfaces(&draft) || !resize_ranges(config, draft.used))
		return false;
	for (size_t i = 0; i < config->n_outside; i++)
		for (size_t part = 0; part < ADDRMAP_PARTS; part++)
			config->outside[i].maps[part].ranges = config->ranges + draft.offsets[i][part];
	return build_index(config);
}
