/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * nft lists a table from a line "table FAMILY NAME {" to a line "}", with its chains indented by a tab.
 */
#include "doctor/own_chains.h"

#include <stdlib.h>
#include <string.h>

#include "io/nft_batch.h"

/* Returns the line after a line; "" at the end. */
const char *own_chains_line_after(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* Tells whether the line that begins a table begins one of ours. */
bool own_chains_begin(const char *line)
{
	return strncmp(line, "table ip icmpnatd ", 18) == 0 || strncmp(line, "table ip6 icmpnatd ", 19) == 0;
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
	for (; **line; *line = own_chains_line_after(*line)) {
		if (strncmp(*line, "table ", 6) == 0)
			chain->table = own_chains_begin(*line) ? *line : NULL;
		if (!chain->table || strncmp(*line, "\tchain ", 7) != 0)
			continue;
		chain->begin = *line;
		*line = own_chains_line_after(*line);
		if (strncmp(*line, "\t}", 2) == 0)
			continue; /* of an interface that was outside once */
		while (**line && strncmp(*line, "\t}", 2) != 0)
			*line = own_chains_line_after(*line);
		chain->length = (size_t)(*line - chain->begin);
		return true;
	}
	return false;
}

/* Tells whether a line is a rule that the daemon loads beside the text: see rules/inner.c. */
static bool has_no_text(const char *line)
{
	static const char unlisted[] = "\t\t" NFT_BATCH_UNLISTED " ";

	return strncmp(line, unlisted, strlen(unlisted)) == 0;
}

/* Prints a chain, but for the rules that have no text. */
static void print_text(FILE *out, const struct chain *chain)
{
	fprintf(out, "%.*s ", (int)strlen("table ip6"), chain->table);
	for (const char *line = chain->begin; line < chain->begin + chain->length;
		line = own_chains_line_after(line))
		if (!has_no_text(line))
			fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
	fputs("\t}\n", out);
}

/* Prints the chains of our tables, to be compared: sorted, for nft lists them in the order in which they were
 * made. */
void own_chains_print(FILE *out, const char *listing)
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
		print_text(out, &chains[i]);
	free(chains);
}
