/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
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

#include "doctor/own_chains.h"
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

/* Tells whether a table is one of iptables', which nft lists but had better not touch: it would be one that
 * iptables cannot read any more. nft warns of those tables only that have a rule that it cannot read. */
bool ruleset_is_foreign(const struct ruleset *ruleset, const char *family, const char *table)
{
	const char *saved = ruleset->iptables[strcmp(family, "ip6") == 0];
	char line[320], start[160];

	snprintf(line, sizeof(line), "# Warning: table %s %s is managed by iptables-nft", family, table);
	snprintf(start, sizeof(start), "\n*%s\n", table);
	return strstr(ruleset->warnings, line) || strstr(ruleset->nft, line) ||
	       (strncmp(family, "ip", 2) == 0 && saved && strstr(saved, start));
}

/* Tells whether a table of a family has the name and a chain of one of iptables'. */
static bool looks_like_iptables(const char *listing, const char *family)
{
	static const char *const tables[] = {"filter", "nat", "mangle", "raw", "security"};
	static const char *const chains[] = {"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"};
	char text[64];
	bool table = false, chain = false;

	for (size_t i = 0; i < COUNT(tables); i++) {
		snprintf(text, sizeof(text), "table %s %s {", family, tables[i]);
		table = table || strstr(listing, text);
		snprintf(text, sizeof(text), "\tchain %s {", chains[i]);
		chain = chain || strstr(listing, text);
	}
	return table && chain;
}

/* Returns what iptables lists of its rules for a family, of its newer or its older kind; NULL if it has none.
 */
const char *ruleset_iptables(const struct ruleset *ruleset, const struct rules_family *family, bool legacy)
{
	return ruleset->iptables[(legacy ? 2 : 0) + (family->version == 6)];
}

/* Returns what stands behind the first place of some words in a text; NULL if that is behind its end. */
static const char *text_after(const char *text, const char *words, const char *end)
{
	const char *found = strstr(text, words);

	return found && (!end || found < end) ? found + strlen(words) : NULL;
}

/* Finds the hook of a chain, and fills in its name; leaves it as it is if the chain has none. */
void ruleset_find_hook(const struct ruleset *ruleset, const char *family, const char *table,
	const char *chain, char hook[RULESET_HOOK_MAX])
{
	char begin[320], name[160];
	const char *at;

	snprintf(begin, sizeof(begin), "table %s %s {", family, table);
	snprintf(name, sizeof(name), "\n\tchain %s {", chain);
	at = text_after(ruleset->nft, begin, NULL);
	at = at ? text_after(at, name, strstr(at, "\n}")) : NULL;
	at = at ? text_after(at, "\n\t\ttype ", strstr(at, "\n\t}")) : NULL;
	if (at)
		sscanf(at, "%*s hook %15s", hook);
}

/* Tells whether rules of one kind of iptables exist: its program would make tables if it was asked. */
static bool has_rules(const struct ruleset *ruleset, size_t i)
{
	FILE *file;
	bool has;

	if (!savers[i].tables)
		return strstr(ruleset->warnings, "iptables-nft") || strstr(ruleset->nft, "iptables-nft") ||
		       looks_like_iptables(ruleset->nft, i == 0 ? "ip" : "ip6");
	file = fopen(savers[i].tables, "re");
	has = file && getc(file) != EOF;
	if (file)
		fclose(file);
	return has;
}

/* Runs a program with input. Returns false if it refuses, with what it says in *complaint, on the heap; *out
 * (or NULL) gets what it wrote, as run_program() has it. */
static bool feed(const char *const arguments[], const char *input, char **out, char **complaint)
{
	int status;

	free(*complaint);
	status = run_program(arguments, input, out, complaint);
	if (status && !*complaint &&
		asprintf(complaint, "%s %s", arguments[0],
			status == RUN_MISSING ? "is missing" : "cannot be run") < 0)
		*complaint = NULL;
	return status == 0;
}

/* Reads the rules of one kind of iptables, if there are any. Where that fails, notes why, if nft cannot read
 * them either: it warns of such tables. */
static void read_iptables(struct ruleset *ruleset, size_t i)
{
	const char *const save[] = {savers[i].save, NULL};
	const char *warning = i == 0 ? "# Warning: table ip " : "# Warning: table ip6 ";
	char *complaint = NULL;

	if (has_rules(ruleset, i) && !feed(save, NULL, &ruleset->iptables[i], &complaint)) {
		free(ruleset->iptables[i]);
		ruleset->iptables[i] = NULL;
		if (savers[i].tables || strstr(ruleset->warnings, warning) || strstr(ruleset->nft, warning)) {
			ruleset->unread[i] = complaint;
			return;
		}
	}
	free(complaint);
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
		read_iptables(ruleset, i);
	return status;
}

/* Frees what ruleset_read() has filled in. */
void ruleset_free(struct ruleset *ruleset)
{
	free(ruleset->nft);
	free(ruleset->warnings);
	for (size_t i = 0; i < COUNT(savers); i++) {
		free(ruleset->iptables[i]);
		free(ruleset->unread[i]);
	}
}

/* Tells whether a line has a text in it. */
static bool line_has(const char *line, const char *text)
{
	return memmem(line, strcspn(line, "\n"), text, strlen(text));
}

/* Tells whether the line that begins a table begins one of iptables'. */
static bool begins_foreign(const struct ruleset *ruleset, const char *line)
{
	char family[16], table[256];

	return sscanf(line, "table %15s %255s", family, table) == 2 &&
	       ruleset_is_foreign(ruleset, family, table);
}

/* Tells whether a line is one that the twin cannot have, and that changes nothing there: of an owner, with
 * whom the table would vanish, or who is gone, and of offloading, which its interfaces cannot. */
static bool is_left_out(const char *line)
{
	line += strspn(line, "\t");
	return strncmp(line, "flags owner", 11) == 0 || strncmp(line, "flags persist", 13) == 0 ||
	       strncmp(line, "flags offload", 13) == 0;
}

/* Returns the text of the table that begins at *line, on the heap, or NULL; *line moves behind it. */
static char *cut_table(const char **line)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool ends = false;

	for (; out && !ends && **line; *line = own_chains_line_after(*line)) {
		ends = **line == '}';
		if (!is_left_out(*line))
			fprintf(out, "%.*s\n", (int)strcspn(*line, "\n"), *line);
	}
	if (out)
		fclose(out);
	return text;
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
		good = feed(load, script, NULL, complaint);
		free(script);
	}
	return good;
}

/* Prints our chain of iptables, and what leads there. */
static void print_own_chain(FILE *out, const char *listing)
{
	for (const char *line = listing; *line; line = own_chains_line_after(line)) {
		if (strncmp(line, "-A ", 3) == 0 && line_has(line, "ICMPNATD"))
			fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
}

/* Returns the capture rules among them, of nft and iptables, as text to be compared, which the caller frees
 * ("": none); or NULL. */
char *ruleset_own(const struct ruleset *ruleset)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	own_chains_print(out, ruleset->nft);
	for (size_t i = 0; i < COUNT(savers); i++)
		if (ruleset->iptables[i])
			print_own_chain(out, ruleset->iptables[i]);
	fclose(out);
	return text;
}

/* Calls unread for each kind of iptables whose rules could not be read. Returns true if there is none. */
bool ruleset_is_whole(const struct ruleset *ruleset, ruleset_refused *unread, void *context)
{
	bool whole = true;

	for (size_t i = 0; i < COUNT(savers); i++)
		if (ruleset->unread[i]) {
			unread(context, savers[i].save, ruleset->unread[i]);
			whole = false;
		}
	return whole;
}

/* Runs a program that loads a part of the rules. Returns false if it refuses, after handing on what it said.
 */
static bool load_part(const char *name, const char *const arguments[], const char *script,
	ruleset_refused *refused, void *context)
{
	char *complaint = NULL;
	const bool good = script && feed(arguments, script, NULL, &complaint);

	if (!good)
		refused(context, name, complaint);
	free(complaint);
	return good;
}

/* Loads the table that begins at *line, unless it is ours or iptables'; *line moves behind it. */
static bool copy_table(
	const struct ruleset *ruleset, const char **line, ruleset_refused *refused, void *context)
{
	static const char *const load[] = {"nft", "-f", "-", NULL};
	const bool wanted = !own_chains_begin(*line) && !begins_foreign(ruleset, *line);
	char name[RULESET_NAME_MAX], *table;
	bool good;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(*line, "{\n") - 1, *line);
	table = cut_table(line);
	good = !wanted || load_part(name, load, table, refused, context);
	free(table);
	return good;
}

/* Loads the rules of others, that were read in another namespace: a table after the other, for one that is
 * refused must not keep the others out. Returns false if any was; refused was called for each. */
bool ruleset_copy(const struct ruleset *ruleset, ruleset_refused *refused, void *context)
{
	char name[RULESET_NAME_MAX];
	bool good = true;

	for (const char *line = ruleset->nft; *line;)
		if (strncmp(line, "table ", 6) == 0)
			good = copy_table(ruleset, &line, refused, context) && good;
		else
			line = own_chains_line_after(line);
	for (size_t i = 0; i < COUNT(savers); i++) {
		const char *const load[] = {savers[i].restore, NULL};

		snprintf(name, sizeof(name), "the rules of %.*s",
			(int)(strlen(savers[i].save) - strlen("-save")), savers[i].save);
		if (ruleset->iptables[i])
			good = load_part(name, load, ruleset->iptables[i], refused, context) && good;
	}
	return good;
}

/* Adds the packets of each rule of iptables' that copies, or queues. */
static void add_iptables(struct ruleset_counts *counts, const char *listing)
{
	uint64_t n, bytes;

	for (const char *line = listing; line && *line; line = own_chains_line_after(line)) {
		if (!line_has(line, " -A ICMPNATD ") ||
			sscanf(line, "[%" SCNu64 ":%" SCNu64 "]", &n, &bytes) != 2)
			continue;
		counts->copied += line_has(line, " -j TEE ") ? n : 0;
		counts->queued += line_has(line, " -j NFQUEUE ") ? n : 0;
		counts->queued_copies +=
			line_has(line, " -j NFQUEUE ") && line_has(line, " ! --socket-exists ") ? n : 0;
	}
}

/* Counts what iptables' capture rules have copied and queued since they were loaded. Returns false if the
 * rules cannot be read. */
bool ruleset_count_iptables(struct ruleset_counts *counts)
{
	struct ruleset ruleset;
	const bool read = ruleset_read(&ruleset) == 0;
	char *listing;

	*counts = (struct ruleset_counts){.copied = 0};
	for (size_t i = 0; read && i < COUNT(savers); i++) {
		if (!has_rules(&ruleset, i))
			continue;
		run_program((const char *const[]){savers[i].save, "-c", NULL}, NULL, &listing, NULL);
		add_iptables(counts, listing);
		free(listing);
	}
	ruleset_free(&ruleset);
	return read;
}
