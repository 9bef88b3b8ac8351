/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The reports as JSON (RFC 8259): one object, a line for each row, names as the control protocol has them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/output.h"
#include "client/text.h"
#include "core/utf8.h"

static struct {
	enum output_report report;
	bool explain;
	const char *open; /* what ends the list or the object that is open; or "" */
	size_t rows;
} json;

/* Prints text as a string (RFC 8259, 7); bytes that are not UTF-8 become U+FFFD. */
static void put_string(const char *text)
{
	putchar('"');
	for (size_t length; *text; text += length ? length : 1) {
		length = utf8_length(text);
		if (length == 0)
			fputs("\\ufffd", stdout);
		else if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned)*text);
		else
			printf("%s%.*s", *text == '"' || *text == '\\' ? "\\" : "", (int)length, text);
	}
	putchar('"');
}

/* Prints before, then a string. */
static void put_member(const char *before, const char *text)
{
	fputs(before, stdout);
	put_string(text);
}

/* Prints before, then a number, also one beyond 2^53: RFC 8259 sets no limit. */
static void put_number(const char *before, uint64_t number)
{
	printf("%s%" PRIu64, before, number);
}

/* Begins a row: a comma after the last one, and a line of its own. */
static void begin_row(void)
{
	fputs(json.rows++ ? ",\n" : "\n", stdout);
}

static void json_head(enum output_report report, bool all, bool explain)
{
	static const char *const begin[] = {[OUTPUT_STATUS] = "{",
		[OUTPUT_STATS] = "{\"counters\": [",
		[OUTPUT_MAPS] = "{\"maps\": [",
		[OUTPUT_DOCTOR] = "["};

	(void)all;
	json.report = report;
	json.explain = explain;
	json.open = "";
	json.rows = 0;
	fputs(begin[report], stdout);
}

static void json_tail(void)
{
	fputs(json.report == OUTPUT_STATUS ? json.open : "\n]", stdout);
	puts(json.report == OUTPUT_STATUS ? "\n}" : json.report == OUTPUT_DOCTOR ? "" : "}");
}

static void json_value(const struct report_item *item)
{
	enum report_kind kind = report_kind(item->key);
	uint64_t number;

	if (kind == REPORT_BOOLEAN)
		fputs(strcmp(item->value, "yes") == 0 ? "true" : "false", stdout);
	else if (kind != REPORT_TEXT && text_number(&number, item->value))
		put_number("", number);
	else
		put_string(item->value);
}

/* Begins a row of a list or an object that is the value of a key, and opens it for the first one. */
static void begin_inner_row(const char *key, const char *open, const char *end)
{
	if (json.open != end) {
		fputs(json.open, stdout);
		begin_row();
		put_member("", key);
		printf(": %s\n", open);
	} else {
		fputs(",\n", stdout);
	}
	json.open = end;
}

static void put_outside(const struct report_item *item)
{
	static const char end[] = "\n]";

	begin_inner_row(item->key, "[", end);
	put_member("  {\"interface\": ", item->value);
	put_member(", \"state\": ", item->state);
	put_member(", \"families\": ", item->more);
	putchar('}');
}

static void put_errors(const struct report_item *item)
{
	static const char end[] = "\n}";
	uint64_t number = 0;

	begin_inner_row(item->key, "{", end);
	put_member("  ", item->value);
	text_number(&number, item->state);
	put_number(": ", number);
}

/* Prints when something happened and what; null if nothing did. */
static void put_event_object(const struct report_item *item)
{
	uint64_t when;

	if (!text_number(&when, item->value)) {
		fputs("null", stdout);
		return;
	}
	put_number("{\"time\": ", when);
	put_member(", \"text\": ", item->state);
	putchar('}');
}

static void json_item(const struct report_item *item)
{
	const enum report_kind kind = report_kind(item->key);

	if (kind == REPORT_OUTSIDE) {
		put_outside(item);
		return;
	}
	if (kind == REPORT_ERRORS) {
		put_errors(item);
		return;
	}
	fputs(json.open, stdout);
	json.open = "";
	begin_row();
	put_member("", item->key);
	fputs(": ", stdout);
	if (kind == REPORT_EVENT)
		put_event_object(item);
	else
		json_value(item);
}

/* Prints the value of each instance, if there is more to say than their sum. */
static void put_instances(const struct report_counter *counter)
{
	static const char *const names[] = {
		[REPORT_WORKERS] = "workers", [REPORT_QUEUES] = "queues", [REPORT_INTERFACES] = "interfaces"};
	const enum report_instances instances = report_instances(counter);

	if (instances == REPORT_HOST)
		return;
	printf(", \"%s\": {", names[instances]);
	for (size_t i = 0; i < counter->n; i++) {
		put_member(i ? ", " : "", counter->instance[i]);
		put_number(": ", counter->value[i]);
	}
	putchar('}');
}

static void json_counter(const struct report_counter *counter)
{
	begin_row();
	put_member("  {\"group\": ", counter->group);
	put_member(", \"name\": ", counter->name);
	if (counter->fate[0])
		put_member(", \"fate\": ", counter->fate);
	put_number(", \"value\": ", counter->total);
	put_instances(counter);
	if (json.explain)
		put_member(", \"explanation\": ", counter->sentence);
	putchar('}');
}

static void json_map(const struct report_map *map)
{
	begin_row();
	put_member("  {\"private\": ", map->private);
	put_member(", \"public\": ", map->public);
	put_member(", \"part\": ", map->part);
	put_member(", \"outside\": ", map->outside);
	put_number(", \"hits\": ", map->hits);
	put_member(", \"where\": ", map->where);
	putchar('}');
}

static void json_finding(const struct report_finding *finding)
{
	begin_row();
	put_member("  {\"check\": ", finding->check);
	put_member(", \"state\": ", finding->state);
	put_member(", \"sentence\": ", finding->sentence);
	put_member(", \"mend\": ", finding->mend);
	putchar('}');
}

const struct output output_json = {.head = json_head,
	.item = json_item,
	.counter = json_counter,
	.map = json_map,
	.finding = json_finding,
	.tail = json_tail};
