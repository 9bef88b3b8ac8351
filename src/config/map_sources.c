/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The two settings that maps stand in. "maps" is a list in the configuration file. "maps_file" names a table
 * of any number of maps, one on a line, with blanks between the words, and comments from # to the end of the
 * line:
 *
 *   192.168.1.0/24  1.2.3.0/24  outside eth1  part inner   # the last four are optional
 *   fd00:1::/48  2001:db8:1::/48  npt
 *
 * The table is read line by line, so that it takes no memory but that of the maps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/map.h"
#include "config/tree.h"

#define TABLE_SIZE_MAX (256 << 20) /* bytes */
#define LINE_LENGTH    255	   /* characters at most, without the comment */
#define WORDS_MAX      8	   /* one more than a map can have */
#define FORM	       "expected PRIVATE PUBLIC [outside INTERFACE] [part outer|inner] [npt]"

/* Adds a map to the configuration if it brought no errors since before. False if memory runs out. */
static bool add_map(struct config_loader *loader, struct config_map *map, unsigned before)
{
	if (!loader->outside_is_good)
		map->outside.text = NULL;
	return loader->errors->errors > before || config_map_add(loader->config, map, loader->errors);
}

/* Reads whether a map in a list is NPTv6's, or complains. */
static void read_npt(
	const struct config_loader *loader, const config_setting_t *setting, struct config_value *npt)
{
	const config_setting_t *member = config_setting_get_member(setting, "npt");

	if (member && config_setting_type(member) != CONFIG_TYPE_BOOL)
		config_tree_complain_type(loader, member, "true or false");
	else if (member && config_setting_get_bool(member))
		*npt = (struct config_value){"npt", "true", config_tree_place(loader, member)};
}

/* Reads the members of a map in a list. Complains about unknown ones, and about a side that is not there. */
static void read_members(
	const struct config_loader *loader, const config_setting_t *setting, struct config_map *map)
{
	static const char *const names[] = {"private", "public", "outside", "part", "npt", NULL};
	struct config_value *const values[] = {&map->private, &map->public, &map->outside, &map->part};

	config_tree_check_names(loader, setting, names);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		*values[i] = config_tree_value(loader, setting, names[i]);
	read_npt(loader, setting, &map->npt);
	for (size_t i = 0; i < 2; i++)
		if (!values[i]->name)
			config_complain(loader->errors, map->place,
				"a map without %s: expected { private = \"A\"; public = \"B\"; }", names[i]);
}

/* Adds a map of a list to the configuration, or complains. False if memory runs out. */
static bool read_list_map(struct config_loader *loader, const config_setting_t *setting)
{
	const unsigned before = loader->errors->errors;
	struct config_map map = {.place = config_tree_place(loader, setting)};

	if (config_setting_is_group(setting))
		read_members(loader, setting, &map);
	else
		config_tree_complain_type(loader, setting, "a group { private = \"A\"; public = \"B\"; }");
	return add_map(loader, &map, before);
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

/* A table that is being read. */
struct table {
	struct config_loader *loader;
	FILE *file;
	struct config_place place; /* of the line */
	char line[LINE_LENGTH + 1];
};

/* Reads a line without its comment and its newline. Makes it empty, after a complaint, if it
 * is too long or no text. False at the end of the file. */
static bool read_table_line(struct table *table)
{
	int c = getc_unlocked(table->file);
	const bool more = c != EOF;
	bool comment = false;
	size_t length = 0;

	for (; c != '\n' && c != EOF; c = getc_unlocked(table->file)) {
		comment |= c == '#';
		if (!comment && length <= LINE_LENGTH)
			table->line[length++] = (char)c;
	}
	if (length > LINE_LENGTH || memchr(table->line, '\0', length)) {
		config_complain(table->loader->errors, table->place,
			length > LINE_LENGTH ? "a line of more than %d characters: " FORM
					     : "a NUL byte: this is not a text file",
			LINE_LENGTH);
		length = 0;
	}
	table->line[length] = '\0';
	return more;
}

/* Cuts a line into words. Returns how many there are, at most WORDS_MAX. */
static size_t split_line(char *line, char *words[WORDS_MAX])
{
	char *rest = NULL;
	size_t n = 0;

	for (char *word = strtok_r(line, " \t\r\f", &rest); word && n < WORDS_MAX;
		word = strtok_r(NULL, " \t\r\f", &rest))
		words[n++] = word;
	return n;
}

/* Returns where the value belongs that a word announces, NULL if it announces none. */
static struct config_value *find_value(struct config_map *map, const char *word)
{
	return strcmp(word, "outside") == 0 ? &map->outside
	       : strcmp(word, "part") == 0  ? &map->part
	       : strcmp(word, "npt") == 0   ? &map->npt
					    : NULL;
}

/* Reads the words behind both sides, in any order: outside INTERFACE, part PART, npt. Stops after a
 * complaint. */
static void read_options(const struct table *table, struct config_map *map, char **words, size_t n)
{
	struct config_errors *errors = table->loader->errors;
	const unsigned before = errors->errors;

	for (size_t i = 0; i < n && errors->errors == before; i++) {
		const char *word = words[i];
		struct config_value *value = find_value(map, word);

		if (!value)
			config_complain(errors, table->place, "unknown word \"%s\": " FORM, word);
		else if (value->text)
			config_complain(
				errors, table->place, "%s stands here twice: remove one of them", word);
		else if (value != &map->npt && ++i == n)
			config_complain(errors, table->place, "%s without a value: " FORM, word);
		else
			*value = (struct config_value){word, words[i], table->place};
	}
}

/* Adds the map of a line to the configuration, or complains. False if memory runs out. */
static bool read_table_map(struct table *table)
{
	struct config_loader *loader = table->loader;
	const unsigned before = loader->errors->errors;
	struct config_map map = {.place = table->place};
	char *words[WORDS_MAX];
	const size_t n = split_line(table->line, words);

	if (n == 0)
		return true;
	if (n == 1) {
		config_complain(loader->errors, table->place, "a map without public: " FORM);
	} else {
		map.private = (struct config_value){"private", words[0], table->place};
		map.public = (struct config_value){"public", words[1], table->place};
		read_options(table, &map, words + 2, n - 2);
	}
	return add_map(loader, &map, before);
}

/* Reads all lines of a table. Returns NULL, or why it cannot be read. */
static const char *read_table_lines(struct table *table, const struct stat *before)
{
	struct stat after;

	for (; read_table_line(table); table->place.line++)
		if (!read_table_map(table))
			return NULL;
	if (ferror(table->file) || fstat(fileno(table->file), &after) < 0)
		return strerror(EIO);
	return after.st_size == before->st_size && after.st_mtim.tv_sec == before->st_mtim.tv_sec &&
			       after.st_mtim.tv_nsec == before->st_mtim.tv_nsec
		       ? NULL
		       : config_changed;
}

/* Reads the table in the file of that path. Returns NULL, or why it cannot be read. */
static const char *read_table(struct config_loader *loader, const char *path)
{
	struct stat status;
	const char *wrong;
	struct table table = {.loader = loader, .file = config_file_open(path, &status, &wrong)};

	if (!table.file)
		return wrong;
	if (status.st_size > TABLE_SIZE_MAX)
		wrong = "it has more than 256 MiB: map whole prefixes";
	else if (!config_file_add(loader->config, path, &table.place))
		wrong = config_no_memory;
	else
		wrong = read_table_lines(&table, &status);
	fclose(table.file);
	return wrong;
}

/* Reads the table that the setting names. A relative name counts from the directory of the file
 * that the setting stands in. */
void config_maps_file_read(struct config_loader *loader, const config_setting_t *setting)
{
	const struct config_place place = config_tree_place(loader, setting);
	const char *name = config_tree_string(loader, setting), *wrong;
	char *path;

	if (!name)
		return;
	path = config_file_beside(place.name, name);
	wrong = path ? read_table(loader, path) : config_no_memory;
	config_note_passing(loader->errors, wrong);
	if (wrong)
		config_complain(loader->errors, place, "cannot read the table of maps %s: %s",
			path ? path : name, wrong);
	free(path);
}
