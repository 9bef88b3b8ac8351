/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * icmpnatd: the options, and nothing else.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"
#include "io/log.h"
#include "rules.h"

#define EXIT_USAGE 2

static const char usage[] =
	"Usage: icmpnatd [OPTION]...\n"
	"Gives the ICMP errors of this firewall public addresses. Runs in the foreground.\n"
	"\n"
	"  -c, --config FILE          read FILE instead of " ICMPNATD_CONFIG "\n"
	"  -n, --check                say what is wrong with the file, or \"configuration OK\"\n"
	"  -r, --print-rules[=KIND]   print the capture rules that go with the file:\n"
	"                               nft       for nft -f - (the default)\n"
	"                               iptables  for sh: nft copies, iptables queues\n"
	"                               none      for sh: removes either\n"
	"  -V, --version              print the version\n"
	"  -h, --help                 print this\n"
	"\n"
	"SIGHUP reloads the file. See icmpnatd(8), icmpnatd.conf(5), icmpnatctl(8).\n";

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 'n'},
	{"print-rules", optional_argument, NULL, 'r'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *path;
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
	fprintf(stderr, "icmpnatd: unknown kind of rules \"%s\": expected nft, iptables or none\n", text);
	exit_usage();
}

static struct options parse_options(int argc, char **argv)
{
	struct options options = {.path = ICMPNATD_CONFIG, .format = RULES_NFT};
	int option;

	while ((option = getopt_long(argc, argv, "c:nr::Vh", long_options, NULL)) != -1)
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
		case 'V':
			puts("icmpnatd " PACKAGE_VERSION);
			exit(finish_output());
		case 'h':
			fputs(usage, stdout);
			exit(finish_output());
		default:
			exit_usage();
		}
	if (optind == argc)
		return options;
	fprintf(stderr, "icmpnatd: unexpected argument \"%s\"\n", argv[optind]);
	exit_usage();
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	struct config_errors errors = {.out = stderr};
	struct config *config;
	int status;

	log_init();
	if (options.print_rules && options.format == RULES_NONE) {
		rules_print(stdout, NULL, RULES_NONE);
		return finish_output();
	}
	config = config_load(options.path, &errors);
	if (!config)
		return EXIT_FAILURE;
	if (!options.check && !options.print_rules)
		return daemon_run(options.path, config);
	if (options.print_rules)
		rules_print(stdout, config, options.format);
	else
		puts("configuration OK");
	status = finish_output();
	config_free(config);
	return status;
}
