/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From libconfig's tree to struct config, as the table in settings.def says: which
 * settings exist, of which type and range, what they are when absent, and which of
 * them a reload cannot change.
 */
#include "config/settings.h"

#include <string.h>

#include "config/readers.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHOICES_MAX  3

enum setting_type { TYPE_SPECIAL, TYPE_INTEGER, TYPE_CHOICE, TYPE_PATH, TYPE_GROUP_NAME };
enum setting_change { RELOAD, RESTART, RESTART_FROM_NEVER };

struct setting {
	const char *group, *name;
	enum setting_type type;
	enum setting_change change;
	size_t offset, size;	   /* of the field in struct config */
	unsigned min, max, number; /* of an integer: its range, and its default */
	const char *text;	   /* default of a choice or a string */
	const char *choices[CHOICES_MAX];
	void (*read)(struct config_loader *, const config_setting_t *);
	const char *refusal; /* of a change: begins with "." at the top */
};

/* clang-format off */
#define REFUSAL(group, name, which) group "." name " can only be changed " which "by a restart"
#define REFUSAL_RELOAD(group, name) NULL
#define REFUSAL_RESTART(group, name) REFUSAL(group, name, "")
#define REFUSAL_RESTART_FROM_NEVER(group, name) REFUSAL(group, name, "from \"never\" ")
#define SETTING(g, n, t, c) .group = g, .name = n, .type = t, .change = c, .refusal = REFUSAL_##c(g, n)
#define FIELD(f) .offset = offsetof(struct config, f), .size = sizeof(((struct config *)0)->f)
#define CHOICES(...) {__VA_ARGS__}
#define SPECIAL(g, n, function, c) {SETTING(g, n, TYPE_SPECIAL, c), .read = function},
#define INTEGER(g, n, f, low, high, value, c) \
	{SETTING(g, n, TYPE_INTEGER, c), FIELD(f), .min = low, .max = high, .number = value},
#define CHOICE(g, n, f, list, value, c) {SETTING(g, n, TYPE_CHOICE, c), FIELD(f), .choices = list, .text = value},
#define STRING(g, n, f, t, value, c) {SETTING(g, n, TYPE_##t, c), FIELD(f), .text = value},
/* clang-format on */

static const struct setting settings[] = {
#include "config/settings.def"
};

static size_t count_choices(const struct setting *setting)
{
	size_t n = 0;

	while (n < CHOICES_MAX && setting->choices[n])
		n++;
	return n;
}

/* Stores an integer, or the index of a choice, in a field, which may have 1, 2 or 4 bytes. */
static void store_number(struct config *config, const struct setting *setting, unsigned value)
{
	void *field = (char *)config + setting->offset;

	if (setting->size == sizeof(bool))
		*(bool *)field = value;
	else if (setting->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)value;
	else
		*(unsigned *)field = value;
}

/* Gives every setting that has a default its default. */
void config_settings_default(struct config *config)
{
	for (const struct setting *s = settings; s < settings + COUNT(settings); s++)
		if (s->type == TYPE_INTEGER)
			store_number(config, s, s->number);
		else if (s->type == TYPE_CHOICE)
			store_number(
				config, s, (unsigned)config_find_name(s->text, s->choices, count_choices(s)));
		else if (s->type != TYPE_SPECIAL)
			strcpy((char *)config + s->offset, s->text);
}

/* Complains about a string that is no good as the value of a setting. True if it is. */
static bool check_string(const struct config_loader *loader, const struct setting *s,
	struct config_place place, const char *text)
{
	if (s->type == TYPE_GROUP_NAME && (strlen(text) >= s->size || strpbrk(text, " :,/")))
		config_complain(loader->errors, place,
			"%s.%s is \"%s\": expected the name of a group, at most %zu characters", s->group,
			s->name, text, s->size - 1);
	else if (s->type == TYPE_PATH && text[0] != '/')
		config_complain(loader->errors, place, "%s.%s is \"%s\": expected an absolute path", s->group,
			s->name, text);
	else if (strlen(text) >= s->size)
		config_complain(loader->errors, place, "%s.%s has %zu characters: expected at most %zu",
			s->group, s->name, strlen(text), s->size - 1);
	else
		return true;
	return false;
}

static void read_string(
	const struct config_loader *loader, const struct setting *s, const config_setting_t *found)
{
	const char *text = config_tree_string(loader, found);

	if (text && check_string(loader, s, config_tree_place(loader, found), text))
		strcpy((char *)loader->config + s->offset, text);
}

static void read_setting(struct config_loader *loader, const struct setting *s, const config_setting_t *found)
{
	unsigned value;
	int choice;

	switch (s->type) {
	case TYPE_SPECIAL:
		s->read(loader, found);
		break;
	case TYPE_INTEGER:
		if (config_tree_integer(loader, found, s->min, s->max, &value))
			store_number(loader->config, s, value);
		break;
	case TYPE_CHOICE:
		choice = config_tree_choice(loader, found, s->choices, count_choices(s));
		if (choice >= 0)
			store_number(loader->config, s, (unsigned)choice);
		break;
	default:
		read_string(loader, s, found);
	}
}

/* Complains about what stands in a group, or at the top, under a name that is unknown there. */
static void check_names(
	const struct config_loader *loader, const config_setting_t *setting, const char *group)
{
	const char *names[COUNT(settings)];
	size_t n = 0;

	for (const struct setting *s = settings; s < settings + COUNT(settings); s++) {
		const char *name = *group || !*s->group ? s->name : s->group;

		if ((!*group || strcmp(s->group, group) == 0) && (n == 0 || strcmp(names[n - 1], name) != 0))
			names[n++] = name;
	}
	config_tree_check_names(loader, setting, names, n);
}

/* Finds the group of settings that one belongs to, or the root. Before the first of
 * a group, complains about what should not stand there. NULL if there is no such group. */
static const config_setting_t *find_group(const struct config_loader *loader, const struct setting *s)
{
	const config_setting_t *root = config_root_setting(&loader->tree), *group = root;
	const bool first = s == settings || strcmp(s[-1].group, s->group) != 0;

	if (!*s->group)
		return root;
	group = config_setting_get_member(root, s->group);
	if (!group || !first)
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
		config_complain(loader->errors,
			config_tree_place(loader, config_lookup(&loader->tree, "queue.workers")),
			"queue.workers is %u: with queue.number %u the last queue would be %u, "
			"expected at most %u",
			queue->workers, queue->number, last, UINT16_MAX);
}

static void read_all(struct config_loader *loader)
{
	const config_setting_t *root = config_root_setting(&loader->tree);

	check_names(loader, root, "");
	for (const struct setting *s = settings; s < settings + COUNT(settings); s++) {
		const config_setting_t *group = find_group(loader, s);
		const config_setting_t *found = group ? config_setting_get_member(group, s->name) : NULL;

		if (found)
			read_setting(loader, s, found);
	}
	check_last_queue(loader);
	if (!config_setting_get_member(root, "outside"))
		config_complain(loader->errors, (struct config_place){.name = loader->text->files[0]},
			"outside is missing: expected the interfaces that lead outside, "
			"like outside = [ \"eth0\" ];");
}

/* Reads a text into *config, which has the defaults, and the table of maps that it names;
 * adds that to the files of the text. Complains about all that is wrong with it,
 * except what shows only when all maps are known. */
void config_settings_read(struct config *config, struct config_text *text, struct config_errors *errors)
{
	struct config_loader loader = {
		.config = config, .text = text, .errors = errors, .outside_is_good = true};

	if (config_tree_parse(&loader))
		read_all(&loader);
	config_destroy(&loader.tree);
}

/* Whether two configurations have the same value of a setting. What lies behind a string
 * does not count. */
static bool setting_is_equal(const struct setting *s, const struct config *a, const struct config *b)
{
	const char *one = (const char *)a + s->offset, *other = (const char *)b + s->offset;

	return s->type == TYPE_INTEGER || s->type == TYPE_CHOICE ? memcmp(one, other, s->size) == 0
								 : strcmp(one, other) == 0;
}

/* Says whether a running daemon can take over the configuration that is wanted: NULL,
 * or a sentence about the first setting that it cannot change. */
const char *config_reload_refusal(const struct config *running, const struct config *wanted)
{
	for (const struct setting *s = settings; s < settings + COUNT(settings); s++)
		if (s->refusal && !setting_is_equal(s, running, wanted) &&
			(s->change != RESTART_FROM_NEVER || running->lookup == LOOKUP_NEVER))
			return s->refusal + (s->refusal[0] == '.');
	return NULL;
}
