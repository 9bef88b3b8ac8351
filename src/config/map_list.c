/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The setting "maps": the list of those maps that stand in the configuration file.
 */
#include "config/map.h"
#include "config/readers.h"

#define MEMBERS 4

/* Reads the members of a map that are there. Complains about others. */
static void read_members(const struct config_loader *loader, const config_setting_t *setting,
	struct config_value values[MEMBERS])
{
	static const char *const names[MEMBERS] = {"private", "public", "outside", "part"};

	config_tree_check_names(loader, setting, names, MEMBERS);
	for (size_t i = 0; i < MEMBERS; i++) {
		const config_setting_t *member = config_setting_get_member(setting, names[i]);

		if (member)
			values[i] = (struct config_value){names[i], config_tree_string(loader, member),
				config_tree_place(loader, member)};
	}
}

/* Complains about a side that is not there. A value without a text was complained about. */
static void check_given(const struct config_loader *loader, struct config_place map,
	const struct config_value *side, const char *name)
{
	if (!side->name)
		config_complain(loader->errors, map,
			"a map without %s: expected { private = \"A\"; public = \"B\"; }", name);
}

/* Adds a map to the configuration, or complains. False if memory runs out. */
static bool read_map(struct config_loader *loader, const config_setting_t *setting)
{
	struct config_value values[MEMBERS] = {{0}};
	const unsigned before = loader->errors->errors;
	struct config_map map;

	if (!config_setting_is_group(setting)) {
		config_tree_complain_type(loader, setting, "a group { private = \"A\"; public = \"B\"; }");
		return true;
	}
	read_members(loader, setting, values);
	map = (struct config_map){
		config_tree_place(loader, setting), values[0], values[1], values[2], values[3]};
	check_given(loader, map.place, &map.private, "private");
	check_given(loader, map.place, &map.public, "public");
	if (!loader->outside_is_good)
		map.outside.text = NULL;
	return loader->errors->errors > before || config_map_add(loader->config, &map, loader->errors);
}

/* Reads the list of maps. */
void config_maps_read(struct config_loader *loader, const config_setting_t *setting)
{
	if (!config_setting_is_list(setting)) {
		config_tree_complain_type(loader, setting, "a list ( ) of maps");
		return;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++)
		if (!read_map(loader, config_setting_get_elem(setting, i)))
			return;
}
