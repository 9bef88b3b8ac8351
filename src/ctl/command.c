/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The subcommands that ask once: each hands the daemon's answer, row by row, to the chosen output.
 */
#include "ctl/command.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/output.h"
#include "client/report.h"
#include "client/text.h"

/* An answer that is being printed. */
struct printing {
	const struct options *options;
	enum output_report report;
	bool begun;
	enum command_working *working; /* of the status */
};

/* Prints the head, unless that is done: a report that has not begun leaves standard output empty. */
static void begin_printing(struct printing *printing)
{
	if (!printing->begun)
		printing->options->output->head(
			printing->report, printing->options->all, printing->options->explain);
	printing->begun = true;
}

static bool print_item_line(char *line, void *context)
{
	struct printing *printing = context;
	struct report_item item;

	if (!report_parse_item(&item, line))
		return false;
	if (strcmp(item.key, "working") == 0)
		*printing->working = strcmp(item.value, "no") == 0	  ? WORKING_NO
				     : strcmp(item.value, "unknown") == 0 ? WORKING_UNKNOWN
									  : WORKING_YES;
	begin_printing(printing);
	printing->options->output->item(&item);
	return true;
}

static bool print_map_line(char *line, void *context)
{
	struct printing *printing = context;
	struct report_map map;

	if (!report_parse_map(&map, line))
		return false;
	begin_printing(printing);
	printing->options->output->map(&map);
	return true;
}

/* Prints an answer while it arrives, however long it is. The tail is left out
 * of what was cut short: half a report never looks like a whole one. */
static bool print_answer(const char *request, client_line *print, struct printing printing)
{
	if (!client_ask(printing.options->socket, request, CLIENT_PATIENCE, print, &printing))
		return false;
	begin_printing(&printing);
	printing.options->output->tail();
	return true;
}

/* Prints whether the daemon works, what it does, since when, and what was wrong. *working is what it says of
 * the first; an older one, which says nothing of that, works. */
bool command_status(const struct options *options, enum command_working *working)
{
	*working = WORKING_YES;
	return print_answer("status", print_item_line,
		(struct printing){.options = options, .report = OUTPUT_STATUS, .working = working});
}

/* Prints the address maps and how often each was used. */
bool command_maps(const struct options *options)
{
	return print_answer(
		"maps", print_map_line, (struct printing){.options = options, .report = OUTPUT_MAPS});
}

/* Prints the counters, but nothing unless all of them arrived. */
bool command_stats(const struct options *options)
{
	static struct report_counters counters;

	if (!report_ask_counters(&counters, options->socket))
		return false;
	options->output->head(OUTPUT_STATS, options->all, options->explain);
	for (size_t i = 0; i < counters.n; i++)
		options->output->counter(&counters.counter[i]);
	options->output->tail();
	return true;
}

static bool print_mistake(char *line, void *context)
{
	(void)context;
	text_put(stderr, line, 0);
	fputc('\n', stderr);
	return true;
}

static bool ask_to_change(const struct options *options, const char *request)
{
	return client_ask(options->socket, request, CLIENT_LONG_PATIENCE, print_mistake, NULL);
}

/* The answering program, as the status has it. */
struct program {
	char version[32];
	unsigned upgrades;
};

static bool take_program(char *line, void *context)
{
	struct program *program = context;

	if (sscanf(line, "version\t%31s", program->version) != 1)
		sscanf(line, "upgrades\t%u", &program->upgrades);
	return true;
}

static bool ask_program(const struct options *options, struct program *program)
{
	*program = (struct program){.version = ""};
	return client_ask(options->socket, "status", CLIENT_LONG_PATIENCE, take_program, program);
}

/* Makes the daemon start the program on the disk in its place. The answer is the old
 * program's, which then ends: the next status tells whether the new one has taken over. */
bool command_upgrade(const struct options *options)
{
	struct program old, new;

	if (!ask_program(options, &old) || !ask_to_change(options, "upgrade") || !ask_program(options, &new))
		return false;
	if (new.upgrades == old.upgrades) {
		warnx("icmpnatd %s is still the old program: icmpnatctl status tells the last error",
			new.version);
		return false;
	}
	printf("icmpnatd %s has taken over from %s\n", new.version, old.version);
	return true;
}

/* Makes the daemon read its configuration again; stderr gets its mistakes, and the old one then stays. */
bool command_reload(const struct options *options)
{
	if (!ask_to_change(options, "reload"))
		return false;
	puts("configuration reloaded");
	return true;
}
