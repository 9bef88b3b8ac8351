/* SPDX-License-Identifier: GPL-2.0-or-later */
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
		{"loaded", REPORT_TIME},
		{"maps", REPORT_NUMBER},
		{"attached-flows", REPORT_BOOLEAN},
		{"workers", REPORT_NUMBER},
		{"outside", REPORT_OUTSIDE},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(key, kinds[i].key) == 0)
			return kinds[i].kind;
	return REPORT_TEXT;
}

/* Reads "key value [state]"; the item's texts are parts of the line. */
bool report_parse_item(struct report_item *item, char *line)
{
	char *field[3];

	if (text_split(line, field, 3) < 2)
		return false;
	*item = (struct report_item){.key = field[0], .value = field[1], .state = field[2]};
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

/* Tells whether a counter is one of the kernel's, whose instances are queues. */
bool report_is_kernel(const struct report_counter *counter)
{
	return strcmp(counter->group, "kernel") == 0;
}

/* Tells whether the value goes down as well as up. */
bool report_is_gauge(const struct report_counter *counter)
{
	return report_is_kernel(counter) && strcmp(counter->name, "waiting") == 0;
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

/* Adds the value of one instance, which must not have been seen yet. */
static bool add_value(struct report_counter *counter, uint64_t instance, uint64_t value)
{
	if (counter->n == REPORT_INSTANCES_MAX || instance > UINT16_MAX)
		return false;
	for (size_t i = 0; i < counter->n; i++)
		if (counter->instance[i] == instance)
			return false;
	counter->instance[counter->n] = (uint32_t)instance;
	counter->value[counter->n++] = value;
	counter->total += value;
	return true;
}

/* Takes "group name instance value" of the answer to stats. */
static bool take_value(char *line, void *context)
{
	struct report_counter *counter;
	uint64_t instance, value;
	char *field[4];

	if (text_split(line, field, 4) < 4)
		return false;
	if (!text_number(&instance, field[2]) || !text_number(&value, field[3]))
		return false;
	counter = find_or_add(context, field[0], field[1]);
	return counter && add_value(counter, instance, value);
}

/* Asks for all counters and their explanations. Returns false after a message. */
bool report_ask_counters(struct report_counters *counters, const char *socket)
{
	counters->n = 0;
	return client_ask(socket, "explain", CLIENT_PATIENCE, take_explanation, counters) &&
	       client_ask(socket, "stats", CLIENT_PATIENCE, take_value, counters);
}
