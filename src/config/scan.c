/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The characters of a configuration file. What libconfig would silently read as something else (or some
 * releases of it would, and others not) is refused here; comments go, and the lines stay where they are.
 */
#include "config/scan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DECIMAL_DIGITS_MAX 9 /* more may not fit the 32 bits that libconfig 1.5 cuts a number to */
#define HEX_DIGITS_MAX	   8

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD	LETTERS DIGITS "_-"

/* Tells whether a character, which may be the NUL at the end, is one of a set. */
static bool is_in_set(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Appends a character. text.c has made room for as many as the files have. */
static void put(struct config_scan *scan, char character)
{
	scan->text->text[scan->text->length++] = character;
}

/* Appends a newline, and notes where the next line of the text comes from. */
void config_scan_end_line(struct config_scan *scan, struct config_place next)
{
	put(scan, '\n');
	scan->text->places[scan->text->n_lines++] = next;
}

/* Appends the next n characters, which are a token. */
static void keep_token(struct config_scan *scan, struct config_source *source, size_t n)
{
	scan->last = *source->next;
	while (n-- > 0)
		put(scan, *source->next++);
}

static void keep_newline(struct config_scan *scan, struct config_source *source)
{
	source->next++;
	source->place.line++;
	config_scan_end_line(scan, source->place);
}

/* Skips a comment between slashes, and puts a space in its place, because it ends what stands
 * before it. False after a complaint, if it has no end. */
static bool skip_comment(struct config_scan *scan, struct config_source *source)
{
	const char *end = strstr(source->next + 2, "*/");

	if (!end) {
		config_complain(
			scan->errors, source->place, "a comment begins here and has no end: */ is missing");
		return false;
	}
	put(scan, ' ');
	while (source->next < end)
		if (*source->next == '\n')
			keep_newline(scan, source);
		else
			source->next++;
	source->next += 2;
	return true;
}

/* Returns the length of the string that begins at the next character, with its quotes;
 * 0 if its line ends before it does. */
static size_t string_length(const struct config_source *source)
{
	const char *p = source->next + 1;

	while (*(p += strcspn(p, "\"\\\n")) == '\\' && p[1] && p[1] != '\n')
		p += 2;
	return *p == '"' ? (size_t)(p + 1 - source->next) : 0;
}

/* Tells whether a value may stand behind the last token. It may not behind another string, because
 * libconfig would make one of two, and of [ "eth0" "eth1" ] one interface; and wherever libconfig
 * does not expect a string, it loses the memory of it. */
static bool value_is_expected(const struct config_scan *scan)
{
	return is_in_set(scan->last, "=:([") || (scan->last == ',' && scan->lists & 1);
}

/* Keeps a string, and complains if it may not stand here. False if it has no end. */
static bool keep_string(struct config_scan *scan, struct config_source *source)
{
	const size_t length = string_length(source);

	if (length == 0) {
		config_complain(scan->errors, source->place, "a string has no closing quote on its line");
		return false;
	}
	if (!value_is_expected(scan))
		config_complain(scan->errors, source->place,
			"%.*s stands where no text is expected: a comma or = is missing before it",
			(int)(length < 100 ? length : 100), source->next);
	keep_token(scan, source, length);
	return true;
}

/* Tells whether every libconfig reads a decimal token of this length as the same number. */
static bool decimal_is_plain(const char *token, size_t length)
{
	const size_t digits = strspn(token, DIGITS);
	size_t fraction;

	if (digits == 0 || digits > DECIMAL_DIGITS_MAX || (digits > 1 && token[0] == '0'))
		return false;
	if (digits == length)
		return true;
	fraction = strspn(token + digits + 1, DIGITS);
	return token[digits] == '.' && fraction > 0 && digits + 1 + fraction == length;
}

static bool hex_is_plain(const char *token, size_t length)
{
	const size_t digits = strspn(token + 2, DIGITS "abcdefABCDEF");

	return digits > 0 && digits <= HEX_DIGITS_MAX && digits + 2 == length &&
	       strtoul(token + 2, NULL, 16) <= INT_MAX;
}

/* Keeps a number, or complains about what begins like one: 10.0.0.1, 4294967296, 010. */
static void keep_number(struct config_scan *scan, struct config_source *source)
{
	const size_t sign = !is_in_set(*source->next, DIGITS);
	const size_t length = sign + strspn(source->next + sign, WORD ".");
	char token[32] = "";
	bool plain;

	memcpy(token, source->next, length < sizeof(token) ? length : sizeof(token) - 1);
	plain = length < sizeof(token) &&
		(decimal_is_plain(token + sign, length - sign) ||
			(strncasecmp(token, "0x", 2) == 0 && hex_is_plain(token, length)));
	if (!plain)
		config_complain(scan->errors, source->place,
			"%s%s: expected a number of at most %d digits without leading zeros; "
			"text and addresses stand between quotes",
			token, length < sizeof(token) ? "" : "...", DECIMAL_DIGITS_MAX);
	keep_token(scan, source, length);
}

/* Reads @include "name", and leaves the name in *source. */
static bool read_include(struct config_scan *scan, struct config_source *source)
{
	static const char directive[] = "@include";
	size_t length = 0;

	if (strncmp(source->next, directive, strlen(directive)) == 0) {
		source->next += strlen(directive);
		source->next += strspn(source->next, " \t");
		length = *source->next == '"' ? string_length(source) : 0;
	}
	if (length <= 2 || memchr(source->next, '\\', length)) {
		config_complain(scan->errors, source->place, "expected @include \"FILE\"");
		return false;
	}
	source->include = source->next + 1;
	source->include_length = length - 2;
	source->next += length;
	return true;
}

/* Keeps a character that is a token. Complains about a comma before the end of a list, which
 * libconfig takes from 1.7 on only. */
static bool keep_sign(struct config_scan *scan, struct config_source *source)
{
	const char c = *source->next;

	if (scan->last == ',' && is_in_set(c, ")]"))
		config_complain(scan->errors, source->place, "\"%c\" follows a comma: remove the comma", c);
	if (is_in_set(c, "([{"))
		scan->lists = scan->lists << 1 | (c != '{');
	else if (is_in_set(c, ")]}"))
		scan->lists >>= 1;
	keep_token(scan, source, 1);
	return true;
}

static bool refuse_character(struct config_scan *scan, struct config_source *source)
{
	const unsigned char c = (unsigned char)*source->next;

	if (c > ' ' && c < 0x7f)
		config_complain(scan->errors, source->place, "unexpected \"%c\"", c);
	else
		config_complain(scan->errors, source->place,
			"unexpected byte 0x%02x: only comments and strings are free text", c);
	return false;
}

/* Reads the next token, or what stands between two of them. False after a complaint if
 * what follows would not make sense. */
static bool read_token(struct config_scan *scan, struct config_source *source)
{
	const char c = *source->next, after = source->next[1];

	if (c == '/' && after == '*')
		return skip_comment(scan, source);
	if (c == '"')
		return keep_string(scan, source);
	if (c == '@')
		return read_include(scan, source);
	if (is_in_set(c, ",=:;()[]{}"))
		return keep_sign(scan, source);
	if (c == '\n') {
		keep_newline(scan, source);
	} else if (is_in_set(c, " \t\r\f")) {
		put(scan, ' ');
		source->next++;
	} else if (c == '#' || (c == '/' && after == '/')) {
		source->next += strcspn(source->next, "\n");
	} else if (is_in_set(c, LETTERS)) {
		keep_token(scan, source, strspn(source->next, WORD));
	} else if (is_in_set(c, DIGITS) || (is_in_set(c, "-+.") && is_in_set(after, DIGITS))) {
		keep_number(scan, source);
	} else {
		return refuse_character(scan, source);
	}
	return true;
}

/* Appends the text of a file to scan->text, up to the next @include or to its end. */
enum config_scanned config_scan(struct config_scan *scan, struct config_source *source)
{
	source->include = NULL;
	while (*source->next && !source->include)
		if (!read_token(scan, source))
			return CONFIG_SCANNED_MISTAKE;
	return source->include ? CONFIG_SCANNED_INCLUDE : CONFIG_SCANNED_ALL;
}
