/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * From libconfig's tree to struct config, as a table says: which settings exist, of which type and range,
 * what they are when absent, and which of them a reload cannot change.
 */
#include "config/tree.h"

#include <string.h>

#include "config/map.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum setting_type { LIST, INTEGER, CHOICE, PATH, GROUP_NAME };

struct setting {
	const char *group, *name; /* the group "" is the top of the file */
	enum setting_type type;
	size_t offset, size; /* of the field in struct config */
	unsigned min, max;   /* of an integer */
	unsigned number;     /* default of an integer, and of a choice as its index */
	const char *text;    /* default of a path or a name */
	const char *choices[6];
	void (*read)(struct config_loader *, const config_setting_t *); /* of a list */
	const char *refusal; /* what a reload says of a change; NULL: it takes it */
	bool from_never;     /* it is said of a change from "never" only */
};

static void read_outside(struct config_loader *loader, const config_setting_t *setting);

/* clang-format off */
#define FIELD(f) .offset = offsetof(struct config, f), .size = sizeof(((struct config *)0)->f)
#define RESTART(path) .refusal = path " can only be changed by a restart"
#define RESTART_FROM_NEVER(path) .refusal = path " can only be changed from \"never\" by a restart", .from_never = true

/* All settings, in the order of reading: those that others refer to come first, and those of a
 * group stand together. tests/files/test_manual.py compares icmpnatd.conf(5) with this table. */
static const struct setting settings[] = {
	{"", "outside", LIST, .read = read_outside},
	{"", "maps", LIST, .read = config_maps_read},
	{"", "maps_file", LIST, .read = config_maps_file_read},
	{"", "hop_names", LIST, .read = config_hop_names_read},
	{"", "mode", CHOICE, FIELD(audit), .choices = {"live", "audit"}, .number = 0, RESTART("mode")},
	{"queue", "number", INTEGER, FIELD(queue.number), .min = 0, .max = 65535, .number = 0, RESTART("queue.number")},
	{"queue", "workers", INTEGER, FIELD(queue.workers), .min = 1, .max = 64, .number = 1, RESTART("queue.workers")},
	{"queue", "length", INTEGER, FIELD(queue.length), .min = 1, .max = 262144, .number = 8192, RESTART("queue.length")},
	{"queue", "overload", CHOICE, FIELD(queue.overload_pass), .choices = {"drop", "pass"}, .number = 1, RESTART("queue.overload")},
	{"queue", "malformed", CHOICE, FIELD(queue.malformed_pass), .choices = {"drop", "pass"}, .number = 1},
	{"", "lookup", CHOICE, FIELD(lookup), .choices = {"auto", "always", "never"}, .number = 0, RESTART_FROM_NEVER("lookup")},
	{"", "extensions", CHOICE, FIELD(extensions), .choices = {"translate", "translate-addresses", "pass", "strip-private", "strip"}, .number = 0},
	{"", "errors", CHOICE, FIELD(forwarded), .choices = {"local", "all"}, .number = 0},
	{"", "private_peers", CHOICE, FIELD(leaves_peers), .choices = {"auto", "leave"}, .number = 0},
	{"", "rules", CHOICE, FIELD(rules), .choices = {"auto", "own", "external"}, .number = 0, RESTART("rules")},
	{"", "kernel", CHOICE, FIELD(kernel), .choices = {"never", "outer", "auto"}, .number = 2},
	{"control", "socket", PATH, FIELD(control.socket), .text = ICMPNATD_SOCKET, RESTART("control.socket")},
	{"control", "group", GROUP_NAME, FIELD(control.group), .text = "icmpnatd", RESTART("control.group")},
};
static const struct setting *const settings_end = settings + COUNT(settings);
_Static_assert(CONFIG_WORKERS_MAX == 64, "the table of settings says so");
/* clang-format on */

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
static void read_outside(struct config_loader *loader, const config_setting_t *setting)
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

/* Stores an integer, or the index of a choice, in a field, which may have 1, 2 or 4 bytes. */
static void store_number(struct config *config, const struct setting *s, unsigned value)
{
	void *field = (char *)config + s->offset;

	if (s->size == sizeof(bool))
		*(bool *)field = value;
	else if (s->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)value;
	else
		*(unsigned *)field = value;
}

/* Stores the default of a setting; a list is empty. */
static void store_default(struct config *config, const struct setting *s)
{
	if (s->text)
		strcpy((char *)config + s->offset, s->text);
	else if (s->type != LIST)
		store_number(config, s, s->number);
}

/* Reads an integer within its range, or complains. */
static void read_integer(
	const struct config_loader *loader, const struct setting *s, const config_setting_t *found)
{
	const int type = config_setting_type(found);
	const long long number = config_setting_get_int64(found);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		config_tree_complain_type(loader, found, "an integer");
	else if (number < s->min || number > s->max)
		config_tree_complain(loader, found, " is %lld: expected %u to %u", number, s->min, s->max);
	else
		store_number(loader->config, s, (unsigned)number);
}

/* Reads a path or a name that fits its field, or complains. */
static void read_text(
	const struct config_loader *loader, const struct setting *s, const config_setting_t *found)
{
	const char *text = config_tree_string(loader, found);

	if (!text)
		return;
	if (s->type == PATH && text[0] != '/')
		config_tree_complain(loader, found, " is \"%s\": expected an absolute path", text);
	else if (s->type == PATH && strlen(text) >= s->size)
		config_tree_complain(loader, found, " has %zu characters: expected at most %zu", strlen(text),
			s->size - 1);
	else if (s->type == GROUP_NAME && (strlen(text) >= s->size || strpbrk(text, " :,/")))
		config_tree_complain(loader, found,
			" is \"%s\": expected the name of a group, at most %zu characters", text,
			s->size - 1);
	else
		strcpy((char *)loader->config + s->offset, text);
}

static void read_one_setting(
	struct config_loader *loader, const struct setting *s, const config_setting_t *found)
{
	unsigned choice;

	if (s->type == LIST)
		s->read(loader, found);
	else if (s->type == INTEGER)
		read_integer(loader, s, found);
	else if (s->type == PATH || s->type == GROUP_NAME)
		read_text(loader, s, found);
	else if (config_tree_choice(loader, found, s->choices, &choice))
		store_number(loader->config, s, choice);
}

/* Complains about what stands in a group, or at the top, under a name that is unknown there. */
static void check_names(const struct config_loader *loader, const config_setting_t *group, const char *name)
{
	const char *names[COUNT(settings) + 1] = {NULL};
	size_t n = 0;

	for (const struct setting *s = settings; s < settings_end; s++) {
		const char *known = *name || !*s->group ? s->name : s->group;

		if ((!*name || strcmp(s->group, name) == 0) && (n == 0 || strcmp(names[n - 1], known) != 0))
			names[n++] = known;
	}
	config_tree_check_names(loader, group, names);
}

/* Returns the group in the file that a setting stands in, or NULL. Before the first setting of
 * a group, complains about everything that should not stand there. */
static const config_setting_t *find_group(const struct config_loader *loader, const struct setting *s)
{
	const config_setting_t *root = config_root_setting(&loader->tree);
	const config_setting_t *group = *s->group ? config_setting_get_member(root, s->group) : root;

	if (!group || (s > settings && (!*s->group || strcmp(s[-1].group, s->group) == 0)))
		return group;
	if (config_setting_is_group(group))
		check_names(loader, group, s->group);
	else
		config_tree_complain_type(loader, group, "a group { }");
	return group;
}

/* Complains if the queues of all workers, which follow each other, have no numbers. */
static void check_last_queue(const struct config_loader *loader)
{
	const struct config_queue *queue = &loader->config->queue;
	const unsigned last = queue->number + queue->workers - 1u;

	if (last > UINT16_MAX)
		config_tree_complain(loader, config_lookup(&loader->tree, "queue.workers"),
			" is %u: with queue.number %u the last queue would be %u, expected at most %u",
			queue->workers, queue->number, last, UINT16_MAX);
}

/* In audit, gives the queues other numbers, so that the rules of one mode never meet a daemon of the other,
 * which would drop the only copy of an error, or let an error go twice. Nothing that finds a queue full
 * leaves: it has left already. */
static void apply_mode(const struct config_loader *loader)
{
	struct config_queue *queue = &loader->config->queue;
	const unsigned last = queue->number + CONFIG_AUDIT_NUMBERS + queue->workers - 1u;

	if (!loader->config->audit)
		return;
	if (last > UINT16_MAX)
		config_tree_complain(loader, config_lookup(&loader->tree, "queue.number"),
			" is %u: an audit has its queues %d numbers further on, and the last one would be "
			"%u, expected at most %u",
			queue->number, CONFIG_AUDIT_NUMBERS, last, UINT16_MAX);
	queue->number = (uint16_t)(queue->number + CONFIG_AUDIT_NUMBERS);
	queue->overload_pass = false;
}

static void read_settings(struct config_loader *loader)
{
	for (const struct setting *s = settings; s < settings_end; s++) {
		const config_setting_t *group = find_group(loader, s);
		const config_setting_t *found = group ? config_setting_get_member(group, s->name) : NULL;

		store_default(loader->config, s);
		if (found)
			read_one_setting(loader, s, found);
	}
	check_last_queue(loader);
	apply_mode(loader);
	if (!config_lookup(&loader->tree, "outside"))
		config_complain(loader->errors, (struct config_place){.name = loader->config->files[0]},
			"outside is missing: expected the interfaces that lead outside, "
			"like outside = [ \"eth0\" ];");
}

/* Reads a text, and the table of maps that it names, into text->config.
 * Complains about all that is wrong with them, except what shows only when all maps are known. */
void config_settings_read(const struct config_text *text)
{
	struct config_loader loader = {
		.config = text->config, .text = text, .errors = text->errors, .outside_is_good = true};

	if (!config_tree_parse(&loader))
		return;
	read_settings(&loader);
	config_destroy(&loader.tree);
}

/* Says whether a running daemon can take over the configuration that is wanted: NULL,
 * or a sentence about the first setting that it cannot change. */
const char *config_reload_refusal(const struct config *running, const struct config *wanted)
{
	for (const struct setting *s = settings; s < settings_end; s++) {
		const char *old = (const char *)running + s->offset, *new = (const char *)wanted + s->offset;
		const bool changed = s->text ? strcmp(old, new) != 0 : memcmp(old, new, s->size) != 0;

		if (changed && s->refusal && (!s->from_never || running->lookup == LOOKUP_NEVER))
			return s->refusal;
	}
	return NULL;
}
