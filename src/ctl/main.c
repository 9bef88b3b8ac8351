/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * icmpnatctl, the daemon's client: options, the table of subcommands, help.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "ctl/command.h"
#include "doctor/doctor.h"

#define EXIT_USAGE   2
#define EXIT_UNSEEN  3
#define INTERVAL_MIN 0.1
#define INTERVAL_MAX 86400

/* The exit status of a command that did not do what it is for. */
static int failure = EXIT_FAILURE;

static bool command_doctor(const struct options *options)
{
	const enum doctor_state result = doctor_run(options->socket, options->output, options->config);

	if (result == DOCTOR_UNKNOWN)
		failure = EXIT_UNSEEN;
	return result == DOCTOR_OK;
}

static bool command_works(const struct options *options)
{
	enum command_working working;
	const bool answered = command_status(options, &working);

	if (answered && working == WORKING_UNKNOWN)
		failure = EXIT_UNSEEN;
	return answered && working == WORKING_YES;
}

static bool command_help(const struct options *options);

/* takes: the letters of the options that a command knows. */
static const struct command {
	const char *name;
	bool (*run)(const struct options *options);
	const char *takes;
	const char *sentence;
} commands[] = {
	{"status", command_works, "j", "does it work, since when, for whom, what was wrong"},
	{"stats", command_stats, "aejkp", "what became of the errors; the kernel's queues"},
	{"maps", command_maps, "j", "the address maps and how often each was used"},
	{"reload", command_reload, "", "read the configuration again; a bad one is refused"},
	{"upgrade", command_upgrade, "", "the installed program takes over; nothing is lost"},
	{"doctor", command_doctor, "cj", "what on this host keeps the daemon from doing its job"},
	{"watch", command_watch, "ni", "the counters that change, and how fast"},
	{"help", command_help, "", "this text"},
};

static const struct option_text {
	char letter;
	const char *name, *argument, *sentence;
} option_texts[] = {
	{'s', "socket", "SOCKET", "the daemon's control socket (" ICMPNATD_SOCKET ")"},
	{'c', "config", "FILE", "look at FILE, not at the daemon's"},
	{'a', "all", NULL, "all counters, and a column for each worker"},
	{'e', "explain", NULL, "say what each counter counts"},
	{'j', "json", NULL, "print JSON"},
	{'p', "prometheus", NULL, "print Prometheus' text format"},
	{'k', "check", NULL, "check that every packet is accounted for"},
	{'n', "count", "COUNT", "stop after COUNT intervals"},
	{'i', "interval", "SECONDS", "the length of an interval (1)"},
	{'h', "help", NULL, "print this text"},
	{'V', "version", NULL, "print the version"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Prints the help; its lines are also what completion is made from. */
static bool command_help(const struct options *options)
{
	char text[32];

	(void)options;
	puts("usage: icmpnatctl [-s SOCKET] COMMAND [options]\ncommands:");
	for (const struct command *c = commands; c < commands + COUNT(commands); c++) {
		snprintf(text, sizeof(text), "%s%s%s%s", c->name, *c->takes ? " [-" : "", c->takes,
			*c->takes ? "]" : "");
		printf("  %-24s %s\n", text, c->sentence);
	}
	puts("\noptions:");
	for (const struct option_text *o = option_texts; o < option_texts + COUNT(option_texts); o++) {
		snprintf(text, sizeof(text), "--%s %s", o->name, o->argument ? o->argument : "");
		printf("  -%c, %-20s %s\n", o->letter, text, o->sentence);
	}
	return true;
}

static int usage(void)
{
	fputs("try: icmpnatctl help\n", stderr);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	warnx("unknown command: %s", name);
	return NULL;
}

/* Reads the argument of --count, which is at least 1. */
static bool parse_count(unsigned long *count, const char *text)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *count > 0)
		return true;
	warnx("not a number of intervals: %s", text);
	return false;
}

/* Reads the argument of --interval. */
static bool parse_interval(double *seconds, const char *text)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end != text && *end == '\0' && *seconds >= INTERVAL_MIN && *seconds <= INTERVAL_MAX)
		return true;
	warnx("not an interval of %g to %d seconds: %s", INTERVAL_MIN, INTERVAL_MAX, text);
	return false;
}

/* The options that were given, by letter: the argument, "" where there is none. */
static const char *given[128];

/* Reads all options, wherever they stand; optind is then the command's index. Returns false after a message.
 */
static bool parse_arguments(struct options *options, int argc, char *argv[])
{
	struct option longs[COUNT(option_texts) + 1] = {{.name = NULL}};
	char shorts[2 * COUNT(option_texts) + 1] = "";
	int letter;

	for (size_t i = 0; i < COUNT(option_texts); i++) {
		const struct option_text *o = &option_texts[i];

		longs[i] = (struct option){
			o->name, o->argument ? required_argument : no_argument, NULL, o->letter};
		snprintf(shorts + strlen(shorts), 3, "%c%s", o->letter, o->argument ? ":" : "");
	}
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter == '?')
			return false;
		given[letter] = optarg ? optarg : "";
	}
	options->socket = given['s'] ? given['s'] : ICMPNATD_SOCKET;
	options->config = given['c'];
	return (!given['n'] || parse_count(&options->count, given['n'])) &&
	       (!given['i'] || parse_interval(&options->interval, given['i']));
}

/* Tells whether the command knows all options that were given, and these go together; says why not. */
static bool check_options(const struct command *command)
{
	for (const struct option_text *o = option_texts; o < option_texts + COUNT(option_texts); o++) {
		if (given[(int)o->letter] && o->letter != 's' && !strchr(command->takes, o->letter)) {
			warnx("%s does not take --%s", command->name, o->name);
			return false;
		}
	}
	if (given['j'] && given['p']) {
		warnx("--json and --prometheus exclude each other");
		return false;
	}
	if (given['k'] && (given['a'] || given['e'] || given['j'] || given['p'])) {
		warnx("--check excludes --all, --explain, --json and --prometheus");
		return false;
	}
	return true;
}

/* Returns the exit status; a disk that is full is not taken for success. */
static int exit_status(bool ok)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ok ? EXIT_SUCCESS : failure;
	warn("cannot write to standard output");
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	struct options options = {.interval = 1};
	const struct command *command;

	if (!parse_arguments(&options, argc, argv))
		return usage();
	if (given['V']) {
		puts("icmpnatctl " PACKAGE_VERSION);
		return exit_status(true);
	}
	if (given['h'])
		return exit_status(command_help(&options));
	if (optind != argc - 1) {
		warnx(optind == argc ? "no command given" : "more than one command given");
		return usage();
	}
	command = find_command(argv[optind]);
	if (!command || !check_options(command))
		return usage();
	options.all = given['a'];
	options.explain = given['e'];
	options.output = given['j'] ? &output_json : given['p'] ? &output_prometheus : &output_text;
	return exit_status(given['k'] ? command_accounts(&options) : command->run(&options));
}
