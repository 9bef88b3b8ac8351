/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * From lines to data. There is no list of counters here: names, order and sentences are the daemon's
 * (request "explain"), so that a client need not be as new. A line that does not fit is refused.
 */
#include "client/report.h"

#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/text.h"

/* Tells what kind of value a key of the status has. */
enum report_kind report_kind(const char *key)
{
	static const struct {
		const char *key;
		enum report_kind kind;
	} kinds[] = {
		{"pid", REPORT_NUMBER},
		{"uptime", REPORT_SECONDS},
		{"started", REPORT_TIME},
		{"upgrades", REPORT_NUMBER},
		{"loaded", REPORT_TIME},
		{"maps", REPORT_NUMBER},
		{"attached-flows", REPORT_BOOLEAN},
		{"workers", REPORT_NUMBER},
		{"outside", REPORT_OUTSIDE},
		{"errors", REPORT_ERRORS},
		{"last-error", REPORT_EVENT},
		{"last-warning", REPORT_EVENT},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(key, kinds[i].key) == 0)
			return kinds[i].kind;
	return REPORT_TEXT;
}

/* Tells whether people find an item of the status beside the one before, so that all is one screen. */
bool report_goes_on(const char *key)
{
	static const char *const keys[] = {"pid", "started", "upgrades", "loaded", "lookup", "attached-flows",
		"queues", "rules", "kernel"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Reads "key value [state [more]]"; the item's texts are parts of the line. */
bool report_parse_item(struct report_item *item, char *line)
{
	char *field[4];

	if (text_split(line, field, 4) < 2)
		return false;
	*item = (struct report_item){field[0], field[1], field[2], field[3]};
	return true;
}

/* Reads "private public part outside hits file:line"; the map's texts are parts of the line. */
bool report_parse_map(struct report_map *map, char *line)
{
	char *field[6];

	if (text_split(line, field, 6) < 6)
		return false;
	*map = (struct report_map){.private = field[0],
		.public = field[1],
		.part = field[2],
		.outside = field[3],
		.where = field[5]};
	return text_number(&map->hits, field[4]);
}

/* Tells whose values the instances of a counter are. Those of the host have one, which is called "-". */
enum report_instances report_instances(const struct report_counter *counter)
{
	static const struct {
		const char *group;
		enum report_instances instances;
	} groups[] = {{"kernel", REPORT_QUEUES}, {"rules", REPORT_INTERFACES}, {"host", REPORT_HOST},
		{"mode", REPORT_HOST}};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(counter->group, groups[i].group) == 0)
			return groups[i].instances;
	return REPORT_WORKERS;
}

/* Tells whether the value goes down as well as up. */
bool report_is_gauge(const struct report_counter *counter)
{
	return (report_instances(counter) == REPORT_QUEUES && strcmp(counter->name, "waiting") == 0) ||
	       strcmp(counter->group, "mode") == 0;
}

/* Finds a counter. Returns NULL if there is none of that name. */
struct report_counter *report_find(struct report_counters *counters, const char *group, const char *name)
{
	for (size_t i = 0; i < counters->n; i++)
		if (strcmp(counters->counter[i].group, group) == 0 &&
			strcmp(counters->counter[i].name, name) == 0)
			return &counters->counter[i];
	return NULL;
}

/* Tells whether this is an audit. */
bool report_is_audit(struct report_counters *counters)
{
	const struct report_counter *audit = report_find(counters, "mode", "audit");

	return audit && audit->total;
}

/* Copies text to an array of so many bytes. Returns false if it is too long. */
static bool copy(char *to, size_t size, const char *from)
{
	return (size_t)snprintf(to, size, "%s", from) < size;
}

/* Finds a counter, or adds an empty one behind the last of its group. Returns NULL if it has no room. */
static struct report_counter *find_or_add(
	struct report_counters *counters, const char *group, const char *name)
{
	struct report_counter *at = report_find(counters, group, name);

	if (at || counters->n == REPORT_COUNTERS_MAX)
		return at;
	at = counters->counter + counters->n;
	while (at > counters->counter && strcmp(at[-1].group, group) != 0)
		at--;
	if (at == counters->counter)
		at += counters->n;
	memmove(at + 1, at, (size_t)(counters->counter + counters->n - at) * sizeof(*at));
	*at = (struct report_counter){.total = 0};
	counters->n++;
	return copy(at->group, sizeof(at->group), group) && copy(at->name, sizeof(at->name), name) ? at
												   : NULL;
}

/* Takes "group name sentence [fate]" of the answer to explain. */
static bool take_explanation(char *line, void *context)
{
	struct report_counter *counter;
	char *field[4];

	if (text_split(line, field, 4) < 3)
		return false;
	counter = find_or_add(context, field[0], field[1]);
	return counter && copy(counter->sentence, sizeof(counter->sentence), field[2]) &&
	       copy(counter->fate, sizeof(counter->fate), field[3]);
}

/* Tells whether an instance of a counter can have a name. */
static bool is_instance(const struct report_counter *counter, const char *name)
{
	uint64_t number;

	switch (report_instances(counter)) {
	case REPORT_INTERFACES:
		return *name && strlen(name) < REPORT_INSTANCE_SIZE;
	case REPORT_HOST:
		return strcmp(name, "-") == 0;
	default:
		return text_number(&number, name) && number <= UINT16_MAX;
	}
}

/* Adds the value of one instance, which must not have been seen yet. */
static bool add_value(struct report_counter *counter, const char *instance, uint64_t value)
{
	if (counter->n == REPORT_INSTANCES_MAX || !is_instance(counter, instance))
		return false;
	for (size_t i = 0; i < counter->n; i++)
		if (strcmp(counter->instance[i], instance) == 0)
			return false;
	strcpy(counter->instance[counter->n], instance);
	counter->value[counter->n++] = value;
	counter->total += value;
	return true;
}

/* Takes "group name instance value" of the answer to stats. */
static bool take_value(char *line, void *context)
{
	struct report_counter *counter;
	uint64_t value;
	char *field[4];

	if (text_split(line, field, 4) < 4)
		return false;
	if (!text_number(&value, field[3]))
		return false;
	counter = find_or_add(context, field[0], field[1]);
	return counter && add_value(counter, field[2], value);
}

/* Leaves out what was explained and has no value: it is not 0, but not known here. */
static void forget_unknown(struct report_counters *counters)
{
	size_t n = 0;

	for (size_t i = 0; i < counters->n; i++)
		if (counters->counter[i].n > 0)
			counters->counter[n++] = counters->counter[i];
	counters->n = n;
}

/* Asks for all counters that the daemon knows, and their explanations. Returns false after a message. */
bool report_ask_counters(struct report_counters *counters, const char *socket)
{
	counters->n = 0;
	if (!client_ask(socket, "explain", CLIENT_PATIENCE, take_explanation, counters) ||
		!client_ask(socket, "stats", CLIENT_PATIENCE, take_value, counters))
		return false;
	forget_unknown(counters);
	return true;
}
