/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a line into fields, reads a number, and prints what a terminal must not
 * be made to interpret.
 */
#include "client/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cuts a line at its TABs. Returns how many fields it has, max at most: what
 * a newer daemon appends is left out. The others are set to "". */
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

/* How many bytes the character at text has in UTF-8 (RFC 3629, 4); 0: it is not
 * UTF-8. Never looks beyond a NUL. */
size_t text_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t length = s[0] < 0x80   ? 1
			: s[0] < 0xc2 ? 0
			: s[0] < 0xe0 ? 2
			: s[0] < 0xf0 ? 3
			: s[0] < 0xf5 ? 4
				      : 0;

	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90)) /* longer than need be */
		return 0;
	if ((s[0] == 0xed && s[1] >= 0xa0) ||
		(s[0] == 0xf4 && s[1] >= 0x90)) /* a surrogate; beyond Unicode */
		return 0;
	return length;
}

/* Whether a character would act on a terminal: C0, DEL, or C1. */
static bool is_control(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

/* Prints text for human eyes, padded on the right to width columns. What a
 * terminal would act on becomes a question mark. */
void text_put(FILE *out, const char *text, int width)
{
	int columns = 0;

	for (size_t length; *text; text += length ? length : 1, columns++) {
		length = text_utf8(text);
		if (length == 0 || is_control(text))
			fputc('?', out);
		else
			fwrite(text, 1, length, out);
	}
	if (columns < width)
		fprintf(out, "%*s", width - columns, "");
}
