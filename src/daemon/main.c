/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * icmpnatd: the options, and nothing else.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/explain.h"
#include "daemon/guard.h"
#include "daemon/daemon.h"
#include "daemon/prove.h"
#include "io/log.h"
#include "rules/rules.h"

#define EXIT_USAGE 2

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 'n'},
	{"print-rules", optional_argument, NULL, 'r'},
	{"explain", required_argument, NULL, 'e'},
	{"write", required_argument, NULL, 'w'},
	{"interface", required_argument, NULL, 'i'},
	{"prove", no_argument, NULL, 'p'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *path, *pcap, *write, *interface;
	bool check, print_rules;
	enum rules_format format;
};

static int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	perror("icmpnatd: standard output");
	return EXIT_FAILURE;
}

/* Prints the help; its lines are also what completion is made from. */
static void print_usage(void)
{
	fputs("Usage: icmpnatd [OPTION]...\n"
	      "Gives the ICMP errors of this firewall public addresses. Runs in the foreground.\n"
	      "\n"
	      "  -c, --config FILE          read FILE instead of " ICMPNATD_CONFIG "\n"
	      "  -n, --check                say what is wrong with the file, or \"configuration OK\"\n"
	      "  -r, --print-rules[=KIND]   print the capture rules that go with the file:\n",
		stdout);
	for (const struct rules_kind *kind = rules_kinds; kind->name; kind++)
		printf("%31s%-16s for %s%s\n", "", kind->name, kind->loader, kind->sentence);
	fputs("  -e, --explain PCAP         say what would become of the ICMP errors in a pcap file (- is "
	      "stdin)\n"
	      "  -w, --write PCAP           .. and write what would be sent to another one (- is stdout)\n"
	      "  -i, --interface NAME       .. if they left by this outside interface (the first)\n"
	      "  -p, --prove                try whether the kernel changes what errors quote as icmpnatd "
	      "does\n"
	      "  -V, --version              print the version\n"
	      "  -h, --help                 print this\n"
	      "\n"
	      "SIGHUP reloads the file. See icmpnatd(8), icmpnatd.conf(5), icmpnatctl(8).\n",
		stdout);
}

_Noreturn static void exit_usage(void)
{
	fputs("Try icmpnatd --help.\n", stderr);
	exit(EXIT_USAGE);
}

static void parse_rules_format(struct options *options, const char *text)
{
	options->print_rules = true;
	if (!text || rules_format_parse(&options->format, text))
		return;
	fprintf(stderr, "icmpnatd: unknown kind of rules \"%s\": expected ", text);
	for (const struct rules_kind *kind = rules_kinds; kind->name; kind++)
		fprintf(stderr, "%s%s", kind->name, !kind[1].name ? "\n" : kind[2].name ? ", " : " or ");
	exit_usage();
}

/* Ends the program after a complaint if the options do not fit together, or if something is left of the
 * arguments. */
static void check_arguments(const struct options *options, const char *left)
{
	if (left)
		fprintf(stderr, "icmpnatd: unexpected argument \"%s\"\n", left);
	else if (options->write && !options->pcap)
		fputs("icmpnatd: --write needs --explain\n", stderr);
	else
		return;
	exit_usage();
}

static struct options parse_options(int argc, char **argv)
{
	struct options options = {.path = ICMPNATD_CONFIG, .format = RULES_NFT};
	int option;

	while ((option = getopt_long(argc, argv, "c:nr::e:w:i:pVh", long_options, NULL)) != -1)
		switch (option) {
		case 'c':
			options.path = optarg;
			break;
		case 'n':
			options.check = true;
			break;
		case 'r':
			parse_rules_format(&options, optarg);
			break;
		case 'e':
			options.pcap = optarg;
			break;
		case 'w':
			options.write = optarg;
			break;
		case 'i':
			options.interface = optarg;
			break;
		case 'p':
			exit(prove_and_tell());
		case 'V':
			puts("icmpnatd " PACKAGE_VERSION);
			exit(finish_output());
		case 'h':
			print_usage();
			exit(finish_output());
		default:
			exit_usage();
		}
	check_arguments(&options, argv[optind]);
	return options;
}

/* Packets and text are not mixed. */
static int explain(const struct options *options, const struct config *config)
{
#ifdef LIBPCAP
	FILE *out = options->write && strcmp(options->write, "-") == 0 ? stderr : stdout;

	return explain_file(out, config, options->interface, options->pcap, options->write);
#else
	(void)config;
	fprintf(stderr, "icmpnatd: cannot read %s: built without libpcap; build with it\n", options->pcap);
	return EXIT_FAILURE;
#endif
}

static int print_capture_rules(const struct options *options, const struct config *config)
{
	if (rules_can(options->format, config)) {
		rules_print(stdout, config, options->format);
		return EXIT_SUCCESS;
	}
	fprintf(stderr,
		"%s: mode is \"audit\": rules of the kind \"%s\" queue the errors themselves, which could "
		"not go on: choose a kind that copies, or mode = \"live\"\n",
		options->path, rules_kinds[options->format].name);
	return EXIT_FAILURE;
}

/* What is done with a good configuration without running the daemon. */
static int answer(const struct options *options, struct config *config)
{
	int status = EXIT_SUCCESS, written;

	if (options->print_rules)
		status = print_capture_rules(options, config);
	else if (options->pcap)
		status = explain(options, config);
	else
		puts("configuration OK");
	config_free(config);
	written = finish_output();
	return status ? status : written;
}

static bool only_answers(const struct options *options)
{
	return options->check || options->print_rules || options->pcap;
}

/* Returns the path by which this program can be started again, which is never freed; NULL where
 * memory is short. */
static char *own_path(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0)
		return NULL;
	path[length] = '\0';
	return strdup(path);
}

/* Finds the guard, or starts it: before everything that needs memory. False after a message. */
static bool prepare(struct daemon *daemon)
{
	const struct upgrade_program *program = &daemon->program;
	char *trial[] = {
		program->argv[0], (char *)"--check", (char *)"--config", (char *)program->path, NULL};

	daemon->handover.guard = &daemon->guard;
	handover_init(&daemon->handover);
	daemon->guard.fd = handover_take(&daemon->handover, "guard");
	daemon->handover.upgraded = daemon->guard.fd >= 0;
	if (!daemon->handover.upgraded)
		daemon->guard.fd = guard_start(trial, &daemon->handover);
	if (daemon->guard.fd >= 0)
		return handover_keep(&daemon->handover, "guard", daemon->guard.fd);
	log_error("cannot start the guard: %s; raise the limits of processes and memory", strerror(errno));
	return false;
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	const struct options options = parse_options(argc, argv);
	struct config_errors errors = {.out = stderr};
	struct config *config;
	char *path;

	log_init();
	if (options.print_rules && options.format == RULES_NONE) {
		rules_print(stdout, NULL, RULES_NONE);
		return finish_output();
	}
	if (!only_answers(&options)) {
		path = own_path();
		argv[0] = path ? path : argv[0];
		daemon.program = (struct upgrade_program){argv, options.path};
		if (!prepare(&daemon))
			return EXIT_FAILURE;
	}
	config = config_load(options.path, &errors);
	if (!config)
		return errors.passing ? EXIT_FAILURE : EX_CONFIG;
	if (only_answers(&options))
		return answer(&options, config);
	return daemon_run(&daemon, config);
}
