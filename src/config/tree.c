/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libconfig's tree: made of a text, and read by type. Which settings there are is
 * the business of settings.c.
 */
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>

#include "io/reserve.h"

/* Memory for the largest tree and what libconfig needs while it makes it. Lists in lists, "((1)),", are
 * largest, and take 119 bytes for each of the text. */
#define TREE_MAX ((size_t)CONFIG_TEXT_MAX * 160)

/* Makes a tree of the text. False after a complaint; call config_destroy() in any case. */
bool config_tree_parse(struct config_loader *loader)
{
	void *reserve = reserve_memory(TREE_MAX);
	bool good;

	config_init(&loader->tree);
	if (!reserve) {
		config_complain_memory(loader->errors, loader->text->files[0]);
		return false;
	}
	good = config_read_string(&loader->tree, loader->text->text);
	free(reserve);
	if (!good) {
		const char *said = config_error_text(&loader->tree);
		const unsigned line = (unsigned)config_error_line(&loader->tree);

		config_complain(loader->errors, config_text_place(loader->text, line), "%s",
			strcmp(said, "syntax error") == 0
				? "syntax error here or just before: look for what is missing or too much"
				: said);
	}
	return good;
}

/* Returns where a setting stands. */
struct config_place config_tree_place(const struct config_loader *loader, const config_setting_t *setting)
{
	return config_text_place(loader->text, config_setting_source_line(setting));
}

/* Writes the name by which a setting is talked about: "queue.workers", "lookup". Returns path. */
const char *config_tree_path(const config_setting_t *setting, char path[64])
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

/* Complains that a setting is not of the type that was expected, which is a noun. */
void config_tree_complain_type(
	const struct config_loader *loader, const config_setting_t *setting, const char *expected)
{
	char path[64];

	config_complain(loader->errors, config_tree_place(loader, setting), "%s: expected %s, found %s",
		config_tree_path(setting, path), expected, type_text(setting));
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
			"%s is %lld: expected %u to %u", config_tree_path(setting, path), number, min, max);
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
				config_tree_path(setting, path));
			return NULL;
		}
	return text;
}

/* Returns the index of a name among n, or -1. */
int config_find_name(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

/* Reads one of n strings. Returns its index, or -1 after a complaint. */
int config_tree_choice(const struct config_loader *loader, const config_setting_t *setting,
	const char *const *choices, size_t n)
{
	const char *text = config_tree_string(loader, setting);
	const int choice = text ? config_find_name(text, choices, n) : -1;
	char path[64], list[128];

	if (!text || choice >= 0)
		return choice;
	config_choices_text(list, sizeof(list), choices, n, "\"");
	config_complain(loader->errors, config_tree_place(loader, setting), "%s is \"%s\": expected %s",
		config_tree_path(setting, path), text, list);
	return -1;
}

/* Complains about every setting of a group that has none of n names. */
void config_tree_check_names(
	const struct config_loader *loader, const config_setting_t *group, const char *const *names, size_t n)
{
	char list[128];

	config_choices_text(list, sizeof(list), names, n, "");
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);

		if (config_find_name(name, names, n) < 0)
			config_complain(loader->errors, config_tree_place(loader, setting),
				"unknown setting \"%s\": expected %s", name, list);
	}
}
