/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The reports for people: aligned columns, nothing that is zero, a colour for what needs attention.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/output.h"
#include "client/text.h"

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define NORMAL "\033[0m"

#define NAME_WIDTH   26 /* of a counter's name */
#define COLUMN_WIDTH 12
#define LABEL_WIDTH  16 /* of an item of the status, with its colon */
#define SCREEN_WIDTH 80
#define FATES_MAX    8

/* What became of errors: of how many, by fate. */
struct fates {
	size_t n; /* how many are known so far */
	struct {
		char name[16];
		uint64_t total;
	} fate[FATES_MAX];
};

static struct {
	enum output_report report;
	bool all, explain, colour;
	char key[32]; /* of the last line of the status; or the group of the last counter */
	struct fates rules, outcomes;
} text;

/* Returns the colour of a fate or of a state, or NULL. */
static const char *colour_of(const char *word)
{
	static const char *const colours[][2] = {{"rewritten", GREEN}, {"up", GREEN}, {"malformed", YELLOW},
		{"leaked", RED}, {"missing", RED}, {"yes", GREEN}, {"no", RED}, {"ok", GREEN},
		{"note", YELLOW}, {"unknown", YELLOW}, {"problem", RED}};

	for (size_t i = 0; text.colour && i < sizeof(colours) / sizeof(colours[0]); i++)
		if (strcmp(word, colours[i][0]) == 0)
			return colours[i][1];
	return NULL;
}

/* Prints a word, in colour if amount, the number of things that it is about, is not 0. */
static void put_coloured(const char *word, int width, uint64_t amount)
{
	const char *colour = amount ? colour_of(word) : NULL;

	fputs(colour ? colour : "", stdout);
	text_put(stdout, word, width);
	fputs(colour ? NORMAL : "", stdout);
}

/* Prints before, then a value, padded to width columns. */
static void put_column(const char *before, const char *value, int width)
{
	fputs(before, stdout);
	text_put(stdout, value, width);
}

static void text_head(enum output_report report, bool all, bool explain)
{
	const char *no_colour = getenv("NO_COLOR");

	memset(&text, 0, sizeof(text));
	text.report = report;
	text.all = all;
	text.explain = explain;
	text.colour = isatty(STDOUT_FILENO) && (!no_colour || !*no_colour);
	if (report == OUTPUT_MAPS)
		printf("%-22s    %-22s %-5s %-10s %10s  %s\n", "private", "public", "part", "outside", "hits",
			"where");
}

/* Prints a duration in its two largest units. */
static void put_duration(uint64_t seconds)
{
	if (seconds >= 86400)
		printf("%" PRIu64 " d %" PRIu64 " h", seconds / 86400, seconds / 3600 % 24);
	else if (seconds >= 3600)
		printf("%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
	else if (seconds >= 60)
		printf("%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
	else
		printf("%" PRIu64 " s", seconds);
}

/* Prints a Unix time as local time; as it is if it names no year of four digits. */
static void put_time(uint64_t seconds)
{
	time_t when = (time_t)seconds;
	char date[40];
	struct tm tm;

	if (seconds < 253402300800 && localtime_r(&when, &tm) &&
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &tm))
		fputs(date, stdout);
	else
		printf("%" PRIu64, seconds);
}

/* Prints words, as many on a line as fit, and each line below the first behind the labels. */
static void put_wrapped(const char *words)
{
	size_t column = LABEL_WIDTH;

	while (*words) {
		const size_t length = strcspn(words, " ");
		char word[1024];

		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		if (column > LABEL_WIDTH && column + 1 + length > SCREEN_WIDTH) {
			printf("\n%*s", LABEL_WIDTH, "");
			column = LABEL_WIDTH;
		} else if (column > LABEL_WIDTH) {
			putchar(' ');
			column++;
		}
		text_put(stdout, word, 0);
		column += length;
		words += length + strspn(words + length, " ");
	}
}

/* Prints when something happened, and what. */
static void put_event(const struct report_item *item)
{
	uint64_t when;

	if (!text_number(&when, item->value)) {
		text_put(stdout, item->value, 0);
		return;
	}
	put_time(when);
	printf("\n%*s", LABEL_WIDTH, "");
	put_wrapped(item->state);
}

static void text_value(const struct report_item *item)
{
	enum report_kind kind = report_kind(item->key);
	uint64_t number = 0;

	if (kind == REPORT_SECONDS && text_number(&number, item->value))
		put_duration(number);
	else if (kind == REPORT_TIME && text_number(&number, item->value))
		put_time(number);
	else if (kind == REPORT_EVENT)
		put_event(item);
	else if (kind == REPORT_ERRORS)
		text_put(stdout, item->state, 0);
	else if (strcmp(item->key, "reason") == 0)
		put_wrapped(item->value);
	else
		put_coloured(item->value, 0, strcmp(item->key, "working") == 0);
}

/* Prints the label of an item: one that repeats is there once, and what goes on has its own on the line. */
static void put_item_label(const char *key)
{
	char label[32];

	if (text.key[0] && report_goes_on(key)) {
		fputs(", ", stdout);
		text_put(stdout, key, 0);
		putchar(' ');
		return;
	}
	if (text.key[0])
		putchar('\n');
	snprintf(label, sizeof(label), "%s:", strcmp(key, text.key) == 0 ? "" : key);
	text_put(stdout, label[1] ? label : "", LABEL_WIDTH);
}

/* Prints an item of the status, whose line has no end yet. */
static void text_item(const struct report_item *item)
{
	enum report_kind kind = report_kind(item->key);

	put_item_label(item->key);
	snprintf(text.key, sizeof(text.key), "%s", item->key);
	text_value(item);
	if (item->state[0] && kind != REPORT_ERRORS && kind != REPORT_EVENT) {
		putchar(' ');
		put_coloured(item->state, 0, 1);
	}
	if (item->more[0]) {
		fputs(kind == REPORT_OUTSIDE ? ", " : " ", stdout);
		text_put(stdout, item->more, 0);
	}
}

/* Tells whether a counter gets a column for each instance beside the sum. */
static bool has_columns(const struct report_counter *counter)
{
	return text.all && counter->n > 1;
}

/* Returns the headline of a counter's group. Two of them say what became of errors, and who did it; that of
 * the mode, that it became of none. */
static const char *headline(const struct report_counter *counter)
{
	if (strcmp(counter->group, "rules") == 0)
		return "rules: by the kernel";
	if (strcmp(counter->group, "outcome") == 0)
		return "outcome: by the daemon";
	if (strcmp(counter->group, "mode") == 0 && counter->total)
		return REPORT_AUDIT;
	return counter->group;
}

/* Prints the headline of a group, with the titles of the columns of a counter's instances. */
static void begin_group(const struct report_counter *counter)
{
	static const char *const names[] = {[REPORT_WORKERS] = "worker ",
		[REPORT_QUEUES] = "queue ",
		[REPORT_INTERFACES] = "",
		[REPORT_HOST] = ""};
	char title[32];

	if (text.key[0])
		putchar('\n');
	snprintf(text.key, sizeof(text.key), "%s", counter->group);
	text_put(stdout, headline(counter), has_columns(counter) ? NAME_WIDTH + 2 : 0);
	if (has_columns(counter))
		printf(" %12s", "total");
	for (size_t i = 0; has_columns(counter) && i < counter->n; i++) {
		snprintf(
			title, sizeof(title), "%s%s", names[report_instances(counter)], counter->instance[i]);
		putchar(' ');
		text_put_right(stdout, title, COLUMN_WIDTH);
	}
	putchar('\n');
}

/* Adds a counter to the sum of its fate. */
static void add_to_fate(struct fates *fates, const struct report_counter *counter)
{
	size_t i = 0;

	while (i < fates->n && strcmp(fates->fate[i].name, counter->fate) != 0)
		i++;
	if (i == FATES_MAX)
		return;
	if (i == fates->n)
		strcpy(fates->fate[fates->n++].name, counter->fate);
	fates->fate[i].total += counter->total;
}

/* Prints what follows the numbers: an outcome's fate, and the explanation. */
static void put_remarks(const struct report_counter *counter)
{
	bool sentence = text.explain && counter->sentence[0];

	if (counter->fate[0]) {
		fputs("  ", stdout);
		put_coloured(counter->fate, sentence ? 9 : 0, counter->total);
	}
	if (sentence)
		put_column("  ", counter->sentence, 0);
}

static void text_counter(const struct report_counter *counter)
{
	if (counter->fate[0] && report_instances(counter) != REPORT_INTERFACES)
		add_to_fate(&text.outcomes, counter);
	else if (counter->fate[0])
		add_to_fate(&text.rules, counter);
	if (counter->total == 0 && !text.all)
		return;
	if (strcmp(counter->group, text.key) != 0)
		begin_group(counter);
	put_column("  ", counter->name, NAME_WIDTH);
	printf(" %12" PRIu64, counter->total);
	for (size_t i = 0; has_columns(counter) && i < counter->n; i++)
		printf(" %12" PRIu64, counter->value[i]);
	put_remarks(counter);
	putchar('\n');
}

/* Prints one map. The columns are fixed: of 100,000s of rows, the first one must not wait for the last. */
static void text_map(const struct report_map *map)
{
	put_column("", map->private, 22);
	put_column(" -> ", map->public, 22);
	put_column(" ", map->part, 5);
	put_column(" ", map->outside, 10);
	printf(" %10" PRIu64 "  ", map->hits);
	text_put(stdout, map->where, 0);
	putchar('\n');
}

/* Prints one finding, and below it what mends it. */
static void text_finding(const struct report_finding *finding)
{
	put_coloured(finding->state, 8, 1);
	text_put(stdout, finding->check, 18);
	text_put(stdout, finding->sentence, 0);
	putchar('\n');
	if (*finding->mend) {
		put_column("          ", finding->mend, 0);
		putchar('\n');
	}
}

/* Prints how many errors somebody has dealt with, and how many of them had which fate. */
static void put_total(const char *who, const char *what, const struct fates *fates)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < fates->n; i++)
		sum += fates->fate[i].total;
	printf("total by the %s: %" PRIu64 " %s", who, sum, what);
	for (size_t i = 0; i < fates->n; i++) {
		printf("%s %" PRIu64 " ", i ? "," : ":", fates->fate[i].total);
		put_coloured(fates->fate[i].name, 0, fates->fate[i].total);
	}
	putchar('\n');
}

/* Ends the counters with what became of all packets, by fate. The two totals have no sum: each began at
 * another time, and rules that do not copy see what the daemon has done, too. */
static void text_tail(void)
{
	if (text.report == OUTPUT_STATUS && text.key[0])
		putchar('\n');
	if (text.report != OUTPUT_STATS)
		return;
	if (text.key[0])
		putchar('\n');
	if (text.rules.n > 0)
		put_total("kernel", "errors", &text.rules);
	put_total("daemon", "packets", &text.outcomes);
}

const struct output output_text = {.head = text_head,
	.item = text_item,
	.counter = text_counter,
	.map = text_map,
	.finding = text_finding,
	.tail = text_tail};
