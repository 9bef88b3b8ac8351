/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libconfig's tree: made of a text, and read by type. Which settings there are is
 * the business of settings.c.
 */
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>

#include "io/reserve.h"

/* Bytes of the largest tree, and of what libconfig needs while it makes it. Lists in lists, "((1)),",
 * take most: 127 bytes for each byte of the text. */
#define TREE_MAX ((size_t)CONFIG_TEXT_MAX * 160)

/* Makes a tree of the text, for config_destroy(). False after a complaint, and nothing to destroy. */
bool config_tree_parse(struct config_loader *loader)
{
	void *reserve = reserve_memory(TREE_MAX);
	bool good;

	if (!reserve) { /* config_init() would not look whether it gets memory */
		config_complain_memory(loader->errors, loader->config->files[0]);
		return false;
	}
	config_init(&loader->tree);
	good = config_read_string(&loader->tree, loader->text->text);
	free(reserve);
	if (!good) {
		const char *said = config_error_text(&loader->tree);
		const unsigned line = (unsigned)config_error_line(&loader->tree);

		config_complain(loader->errors, loader->text->places[line - 1], "%s",
			strcmp(said, "syntax error") == 0
				? "syntax error here or just before: look for what is missing or too much"
				: said);
		config_destroy(&loader->tree);
	}
	return good;
}

/* Returns where a setting stands. */
struct config_place config_tree_place(const struct config_loader *loader, const config_setting_t *setting)
{
	return loader->text->places[config_setting_source_line(setting) - 1];
}

/* Writes the name of a setting with that of its group, "queue.workers" or "lookup". Returns path. */
static const char *setting_path(const config_setting_t *setting, char path[64])
{
	const config_setting_t *parent = config_setting_parent(setting);
	const char *group = parent ? config_setting_name(parent) : NULL, *name = config_setting_name(setting);

	if (!name && group)
		snprintf(path, 64, "an element of %s", group);
	else
		snprintf(path, 64, "%s%s%s", group ? group : "", group ? "." : "", name);
	return path;
}

static const char *type_text(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false without quotes";
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	default:
		return "a list ( )";
	}
}

/* Complains that a setting is not of the type that was expected ("a string"). */
void config_tree_complain_type(
	const struct config_loader *loader, const config_setting_t *setting, const char *expected)
{
	char path[64];

	config_complain(loader->errors, config_tree_place(loader, setting), "%s: expected %s, found %s",
		setting_path(setting, path), expected, type_text(setting));
}

/* Reads an integer from min to max. False after a complaint. */
bool config_tree_integer(const struct config_loader *loader, const config_setting_t *setting, unsigned min,
	unsigned max, unsigned *value)
{
	const int type = config_setting_type(setting);
	char path[64];
	long long number;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		config_tree_complain_type(loader, setting, "an integer");
		return false;
	}
	number = config_setting_get_int64(setting);
	if (number < min || number > max) {
		config_complain(loader->errors, config_tree_place(loader, setting),
			"%s is %lld: expected %u to %u", setting_path(setting, path), number, min, max);
		return false;
	}
	*value = (unsigned)number;
	return true;
}

/* Returns a string that can be printed on a line; NULL after a complaint. */
const char *config_tree_string(const struct config_loader *loader, const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);
	char path[64];

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		config_tree_complain_type(loader, setting, "a string");
		return NULL;
	}
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			config_complain(loader->errors, config_tree_place(loader, setting),
				"%s has a control character in it: remove the backslash",
				setting_path(setting, path));
			return NULL;
		}
	return text;
}

/* Returns the index of a name in a list that ends with NULL, or of its end. */
static unsigned find_name(const char *name, const char *const *names)
{
	unsigned i = 0;

	while (names[i] && strcmp(name, names[i]) != 0)
		i++;
	return i;
}

/* Reads one of the strings of a list that ends with NULL: its index. False after a complaint. */
bool config_tree_choice(const struct config_loader *loader, const config_setting_t *setting,
	const char *const *choices, unsigned *value)
{
	const char *text = config_tree_string(loader, setting);
	char path[64], list[128];

	if (!text)
		return false;
	*value = find_name(text, choices);
	if (choices[*value])
		return true;
	config_choices_text(list, sizeof(list), choices, "\"");
	config_complain(loader->errors, config_tree_place(loader, setting), "%s is \"%s\": expected %s",
		setting_path(setting, path), text, list);
	return false;
}

/* Complains about every setting of a group whose name is not in a list that ends with NULL. */
void config_tree_check_names(
	const struct config_loader *loader, const config_setting_t *group, const char *const *names)
{
	char list[128];

	config_choices_text(list, sizeof(list), names, "");
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);

		if (!names[find_name(name, names)])
			config_complain(loader->errors, config_tree_place(loader, setting),
				"unknown setting \"%s\": expected %s", name, list);
	}
}
