/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One map: its text, and the rules that it must obey by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "config/map.h"
#include "core/npt.h"

#define NPT_FORM ": expected prefixes of IPv6 of equal length, %d bits at most"

/* Tells whether the host bits of the private side have a place on the public one. */
static bool is_one_to_one(const struct addrmap_entry *entry)
{
	return entry->private.length == entry->public.length;
}

/* Tells whether a map leaves alone what it covers: an exception from a shorter one. */
bool config_map_is_identity(const struct addrmap_entry *entry)
{
	return prefix_equal(entry->private, entry->public);
}

/* Tells whether a map leaves every address of the prefix p as it is: its public side has them all. */
bool config_map_keeps(const struct addrmap_entry *entry, struct prefix p)
{
	return entry->public.length <= p.length && prefix_contains(entry->public, p.base);
}

/* Returns where a map was configured. */
struct config_place config_map_place(const struct config *config, const struct addrmap_entry *entry)
{
	return (struct config_place){config->files[entry->file], entry->file, entry->line};
}

/* Complains about a source that is not public: an error from there is dropped on its way, or tells outsiders
 * what it should not (RFC 6791, section 3). True if there is no complaint. */
bool config_map_check_public(
	struct prefix public, const struct config_value *value, struct config_errors *errors)
{
	const struct address first = public.base, last = prefix_last(public);
	const struct address_range *range = address_ranges(address_is_v4(first) ? 4 : 6);
	char text[CONFIG_RANGE_TEXT];

	while (range->name && address_compare(range->last, first) < 0)
		range++;
	if (!range->name || address_compare(last, range->first) < 0)
		return true;
	config_range_text(range->first, range->last, text);
	config_complain(errors, value->place,
		"%s %s overlaps %s (%s): expected addresses that are routed on the Internet", value->name,
		value->text, text, range->name);
	return false;
}

/* Complains about two sides that do not fit together. True if they do. */
static bool check_sides(
	const struct addrmap_entry *entry, const struct config_map *map, struct config_errors *errors)
{
	const bool v4 = address_is_v4(entry->private.base);
	const int left_out = v4 ? ADDRESS_V4_BITS : 0; /* of the lengths that people write */

	if (v4 != address_is_v4(entry->public.base))
		config_complain(errors, map->place,
			"private is IPv%d and public is IPv%d: expected one family", v4 ? 4 : 6, v4 ? 6 : 4);
	else if (entry->public.length < entry->private.length)
		config_complain(errors, map->place,
			"private has length %d and public %d: expected a public side of the same length, or "
			"a longer one",
			entry->private.length - left_out, entry->public.length - left_out);
	else
		return config_map_is_identity(entry) ||
		       config_map_check_public(entry->public, &map->public, errors);
	return false;
}

/* Returns the index of the outside interface of that name; ADDRMAP_ANY if there is none. */
uint8_t config_map_interface(const struct config *config, const char *name)
{
	for (uint8_t i = 0; i < config->n_outside; i++)
		if (strcmp(config->outside[i].name, name) == 0)
			return i;
	return ADDRMAP_ANY;
}

/* Returns the index of the interface that a map holds for; ADDRMAP_ANY if none is named, or after a
 * complaint. */
uint8_t config_map_outside(
	const struct config_value *value, const struct config *config, struct config_errors *errors)
{
	const uint8_t outside = value->text ? config_map_interface(config, value->text) : ADDRMAP_ANY;

	if (value->text && outside == ADDRMAP_ANY)
		config_complain(errors, value->place,
			"outside is \"%s\": expected one of the interfaces that the setting "
			"outside of the file lists",
			value->text);
	return outside;
}

/* Reads the parts that a map holds for. A map of many to one, or to a pool, cannot be undone by those who
 * answer, so that it is for the outer part only. Complains about others. */
static void parse_part(
	struct addrmap_entry *entry, const struct config_value *value, struct config_errors *errors)
{
	const uint8_t outer = 1 << ADDRMAP_OUTER, inner = 1 << ADDRMAP_INNER;

	if (!value->text)
		entry->parts = is_one_to_one(entry) ? outer | inner : outer;
	else if (strcmp(value->text, "outer") == 0)
		entry->parts = outer;
	else if (strcmp(value->text, "inner") != 0)
		config_complain(
			errors, value->place, "part is \"%s\": expected \"outer\" or \"inner\"", value->text);
	else if (is_one_to_one(entry))
		entry->parts = inner;
	else
		config_complain(errors, value->place,
			"part is \"inner\", but several private addresses become one: "
			"expected sides of equal length");
}

/* Makes a map of prefixes NPTv6's, or complains that it cannot be one. An exception changes nothing. */
static void parse_npt(
	struct addrmap_entry *entry, const struct config_value *value, struct config_errors *errors)
{
	if (!value->text || config_map_is_identity(entry))
		return;
	if (is_one_to_one(entry) && entry->private.length <= NPT_LENGTH_MAX)
		entry->parts |= ADDRMAP_NPT;
	else if (address_is_v4(entry->private.base))
		config_complain(errors, value->place, "npt with IPv4" NPT_FORM, NPT_LENGTH_MAX);
	else
		config_complain(errors, value->place, "npt with lengths of %d and %d bits" NPT_FORM,
			entry->private.length, entry->public.length, NPT_LENGTH_MAX);
}

/* Makes an entry of the text of a map. Complains about as many mistakes as can be told apart.
 * False if there are any. */
static bool parse_map(struct addrmap_entry *entry, const struct config_map *map, const struct config *config,
	struct config_errors *errors)
{
	const unsigned before = errors->errors;
	bool sides;

	*entry = (struct addrmap_entry){.file = map->place.file, .line = map->place.line};
	sides = config_prefix_parse(&entry->private, &map->private, errors);
	sides &= config_prefix_parse(&entry->public, &map->public, errors);
	if (sides && check_sides(entry, map, errors)) {
		parse_part(entry, &map->part, errors);
		parse_npt(entry, &map->npt, errors);
	}
	entry->outside = config_map_outside(&map->outside, config, errors);
	return errors->errors == before;
}

/* Adds a map to a configuration whose outside interfaces are known, or complains about it. The texts of
 * both its sides must be there. False if memory runs out, after a complaint. */
bool config_map_add(struct config *config, const struct config_map *map, struct config_errors *errors)
{
	const size_t n = config->n_entries;

	if ((n & (n - 1)) == 0) { /* all the room is taken: double it */
		struct addrmap_entry *more = reallocarray(config->entries, n ? 2 * n : 1, sizeof(*more));

		if (!more) {
			config_complain_memory(errors, map->place.name);
			return false;
		}
		config->entries = more;
	}
	config->n_entries += parse_map(&config->entries[n], map, config, errors);
	return true;
}
