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

/* Frees what ruleset_read() has filled in. */
void ruleset_free(struct ruleset *ruleset)
{
	free(ruleset->nft);
	free(ruleset->warnings);
	for (size_t i = 0; i < COUNT(savers); i++)
		free(ruleset->iptables[i]);
}

/* Returns the line after a line; "" at the end. */
static const char *line_after(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
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

/* Tells whether the line that begins a table begins one of ours. */
static bool begins_own(const char *line)
{
	return strncmp(line, "table ip icmpnatd ", 18) == 0 || strncmp(line, "table ip6 icmpnatd ", 19) == 0;
}

/* Tells whether a line is one that the twin cannot have, and that changes nothing there: of an owner, with
 * whom the table would vanish, and of offloading, which its interfaces cannot. */
static bool is_left_out(const char *line)
{
	line += strspn(line, "\t");
	return strncmp(line, "flags owner", 11) == 0 || strncmp(line, "flags offload", 13) == 0;
}

/* Returns the text of the table that begins at *line, on the heap, or NULL; *line moves behind it. */
static char *cut_table(const char **line)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool ends = false;

	for (; out && !ends && **line; *line = line_after(*line)) {
		ends = **line == '}';
		if (!is_left_out(*line))
			fprintf(out, "%.*s\n", (int)strcspn(*line, "\n"), *line);
	}
	if (out)
		fclose(out);
	return text;
}

/* A chain of one of our tables, as nft lists it. */
struct chain {
	const char *table, *begin; /* lines */
	size_t length;		   /* in bytes, up to its closing brace */
};

static int compare_chains(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;
	const size_t shorter = x->length < y->length ? x->length : y->length;
	int order = strncmp(x->table, y->table, strlen("table ip6"));

	if (order == 0)
		order = strncmp(x->begin, y->begin, shorter);
	return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* Finds the next chain with rules in one of our tables, from *line on, which moves behind it. False at the
 * end. */
static bool find_chain(const char **line, struct chain *chain)
{
	for (; **line; *line = line_after(*line)) {
		if (strncmp(*line, "table ", 6) == 0)
			chain->table = begins_own(*line) ? *line : NULL;
		if (!chain->table || strncmp(*line, "\tchain ", 7) != 0)
			continue;
		chain->begin = *line;
		*line = line_after(*line);
		if (strncmp(*line, "\t}", 2) == 0)
			continue; /* of an interface that was outside once */
		while (**line && strncmp(*line, "\t}", 2) != 0)
			*line = line_after(*line);
		chain->length = (size_t)(*line - chain->begin);
		return true;
	}
	return false;
}

/* Prints the chains of our tables, to be compared: sorted, for nft lists them in the order in which they were
 * made. */
static void print_own(FILE *out, const char *listing)
{
	struct chain chain = {NULL, NULL, 0}, *chains = NULL, *more;
	size_t n = 0;

	for (const char *line = listing; find_chain(&line, &chain);) {
		more = reallocarray(chains, n + 1, sizeof(*chains));
		if (!more)
			break;
		chains = more;
		chains[n++] = chain;
	}
	if (n > 0)
		qsort(chains, n, sizeof(*chains), compare_chains);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%.*s %.*s\t}\n", (int)strlen("table ip6"), chains[i].table,
			(int)chains[i].length, chains[i].begin);
	free(chains);
}

/* Runs a program with input. Returns false if it refuses, with what it says in *complaint, on the heap. */
static bool feed(const char *const arguments[], const char *input, char **complaint)
{
	int status;

	free(*complaint);
	status = run_program(arguments, input, NULL, complaint);
	if (status == RUN_MISSING && !*complaint && asprintf(complaint, "%s is missing", arguments[0]) < 0)
		*complaint = NULL;
	return status == 0;
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

/* Prints our chain of iptables, and what leads there. */
static void print_own_chain(FILE *out, const char *listing)
{
	for (const char *line = listing; *line; line = line_after(line)) {
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
	print_own(out, ruleset->nft);
	for (size_t i = 0; i < COUNT(savers); i++)
		if (ruleset->iptables[i])
			print_own_chain(out, ruleset->iptables[i]);
	fclose(out);
	return text;
}

/* Runs a program that loads a part of the rules. Returns false if it refuses, after handing on what it said.
 */
static bool load_part(const char *program, const char *const arguments[], const char *script,
	ruleset_refused *refused, void *context)
{
	char *complaint = NULL;
	const bool good = script && feed(arguments, script, &complaint);

	if (!good)
		refused(context, program, complaint);
	free(complaint);
	return good;
}

/* Loads the table that begins at *line, unless it is ours or iptables'; *line moves behind it. */
static bool copy_table(
	const struct ruleset *ruleset, const char **line, ruleset_refused *refused, void *context)
{
	static const char *const load[] = {"nft", "-f", "-", NULL};
	const bool wanted = !begins_own(*line) && !begins_foreign(ruleset, *line);
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
	bool good = true;

	for (const char *line = ruleset->nft; *line;)
		if (strncmp(line, "table ", 6) == 0)
			good = copy_table(ruleset, &line, refused, context) && good;
		else
			line = line_after(line);
	for (size_t i = 0; i < COUNT(savers); i++) {
		const char *const load[] = {savers[i].restore, NULL};

		if (ruleset->iptables[i])
			good = load_part(savers[i].save, load, ruleset->iptables[i], refused, context) &&
			       good;
	}
	return good;
}

/* Adds the packets of each rule of iptables' that copies, or queues. */
static void add_iptables(struct ruleset_counts *counts, const char *listing)
{
	uint64_t n, bytes;

	for (const char *line = listing; line && *line; line = line_after(line)) {
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
