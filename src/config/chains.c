/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Chains of maps. A packet that is translated twice must come out as if it had
 * been translated once, so what one map makes, no other map may change. This is
 * asked of the finished tables, where precedence is settled already.
 */
#include <stdlib.h>

#include "config/map.h"

/* A table of ranges. next has, for each range, the index of the first range from
 * there on (it may be that range) whose map changes addresses; n_ranges if there is none. */
struct changes {
	const struct addrmap *table;
	uint32_t *next;
};

static bool changes_init(struct changes *changes, const struct addrmap *table)
{
	uint32_t next = (uint32_t)table->n_ranges;

	changes->table = table;
	changes->next = malloc(table->n_ranges * sizeof(*changes->next));
	if (!changes->next)
		return false;
	for (uint32_t i = next; i-- > 0;) {
		const uint32_t map = table->ranges[i].map;

		if (map != ADDRMAP_NONE && !config_map_is_identity(&table->entries[map]))
			next = i;
		changes->next[i] = next;
	}
	return true;
}

/* Returns a map that changes an address of the prefix p, or NULL. */
static const struct addrmap_entry *find_change(const struct changes *changes, struct prefix p)
{
	const struct addrmap *table = changes->table;
	const struct address last = prefix_last(p);
	uint32_t i = changes->next[addrmap_search(table, p.base)];

	while (i < table->n_ranges && address_compare(table->ranges[i].first, last) <= 0) {
		const struct addrmap_entry *entry = &table->entries[table->ranges[i].map];

		if (!config_map_keeps(entry, p))
			return entry;
		i = i + 1 < table->n_ranges ? changes->next[i + 1] : i + 1;
	}
	return NULL;
}

/* Complains about every map of one table whose public side another map changes. known has
 * a flag for each map, and is set for those that were complained about. False if memory runs out. */
static bool check_table(const struct config *config, uint8_t outside, enum addrmap_part part, bool *known,
	struct config_errors *errors)
{
	const struct addrmap *table = &config->outside[outside].maps[part];
	struct changes changes;

	if (table->n_ranges == 0)
		return true;
	if (!changes_init(&changes, table))
		return false;
	for (size_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *entry = &config->entries[i], *other;
		char text[CONFIG_PREFIX_TEXT];

		if (known[i] || !addrmap_holds(entry, part, outside) || config_map_is_identity(entry) ||
			!(other = find_change(&changes, entry->public)))
			continue;
		known[i] = true;
		config_prefix_text(entry->public, text);
		config_complain(errors, config_map_place(config, entry),
			"public %s would be translated again by the map at %s:%u: except it by "
			"{ private = \"%s\"; public = \"%s\"; }",
			text, config->files[other->file], other->line, text, text);
	}
	free(changes.next);
	return true;
}

/* Complains about every map whose public side another map changes, in any table of
 * any interface. False if memory runs out. */
bool config_chains_check(const struct config *config, struct config_errors *errors)
{
	bool *known = calloc(config->n_entries + 1, sizeof(*known));
	bool memory = known;

	for (uint8_t i = 0; i < config->n_outside; i++)
		for (enum addrmap_part part = 0; part < ADDRMAP_PARTS; part++)
			if (memory && !config_table_shared(config, &config->outside[i], part))
				memory = check_table(config, i, part, known, errors);
	free(known);
	return memory;
}
