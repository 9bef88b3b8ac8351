/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * libconfig's tree: made of a text, and read by type. Which settings there are is
 * the business of settings.c.
 */
#include "config/tree.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "io/reserve.h"

/* Bytes of the largest tree, and of what libconfig needs while it makes it. Lists in lists, "((1)),",
 * take most: 127 bytes for each byte of the text. */
#define TREE_MAX ((size_t)CONFIG_TEXT_MAX * 160)

/* Says what is wrong with a text in which libconfig has found a mistake, and what to do. */
static const char *explain_mistake(const char *said)
{
	static const char *const texts[][2] = {
		{"syntax error", "syntax error here or just before: look for what is missing or too much"},
		{"duplicate setting name", "duplicate setting name: remove one of them"},
		{"mismatched element type in array",
			"mismatched element type in array: put all of them between quotes, or none"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(said, texts[i][0]) == 0)
			return texts[i][1];
	return said;
}

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
		const unsigned line = (unsigned)config_error_line(&loader->tree);

		config_complain(loader->errors, loader->text->places[line - 1], "%s",
			explain_mistake(config_error_text(&loader->tree)));
		config_destroy(&loader->tree);
	}
	return good;
}

/* Returns where a setting stands. */
struct config_place config_tree_place(const struct config_loader *loader, const config_setting_t *setting)
{
	return loader->text->places[config_setting_source_line(setting) - 1];
}

/* Complains about a setting: writes its name with that of its group, "queue.workers" or "lookup", and the
 * rest in the form of printf(), which begins with what separates it from the name. */
void config_tree_complain(
	const struct config_loader *loader, const config_setting_t *setting, const char *format, ...)
{
	const struct config_place place = config_tree_place(loader, setting);
	const config_setting_t *parent = config_setting_parent(setting);
	const char *group = parent ? config_setting_name(parent) : NULL, *name = config_setting_name(setting);
	char rest[CONFIG_ERROR_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(rest, sizeof(rest), format, arguments);
	va_end(arguments);
	if (!name)
		config_complain(loader->errors, place, "an element of %s%s", group, rest);
	else
		config_complain(
			loader->errors, place, "%s%s%s%s", group ? group : "", group ? "." : "", name, rest);
}

/* Complains that a setting is not of the type that was expected ("a string"). */
void config_tree_complain_type(
	const struct config_loader *loader, const config_setting_t *setting, const char *expected)
{
	static const char *const types[] = {
		[CONFIG_TYPE_INT] = "an integer",
		[CONFIG_TYPE_INT64] = "an integer",
		[CONFIG_TYPE_FLOAT] = "a number with a fraction",
		[CONFIG_TYPE_STRING] = "a string",
		[CONFIG_TYPE_BOOL] = "true or false without quotes",
		[CONFIG_TYPE_GROUP] = "a group { }",
		[CONFIG_TYPE_ARRAY] = "an array [ ]",
		[CONFIG_TYPE_LIST] = "a list ( )",
	};

	config_tree_complain(
		loader, setting, ": expected %s, found %s", expected, types[config_setting_type(setting)]);
}

/* Returns a string that can be printed on a line; NULL after a complaint. */
const char *config_tree_string(const struct config_loader *loader, const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		config_tree_complain_type(loader, setting, "a string");
		return NULL;
	}
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			config_tree_complain(
				loader, setting, " has a control character in it: remove the backslash");
			return NULL;
		}
	return text;
}

/* Returns the member of a group that is a string. It has no name if it is not there, and no text after a
 * complaint. */
struct config_value config_tree_value(
	const struct config_loader *loader, const config_setting_t *group, const char *name)
{
	const config_setting_t *member = config_setting_get_member(group, name);

	if (!member)
		return (struct config_value){.name = NULL};
	return (struct config_value){
		name, config_tree_string(loader, member), config_tree_place(loader, member)};
}

/* Writes the strings of a list, which ends with NULL, as "a, b or c", each between quotes, if any. */
static void list_choices(char *text, size_t size, const char *const *choices, const char *quote)
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; choices[i] && length < size; i++) {
		const char *before = i == 0 ? "" : choices[i + 1] ? ", " : " or ";

		length += (size_t)snprintf(
			text + length, size - length, "%s%s%s%s", before, quote, choices[i], quote);
	}
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
	char list[128];

	if (!text)
		return false;
	*value = find_name(text, choices);
	if (choices[*value])
		return true;
	list_choices(list, sizeof(list), choices, "\"");
	config_tree_complain(loader, setting, " is \"%s\": expected %s", text, list);
	return false;
}

/* Complains about every setting of a group whose name is not in a list that ends with NULL. */
void config_tree_check_names(
	const struct config_loader *loader, const config_setting_t *group, const char *const *names)
{
	char list[128];

	list_choices(list, sizeof(list), names, "");
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);

		if (!names[find_name(name, names)])
			config_complain(loader->errors, config_tree_place(loader, setting),
				"unknown setting \"%s\": expected %s", name, list);
	}
}
