/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Cuts a line into fields, reads a number, and prints what a terminal must not be made to interpret.
 */
#include "client/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

/* Cuts a line at its TABs. Returns how many fields it has, max at most: what a newer
 * daemon appends is left out. Fields that the line does not have are set to "". */
size_t text_split(char *line, char *fields[], size_t max)
{
	size_t n = 0;

	for (char *rest = line; n < max && rest; n++)
		fields[n] = strsep(&rest, "\t");
	for (size_t i = n; i < max; i++)
		fields[i] = fields[n - 1] + strlen(fields[n - 1]);
	return n;
}

/* Reads a decimal number written the one way there is: digits, no leading zero. */
bool text_number(uint64_t *number, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return false;
	errno = 0;
	*number = strtoull(text, NULL, 10);
	return errno == 0;
}

/* Prints text, padded to width columns. What a terminal would act on becomes a question mark. */
void text_put(FILE *out, const char *text, int width)
{
	int columns = 0;

	for (size_t length; *text; columns++) {
		const char *shown = utf8_visible(&text, &length);

		fwrite(shown, 1, length, out);
	}
	if (columns < width)
		fprintf(out, "%*s", width - columns, "");
}

/* Prints text as text_put() does, behind what pads it to width columns. */
void text_put_right(FILE *out, const char *text, int width)
{
	const char *at = text;
	int columns = 0;

	for (size_t length; *at; columns++)
		utf8_visible(&at, &length);
	if (columns < width)
		fprintf(out, "%*s", width - columns, "");
	text_put(out, text, 0);
}
