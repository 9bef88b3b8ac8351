/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the rules of the host and loads them in the twin. All functions work on the network namespace that
 * the caller is in. Tables that iptables made for nft are read and loaded by iptables, which alone can.
 */
#define _GNU_SOURCE
#include "doctor/ruleset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/run.h"

static const struct {
	const char *save, *restore;
	const char *tables; /* of the older kind: the list of those that are there */
} savers[] = {
	{"iptables-nft-save", "iptables-nft-restore", NULL},
	{"ip6tables-nft-save", "ip6tables-nft-restore", NULL},
	{"iptables-legacy-save", "iptables-legacy-restore", "/proc/net/ip_tables_names"},
	{"ip6tables-legacy-save", "ip6tables-legacy-restore", "/proc/net/ip6_tables_names"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whether a table is one of iptables', which nft lists but had better not touch. */
bool ruleset_is_foreign(const struct ruleset *ruleset, const char *family, const char *table)
{
	char line[320];

	snprintf(line, sizeof(line), "# Warning: table %s %s is managed by iptables-nft", family, table);
	return strstr(ruleset->warnings, line) || strstr(ruleset->nft, line);
}

/* Whether rules of one kind of iptables exist: its program would make tables if it was asked. */
static bool has_rules(const struct ruleset *ruleset, size_t i)
{
	char byte;
	FILE *file;
	bool has;

	if (!savers[i].tables)
		return strstr(ruleset->warnings, "iptables-nft") || strstr(ruleset->nft, "iptables-nft");
	file = fopen(savers[i].tables, "re");
	has = file && fread(&byte, 1, 1, file) == 1;
	if (file)
		fclose(file);
	return has;
}

/* Reads all rules. Returns the exit status of nft (0: they were read; RUN_MISSING:
 * nft is not there); the caller frees the ruleset in any case. */
int ruleset_read(struct ruleset *ruleset)
{
	const char *const list[] = {"nft", "-s", "list", "ruleset", NULL};
	int status;

	*ruleset = (struct ruleset){.nft = NULL};
	status = run_program(list, NULL, &ruleset->nft, &ruleset->warnings);
	if (status == 0 && (!ruleset->nft || !ruleset->warnings))
		status = -1;
	for (size_t i = 0; status == 0 && i < COUNT(savers); i++)
		if (has_rules(ruleset, i))
			run_program((const char *const[]){savers[i].save, NULL}, NULL, &ruleset->iptables[i],
				NULL);
	return status;
}

void ruleset_free(struct ruleset *ruleset)
{
	free(ruleset->nft);
	free(ruleset->warnings);
	for (size_t i = 0; i < COUNT(savers); i++)
		free(ruleset->iptables[i]);
}

/* Whether the line that begins a table begins one of iptables'. */
static bool begins_foreign(const struct ruleset *ruleset, const char *line)
{
	char family[16], table[256];

	return sscanf(line, "table %15s %255s", family, table) == 2 &&
	       ruleset_is_foreign(ruleset, family, table);
}

/* Whether the line that begins a table begins one of ours. */
static bool begins_own(const char *line)
{
	return strncmp(line, "table ip icmpnatd ", 18) == 0 || strncmp(line, "table ip6 icmpnatd ", 19) == 0;
}

/* Prints the listing of nft line by line, without what the twin's nft must not load: the
 * tables of iptables, ours, and an owner, with whom a table would vanish. */
static void print_loadable(FILE *out, const struct ruleset *ruleset)
{
	bool skip = false;

	for (const char *line = ruleset->nft, *next; *line; line = next) {
		const size_t length = strcspn(line, "\n");

		next = line + length + (line[length] == '\n');
		skip = skip || begins_foreign(ruleset, line) || begins_own(line);
		if (!skip && strncmp(line, "\tflags owner", 12) != 0)
			fprintf(out, "%.*s\n", (int)length, line);
		if (*line == '}')
			skip = false;
	}
}

/* Runs a program with input. Returns false if it refuses, with what it says in
 * *complaint, which the caller frees. */
static bool feed(const char *const arguments[], const char *input, char **complaint)
{
	int status;

	free(*complaint);
	status = run_program(arguments, input, NULL, complaint);
	if (status == RUN_MISSING && !*complaint && asprintf(complaint, "%s is missing", arguments[0]) < 0)
		*complaint = NULL;
	return status == 0;
}

/* Loads rules that were read in another namespace. Returns false if they are refused,
 * with what was said in *complaint, which the caller frees. */
bool ruleset_copy(const struct ruleset *ruleset, char **complaint)
{
	const char *const load[] = {"nft", "-f", "-", NULL};
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	bool good = out;

	if (out) {
		print_loadable(out, ruleset);
		fclose(out);
		good = feed(load, script, complaint);
		free(script);
	}
	for (size_t i = 0; good && i < COUNT(savers); i++)
		if (ruleset->iptables[i])
			good = feed((const char *const[]){savers[i].restore, NULL}, ruleset->iptables[i],
				complaint);
	return good;
}

/* Loads the capture rules of a kind; RULES_NONE removes them. Returns false if they
 * are refused, with what was said in *complaint, which the caller frees. */
bool ruleset_load(const struct config *config, enum rules_format format, char **complaint)
{
	const char *const load[] = {"sh", "-c", rules_kinds[format].loader, NULL};
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	bool good = false;

	if (out) {
		rules_print(out, config, format);
		fclose(out);
		good = feed(load, script, complaint);
		free(script);
	}
	return good;
}

/* Bytes of a line without the comment at its end. */
static int bare_length(const char *line)
{
	size_t length = strcspn(line, "#\n");

	while (length > 0 && line[length - 1] == ' ')
		length--;
	return (int)length;
}

/* The tables of nft, but for what says whose they are. */
static void print_own_tables(FILE *out, const char *listing)
{
	bool own = false;

	for (const char *line = listing; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		own = own || begins_own(line);
		if (own && bare_length(line) > 0 && strncmp(line, "\tflags owner", 12) != 0)
			fprintf(out, "%.*s\n", bare_length(line), line);
		if (*line == '}')
			own = false;
	}
}

/* The chain of iptables, and what leads there. */
static void print_own_chain(FILE *out, const char *listing)
{
	for (const char *line = listing; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *name = strstr(line, "ICMPNATD");

		if (strncmp(line, "-A ", 3) == 0 && name && name < line + strcspn(line, "\n"))
			fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
}

/* The capture rules among them, as text to be compared; "" if there are none. The
 * caller frees it; NULL for want of memory. */
char *ruleset_own(const struct ruleset *ruleset)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	print_own_tables(out, ruleset->nft);
	for (size_t i = 0; i < COUNT(savers); i++)
		if (ruleset->iptables[i])
			print_own_chain(out, ruleset->iptables[i]);
	fclose(out);
	return text;
}

/* Adds the packets of each counter "queued" of nft. */
static void add_nft(uint64_t *packets, const char *listing)
{
	bool own = false, queued = false;
	uint64_t n;

	for (const char *line = listing; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		own = begins_own(line) || (own && *line != '}');
		queued = strncmp(line, "\tcounter queued ", 16) == 0 || (queued && line[1] != '}');
		if (own && queued && sscanf(line, "\t\tpackets %" SCNu64, &n) == 1)
			*packets += n;
	}
}

/* Adds the packets of each rule of iptables' that queues. */
static void add_iptables(uint64_t *packets, const char *listing)
{
	uint64_t n, bytes;

	for (const char *line = listing; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *queue = strstr(line, " -j NFQUEUE ");

		if (queue && queue < line + strcspn(line, "\n") && strstr(line, " -A ICMPNATD ") &&
			sscanf(line, "[%" SCNu64 ":%" SCNu64 "]", &n, &bytes) == 2)
			*packets += n;
	}
}

/* How many packets the capture rules have queued since they were loaded; false if
 * the rules cannot be read. */
bool ruleset_queued(const struct ruleset *ruleset, uint64_t *packets)
{
	char *listing;

	*packets = 0;
	if (run_program((const char *const[]){"nft", "list", "counters", NULL}, NULL, &listing, NULL) != 0)
		return false;
	add_nft(packets, listing);
	free(listing);
	for (size_t i = 0; i < COUNT(savers); i++) {
		if (!has_rules(ruleset, i))
			continue;
		run_program((const char *const[]){savers[i].save, "-c", NULL}, NULL, &listing, NULL);
		add_iptables(packets, listing);
		free(listing);
	}
	return true;
}
