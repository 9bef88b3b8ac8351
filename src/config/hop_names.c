/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The setting hop_names: by which address an outside interface names this host in errors about connections
 * that the kernel's NAT translates.
 */
#include "config/tree.h"

/* Returns the place of a name. */
static struct config_place place_of(const struct config *config, const struct config_hop_name *name)
{
	return (struct config_place){config->files[name->file], name->file, name->line};
}

/* Gives an interface a name, or complains if it has one of that family. */
static void name_interface(
	struct config_loader *loader, struct config_outside *outside, const struct config_hop_name *name)
{
	const bool v4 = address_is_v4(name->address);
	struct config_hop_name *here = &outside->hop_names[!v4];

	if (here->line)
		config_complain(loader->errors, place_of(loader->config, name),
			"%s has a hop name for IPv%d already, at %s:%u: remove one of them", outside->name,
			v4 ? 4 : 6, loader->config->files[here->file], here->line);
	else
		*here = *name;
}

/* Reads the address of a name, which must be a public one, or complains. */
static void read_address(
	const struct config_loader *loader, const config_setting_t *setting, struct config_hop_name *name)
{
	const struct config_value value = config_tree_value(loader, setting, "address");
	struct prefix p;

	if (!value.name)
		config_complain(loader->errors, config_tree_place(loader, setting),
			"a hop name without address: expected { address = \"A\"; }");
	if (!value.text || !config_prefix_parse(&p, &value, loader->errors))
		return;
	name->address = p.base;
	if (p.length < 128)
		config_complain(loader->errors, value.place, "address is \"%s\": expected a single address",
			value.text);
	else
		config_map_check_public(p, &value, loader->errors);
}

/* Reads one group of the list, and gives its interfaces the name. */
static void read_name(struct config_loader *loader, const config_setting_t *setting)
{
	static const char *const names[] = {"outside", "address", "errors", NULL};
	static const char *const errors[] = {"time-exceeded", "all", NULL};
	const config_setting_t *member = config_setting_get_member(setting, "errors");
	const struct config_place place = config_tree_place(loader, setting);
	const unsigned before = loader->errors->errors;
	struct config_hop_name name = {.file = place.file, .line = place.line};
	struct config_value outside = config_tree_value(loader, setting, "outside");
	unsigned all = 0;
	uint8_t one;

	config_tree_check_names(loader, setting, names);
	read_address(loader, setting, &name);
	if (!loader->outside_is_good)
		outside.text = NULL;
	one = config_map_outside(&outside, loader->config, loader->errors);
	if (member && config_tree_choice(loader, member, errors, &all))
		name.all = all;
	for (uint8_t i = 0; i < loader->config->n_outside && loader->errors->errors == before; i++)
		if (one == ADDRMAP_ANY || one == i)
			name_interface(loader, &loader->config->outside[i], &name);
}

/* Reads the list of names. */
void config_hop_names_read(struct config_loader *loader, const config_setting_t *setting)
{
	if (!config_setting_is_list(setting)) {
		config_tree_complain_type(loader, setting, "a list ( ) of groups { address = \"A\"; }");
		return;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);

		if (config_setting_is_group(element))
			read_name(loader, element);
		else
			config_tree_complain_type(loader, element, "a group { address = \"A\"; }");
	}
}

/* Returns the map that would change the name of an interface for IPv4 (0) or IPv6 (1); ADDRMAP_NONE if none
 * would. */
static uint32_t find_changing_map(
	const struct config *config, const struct config_outside *outside, size_t family)
{
	const struct config_hop_name *name = &outside->hop_names[family];
	const struct prefix p = {name->address, 128};
	const uint32_t map = name->line ? addrmap_find(&outside->maps[ADDRMAP_OUTER], p.base) : ADDRMAP_NONE;

	return map == ADDRMAP_NONE || config_map_keeps(&config->entries[map], p) ? ADDRMAP_NONE : map;
}

/* Complains about a name that a map would change. */
static void complain_of_change(const struct config *config, const struct config_hop_name *name,
	const struct addrmap_entry *entry, struct config_errors *errors)
{
	char text[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){name->address, 128}, text);
	config_complain(errors, place_of(config, name),
		"address %s would be translated by the map at %s:%u: except it by "
		"{ private = \"%s\"; public = \"%s\"; }",
		text, config->files[entry->file], entry->line, text, text);
}

/* Complains about every name that a map of its interface would change, once if neighbours in the list of
 * interfaces have both in common. The tables are there. */
void config_hop_names_check(const struct config *config, struct config_errors *errors)
{
	for (size_t family = 0; family < 2; family++) {
		const struct config_hop_name *last = NULL;
		uint32_t last_map = ADDRMAP_NONE;

		for (size_t i = 0; i < config->n_outside; i++) {
			const struct config_hop_name *name = &config->outside[i].hop_names[family];
			const uint32_t map = find_changing_map(config, &config->outside[i], family);

			if (map != ADDRMAP_NONE && (map != last_map || name->line != last->line))
				complain_of_change(config, name, &config->entries[map], errors);
			last = name;
			last_map = map;
		}
	}
}
