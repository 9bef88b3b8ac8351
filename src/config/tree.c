/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From libconfig's tree to struct config: which settings exist, of which type
 * and range, and what they are when absent. The only room that knows libconfig;
 * files are the business of text.c, maps that of map.c.
 */
#include "config/tree.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "config/maps.h"
#include "io/reserve.h"

#define QUEUE_LENGTH_MAX 262144 /* 604 MB of receive buffer */

/* A configuration under way. */
struct loader {
	struct config *config;
	struct config_errors *errors;
	const struct config_text *text;
	bool outside_is_good; /* what refers to its interfaces can be judged */
	uint32_t lines;	      /* of the text, before those of the tree */
	char syntax[64];      /* what libconfig said of the first syntax error; empty: there is none */
	uint32_t syntax_line;
	bool no_memory; /* for a tree, so that what is wrong with the file is not known */
};

/* A setting that exists, and the function that reads it into the loader. */
struct known {
	const char *name;
	void (*read)(struct loader *, const config_setting_t *);
};

#define KNOWN_MAX     8 /* settings in a group */
#define MAP_VALUES    4
#define TREE_PER_BYTE 288 /* of text, at most: "(" makes a setting, a list and sixteen places in it */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

static struct config_place place_of(const struct loader *loader, const config_setting_t *setting)
{
	return config_text_place(loader->text, loader->lines + config_setting_source_line(setting));
}

/* "queue.workers", "lookup": the name by which a setting is talked about. */
static const char *path_of(const config_setting_t *setting, char path[64])
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

static void complain_type(const struct loader *loader, const config_setting_t *setting, const char *expected)
{
	char path[64];

	config_complain(loader->errors, place_of(loader, setting), "%s: expected %s, found %s",
		path_of(setting, path), expected, type_text(setting));
}

/* Reads an integer from min to max. False after a complaint. */
static bool read_integer(const struct loader *loader, const config_setting_t *setting, unsigned min,
	unsigned max, unsigned *value)
{
	const int type = config_setting_type(setting);
	char path[64];
	long long number;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		complain_type(loader, setting, "an integer");
		return false;
	}
	number = config_setting_get_int64(setting);
	if (number < min || number > max) {
		config_complain(loader->errors, place_of(loader, setting), "%s is %lld: expected %u to %u",
			path_of(setting, path), number, min, max);
		return false;
	}
	*value = (unsigned)number;
	return true;
}

/* Reads a string that can be printed on a line. NULL after a complaint. */
static const char *read_string(const struct loader *loader, const config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);
	char path[64];

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		complain_type(loader, setting, "a string");
		return NULL;
	}
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			config_complain(loader->errors, place_of(loader, setting),
				"%s has a control character in it: remove the backslash",
				path_of(setting, path));
			return NULL;
		}
	return text;
}

/* Index of a name among n, or -1. */
static int find_name(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

/* Reads one of n strings: its index, or -1 after a complaint. */
static int read_choice(
	const struct loader *loader, const config_setting_t *setting, const char *const *choices, size_t n)
{
	const char *text = read_string(loader, setting);
	const int choice = text ? find_name(text, choices, n) : -1;
	char path[64], list[128];

	if (!text || choice >= 0)
		return choice;
	config_choices_text(list, sizeof(list), choices, n, "\"");
	config_complain(loader->errors, place_of(loader, setting), "%s is \"%s\": expected %s",
		path_of(setting, path), text, list);
	return -1;
}

/* Complains about every setting of a group that has none of n names. */
static void check_names(
	const struct loader *loader, const config_setting_t *group, const char *const *names, size_t n)
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);

		if (find_name(name, names, n) < 0)
			config_complain_unknown(loader->errors, place_of(loader, setting), name, names, n);
	}
}

/* Reads the settings of a group in the order of the table, whatever theirs. */
static void read_group(
	struct loader *loader, const config_setting_t *group, const struct known *known, size_t n)
{
	const char *names[KNOWN_MAX] = {NULL};

	if (!config_setting_is_group(group)) {
		complain_type(loader, group, "a group { }");
		return;
	}
	for (size_t i = 0; i < n; i++)
		names[i] = known[i].name;
	check_names(loader, group, names, n);
	for (size_t i = 0; i < n; i++) {
		const config_setting_t *setting = config_setting_get_member(group, known[i].name);

		if (setting)
			known[i].read(loader, setting);
	}
}

static void read_queue_number(struct loader *loader, const config_setting_t *setting)
{
	unsigned value;

	if (read_integer(loader, setting, 0, UINT16_MAX, &value))
		loader->config->queue.number = (uint16_t)value;
}

/* Comes after the number: both must be read before they are compared. */
static void read_queue_workers(struct loader *loader, const config_setting_t *setting)
{
	struct config_queue *queue = &loader->config->queue;
	unsigned value;

	if (!read_integer(loader, setting, 1, CONFIG_WORKERS_MAX, &value))
		return;
	queue->workers = (uint16_t)value;
	if (queue->number + value - 1 > UINT16_MAX)
		config_complain(loader->errors, place_of(loader, setting),
			"queue.workers is %u: with queue.number %u the last queue would be %u, "
			"expected at most %u",
			value, queue->number, queue->number + value - 1, UINT16_MAX);
}

static void read_queue_length(struct loader *loader, const config_setting_t *setting)
{
	unsigned value;

	if (read_integer(loader, setting, 1, QUEUE_LENGTH_MAX, &value))
		loader->config->queue.length = value;
}

/* "pass" or "drop". */
static void read_pass(const struct loader *loader, const config_setting_t *setting, bool *pass)
{
	static const char *const choices[] = {"drop", "pass"};
	const int choice = read_choice(loader, setting, choices, COUNT(choices));

	if (choice >= 0)
		*pass = choice;
}

static void read_queue_overload(struct loader *loader, const config_setting_t *setting)
{
	read_pass(loader, setting, &loader->config->queue.overload_pass);
}

static void read_queue_malformed(struct loader *loader, const config_setting_t *setting)
{
	read_pass(loader, setting, &loader->config->queue.malformed_pass);
}

static void read_queue(struct loader *loader, const config_setting_t *setting)
{
	static const struct known known[] = {
		{"number", read_queue_number},
		{"workers", read_queue_workers},
		{"length", read_queue_length},
		{"overload", read_queue_overload},
		{"malformed", read_queue_malformed},
	};

	read_group(loader, setting, known, COUNT(known));
}

static void read_lookup(struct loader *loader, const config_setting_t *setting)
{
	static const char *const choices[] = {
		[LOOKUP_AUTO] = "auto", [LOOKUP_ALWAYS] = "always", [LOOKUP_NEVER] = "never"};
	const int choice = read_choice(loader, setting, choices, COUNT(choices));

	if (choice >= 0)
		loader->config->lookup = (enum decide_lookup)choice;
}

static void read_extensions(struct loader *loader, const config_setting_t *setting)
{
	static const char *const choices[] = {[EXTENSION_PASS] = "pass",
		[EXTENSION_STRIP_PRIVATE] = "strip-private",
		[EXTENSION_STRIP] = "strip"};
	const int choice = read_choice(loader, setting, choices, COUNT(choices));

	if (choice >= 0)
		loader->config->extensions = (enum extension_policy)choice;
}

static void read_rules(struct loader *loader, const config_setting_t *setting)
{
	static const char *const choices[] = {[CONFIG_RULES_AUTO] = "auto",
		[CONFIG_RULES_OWN] = "own",
		[CONFIG_RULES_EXTERNAL] = "external"};
	const int choice = read_choice(loader, setting, choices, COUNT(choices));

	if (choice >= 0)
		loader->config->rules = (enum config_rules)choice;
}

static void read_control_socket(struct loader *loader, const config_setting_t *setting)
{
	struct config_control *control = &loader->config->control;
	const char *text = read_string(loader, setting);

	if (!text)
		return;
	if (text[0] != '/')
		config_complain(loader->errors, place_of(loader, setting),
			"control.socket is \"%s\": expected an absolute path", text);
	else if (strlen(text) >= sizeof(control->socket))
		config_complain(loader->errors, place_of(loader, setting),
			"control.socket has %zu characters: expected at most %zu", strlen(text),
			sizeof(control->socket) - 1);
	else
		strcpy(control->socket, text);
}

static void read_control_group(struct loader *loader, const config_setting_t *setting)
{
	struct config_control *control = &loader->config->control;
	const char *text = read_string(loader, setting);

	if (!text)
		return;
	if (strlen(text) >= sizeof(control->group) || strpbrk(text, " :,/"))
		config_complain(loader->errors, place_of(loader, setting),
			"control.group is \"%s\": expected the name of a group, at most %zu characters", text,
			sizeof(control->group) - 1);
	else
		strcpy(control->group, text);
}

static void read_control(struct loader *loader, const config_setting_t *setting)
{
	static const struct known known[] = {
		{"socket", read_control_socket},
		{"group", read_control_group},
	};

	read_group(loader, setting, known, COUNT(known));
}

/* Names go into rules and into shell scripts: letters, digits and . _ - @ only,
 * although the kernel takes more. */
static bool is_interface_name(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	const size_t length = strlen(text);

	return length > 0 && length < IFNAMSIZ && strspn(text, good) == length && text[0] != '-' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Adds an interface to the configuration. False after a complaint. */
static bool add_interface(struct loader *loader, const config_setting_t *setting)
{
	struct config *config = loader->config;
	const char *name = read_string(loader, setting);

	if (!name)
		return false;
	if (!is_interface_name(name)) {
		config_complain(loader->errors, place_of(loader, setting),
			"\"%s\" is not an interface name: expected 1 to %d letters, digits and . _ - @", name,
			IFNAMSIZ - 1);
		return false;
	}
	for (size_t i = 0; i < config->n_outside; i++)
		if (strcmp(config->outside[i].name, name) == 0) {
			config_complain(loader->errors, place_of(loader, setting),
				"outside has \"%s\" twice: remove one of them", name);
			return false;
		}
	strcpy(config->outside[config->n_outside++].name, name);
	return true;
}

static void read_outside(struct loader *loader, const config_setting_t *setting)
{
	const int n = config_setting_length(setting);

	loader->outside_is_good = false;
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		complain_type(loader, setting, "an array of interfaces like [ \"eth0\" ]");
		return;
	}
	if (n == 0 || n > CONFIG_OUTSIDE_MAX) {
		config_complain(loader->errors, place_of(loader, setting),
			"outside has %d interfaces: expected 1 to %d", n, CONFIG_OUTSIDE_MAX);
		return;
	}
	loader->outside_is_good = true;
	for (unsigned i = 0; i < (unsigned)n; i++)
		if (!add_interface(loader, config_setting_get_elem(setting, i)))
			loader->outside_is_good = false;
}

/* Reads the members of a map in one pass: there may be a million maps. */
static void read_map_values(const struct loader *loader, const config_setting_t *map,
	const char *const names[MAP_VALUES], struct config_value values[MAP_VALUES])
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(map); i++) {
		const config_setting_t *setting = config_setting_get_elem(map, i);
		const char *name = config_setting_name(setting);
		const struct config_place place = place_of(loader, setting);
		const int index = find_name(name, names, MAP_VALUES);

		if (index < 0)
			config_complain_unknown(loader->errors, place, name, names, MAP_VALUES);
		else
			values[index] = (struct config_value){name, read_string(loader, setting), place};
	}
}

/* A value without a place is not there; one without a text was refused. */
static void check_given(const struct loader *loader, const struct config_map *map,
	const struct config_value *value, const char *name)
{
	if (!value->place.name)
		config_complain(loader->errors, map->place,
			"a map without %s: expected { private = \"A\"; public = \"B\"; }", name);
}

/* Adds a map to the configuration, which has room for it, or complains. */
static void read_map(struct loader *loader, const config_setting_t *setting)
{
	static const char *const names[MAP_VALUES] = {"private", "public", "outside", "part"};
	struct config_value values[MAP_VALUES] = {{0}};
	struct config *config = loader->config;
	const unsigned before = loader->errors->errors;
	struct config_map map;

	if (!config_setting_is_group(setting)) {
		complain_type(loader, setting, "a group { private = \"A\"; public = \"B\"; }");
		return;
	}
	read_map_values(loader, setting, names, values);
	map = (struct config_map){place_of(loader, setting), values[0], values[1], values[2], values[3]};
	check_given(loader, &map, &map.private, "private");
	check_given(loader, &map, &map.public, "public");
	if (!loader->outside_is_good)
		map.outside.text = NULL;
	if (loader->errors->errors == before &&
		config_map_parse(&config->entries[config->n_entries], &map, config, loader->errors))
		config->n_entries++;
}

static void read_list(struct loader *loader, const config_setting_t *list)
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++)
		read_map(loader, config_setting_get_elem(list, i));
}

/* Memory for the trees of texts up to a length, one at a time: to be freed behind the
 * last of them. NULL if there is too little. */
static void *set_aside(struct loader *loader, size_t length)
{
	void *reserve = reserve_memory(length * TREE_PER_BYTE);

	loader->no_memory |= !reserve;
	return reserve;
}

/* Makes a tree of a string that begins behind loader->lines. */
static bool parse(struct loader *loader, config_t *tree, const char *string)
{
	uint32_t line;

	config_init(tree);
	if (config_read_string(tree, string))
		return true;
	line = loader->lines + (uint32_t)config_error_line(tree);
	if (!loader->syntax[0] || line < loader->syntax_line) {
		snprintf(loader->syntax, sizeof(loader->syntax), "%s", config_error_text(tree));
		loader->syntax_line = line;
	}
	return false;
}

static size_t longest_piece(const struct config_text *text)
{
	size_t longest = 0;

	for (size_t i = 0; i < text->n_pieces; i++) {
		const size_t length = strlen(text->maps.text + text->pieces[i].begin);

		longest = length > longest ? length : longest;
	}
	return longest;
}

/* Reads the maps of all pieces, or up to the first syntax error. */
static void read_pieces(struct loader *loader)
{
	const struct config_text *text = loader->text;
	void *reserve = set_aside(loader, longest_piece(text));
	bool good = reserve;

	for (size_t i = 0; good && i < text->n_pieces; i++) {
		config_t tree;

		loader->lines = text->pieces[i].line - 1;
		good = parse(loader, &tree, text->maps.text + text->pieces[i].begin);
		if (good)
			read_list(loader, config_setting_get_elem(config_root_setting(&tree), 0));
		config_destroy(&tree);
	}
	free(reserve);
	loader->lines = 0;
}

static void read_maps(struct loader *loader, const config_setting_t *setting)
{
	if (config_setting_is_list(setting))
		read_pieces(loader);
	else
		complain_type(loader, setting, "a list ( ) of maps");
}

/* Everything in a file. What others refer to comes first. */
static void read_root(struct loader *loader, const config_setting_t *root)
{
	static const struct known known[] = {
		{"outside", read_outside},
		{"maps", read_maps},
		{"queue", read_queue},
		{"lookup", read_lookup},
		{"extensions", read_extensions},
		{"rules", read_rules},
		{"control", read_control},
	};

	read_group(loader, root, known, COUNT(known));
	if (!config_setting_get_member(root, "outside"))
		config_complain(loader->errors, (struct config_place){.name = loader->text->files[0]},
			"outside is missing: expected the interfaces that lead outside, "
			"like outside = [ \"eth0\" ];");
}

/* Reads a text. Behind a syntax error in the rest of it there may be an earlier
 * one in the maps. */
static void read_text(struct loader *loader)
{
	void *reserve = set_aside(loader, strlen(loader->text->rest.text));
	config_t tree;

	if (!reserve)
		return;
	if (parse(loader, &tree, loader->text->rest.text))
		read_root(loader, config_root_setting(&tree));
	else
		read_pieces(loader);
	config_destroy(&tree);
	free(reserve);
}

static void complain_syntax(const struct loader *loader)
{
	config_complain(loader->errors, config_text_place(loader->text, loader->syntax_line), "%s",
		strcmp(loader->syntax, "syntax error") == 0
			? "syntax error here or just before: look for what is missing or too much"
			: loader->syntax);
}

/* Reads a text into *config, which has the defaults. Complains about all that
 * is wrong with it, except what shows only when all maps are known. A syntax
 * error hides all else, and may stand in the last piece: what else is wrong is
 * said when there is none. */
void config_tree_read(struct config *config, const struct config_text *text, struct config_errors *errors)
{
	struct config_errors silent = {.out = NULL};
	struct loader loader = {.config = config, .text = text, .errors = &silent, .outside_is_good = true};
	struct config defaults;

	config->entries = calloc(text->n_maps + 1, sizeof(*config->entries));
	if (!config->entries) {
		config_complain_memory(errors, text->files[0]);
		return;
	}
	defaults = *config;
	read_text(&loader);
	if (!loader.syntax[0] && silent.errors == 0 && !loader.no_memory)
		return;
	*config = defaults;
	loader.errors = errors;
	loader.outside_is_good = true;
	if (!loader.syntax[0] && !loader.no_memory)
		read_text(&loader);
	if (loader.no_memory)
		config_complain_memory(errors, text->files[0]);
	else if (loader.syntax[0])
		complain_syntax(&loader);
}
