/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings that are lists: the outside interfaces, and the maps that stand in the configuration file.
 */
#include <string.h>

#include "config/map.h"
#include "config/tree.h"

/* Tells whether a text can be the name of an interface. Names go into rules and into shell scripts, so
 * only letters, digits and . _ - @ are taken, although the kernel takes more. */
static bool is_interface_name(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	const size_t length = strlen(text);

	return length > 0 && length < IFNAMSIZ && strspn(text, good) == length && text[0] != '-' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Adds an interface to the configuration, or complains. */
static void add_interface(struct config_loader *loader, const config_setting_t *setting)
{
	const struct config_place place = config_tree_place(loader, setting);
	const char *name = config_tree_string(loader, setting);
	struct config *config = loader->config;

	if (!name)
		return;
	if (!is_interface_name(name))
		config_complain(loader->errors, place,
			"\"%s\" is not an interface name: expected 1 to %d letters, digits and . _ - @", name,
			IFNAMSIZ - 1);
	else if (config_map_interface(config, name) != ADDRMAP_ANY)
		config_complain(loader->errors, place, "outside has \"%s\" twice: remove one of them", name);
	else
		strcpy(config->outside[config->n_outside++].name, name);
}

/* Reads the array of interfaces. */
void config_outside_read(struct config_loader *loader, const config_setting_t *setting)
{
	const unsigned before = loader->errors->errors;
	const int n = config_setting_length(setting);

	if (!config_setting_is_array(setting) && !config_setting_is_list(setting))
		config_tree_complain_type(loader, setting, "an array of interfaces like [ \"eth0\" ]");
	else if (n == 0 || n > CONFIG_OUTSIDE_MAX)
		config_tree_complain(
			loader, setting, " has %d interfaces: expected 1 to %d", n, CONFIG_OUTSIDE_MAX);
	else
		for (unsigned i = 0; i < (unsigned)n; i++)
			add_interface(loader, config_setting_get_elem(setting, i));
	loader->outside_is_good = loader->errors->errors == before;
}

enum { PRIVATE, PUBLIC, OUTSIDE, PART, MEMBERS }; /* of a map */
static const char *const members[] = {"private", "public", "outside", "part", NULL};

/* Reads those members of a map that are there, and complains about others. */
static void read_members(const struct config_loader *loader, const config_setting_t *setting,
	struct config_value values[MEMBERS])
{
	config_tree_check_names(loader, setting, members);
	for (size_t i = 0; i < MEMBERS; i++) {
		const config_setting_t *member = config_setting_get_member(setting, members[i]);

		if (member)
			values[i] = (struct config_value){members[i], config_tree_string(loader, member),
				config_tree_place(loader, member)};
	}
}

/* Adds a map to the configuration, or complains. False if memory runs out. */
static bool read_list_map(struct config_loader *loader, const config_setting_t *setting)
{
	struct config_value values[MEMBERS] = {{0}};
	const unsigned before = loader->errors->errors;
	struct config_map map;

	if (!config_setting_is_group(setting)) {
		config_tree_complain_type(loader, setting, "a group { private = \"A\"; public = \"B\"; }");
		return true;
	}
	read_members(loader, setting, values);
	for (size_t i = PRIVATE; i <= PUBLIC; i++)
		if (!values[i].name)
			config_complain(loader->errors, config_tree_place(loader, setting),
				"a map without %s: expected { private = \"A\"; public = \"B\"; }",
				members[i]);
	map = (struct config_map){config_tree_place(loader, setting), values[PRIVATE], values[PUBLIC],
		values[OUTSIDE], values[PART]};
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
		if (!read_list_map(loader, config_setting_get_elem(setting, i)))
			return;
}
