/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The characters of a configuration file. What libconfig would silently read as
 * something else (or some releases of it would, and others not) is refused
 * here; comments go, and the lines stay where they are.
 */
#include "config/scan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DECIMAL_DIGITS_MAX 9 /* more may not fit the 32 bits that libconfig 1.5 cuts a number to */
#define HEX_DIGITS_MAX	   8

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

/* Returns the next character but ahead others; 0 at the end. */
static char peek(const struct config_source *source, size_t ahead)
{
	return (size_t)(source->end - source->next) > ahead ? source->next[ahead] : '\0';
}

/* Appends a character. text.c has made room for as many as the files have. */
static void put(struct config_scan *scan, char character)
{
	scan->text->text[scan->text->length++] = character;
}

/* Appends a newline. */
void config_scan_end_line(struct config_scan *scan)
{
	put(scan, '\n');
	scan->text->line++;
}

/* Appends the next n characters, a token, whose kind is remembered as its first one. */
static void keep_token(struct config_scan *scan, struct config_source *source, size_t n)
{
	scan->last = *source->next;
	memcpy(scan->text->text + scan->text->length, source->next, n);
	scan->text->length += n;
	source->next += n;
}

static void keep_newline(struct config_scan *scan, struct config_source *source)
{
	config_scan_end_line(scan);
	source->next++;
	source->place.line++;
}

static void skip_to_newline(struct config_source *source)
{
	const char *newline = memchr(source->next, '\n', (size_t)(source->end - source->next));

	source->next = newline ? newline : source->end;
}

/* Makes a space of a comment between slashes, because it ends what stands before it. */
static bool skip_comment(struct config_scan *scan, struct config_source *source)
{
	const struct config_place begin = source->place;

	put(scan, ' ');
	for (source->next += 2; source->next < source->end;) {
		if (peek(source, 0) == '*' && peek(source, 1) == '/') {
			source->next += 2;
			return true;
		}
		if (*source->next == '\n')
			keep_newline(scan, source);
		else
			source->next++;
	}
	config_complain(scan->errors, begin, "a comment begins here and has no end: */ is missing");
	return false;
}

/* Returns the length of the string that begins at the next character, with its quotes;
 * 0 if its line ends before it does. */
static size_t string_length(const struct config_source *source)
{
	for (const char *p = source->next + 1; p < source->end && *p != '\n'; p++) {
		if (*p == '"')
			return (size_t)(p + 1 - source->next);
		if (*p == '\\' && p + 1 < source->end && p[1] != '\n')
			p++;
	}
	return 0;
}

/* Whether a value may stand behind the last token. It may not behind another string:
 * libconfig would make one of two, and of [ "eth0" "eth1" ] one interface. */
static bool value_is_expected(const struct config_scan *scan)
{
	const char bracket = scan->depth ? scan->brackets[scan->depth - 1].open : '{';

	if (scan->last == '=' || scan->last == ':')
		return true;
	return bracket != '{' && (scan->last == ',' || scan->last == bracket);
}

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

/* Whether every libconfig reads a decimal token of this length as the same number. */
static bool decimal_is_plain(const char *token, size_t length)
{
	const size_t digits = strspn(token, "0123456789");
	size_t fraction;

	if (digits == 0 || digits > DECIMAL_DIGITS_MAX || (digits > 1 && token[0] == '0'))
		return false;
	if (digits == length)
		return true;
	fraction = strspn(token + digits + 1, "0123456789");
	return token[digits] == '.' && fraction > 0 && digits + 1 + fraction == length;
}

static bool hex_is_plain(const char *token, size_t length)
{
	const size_t digits = strspn(token + 2, "0123456789abcdefABCDEF");

	return digits > 0 && digits <= HEX_DIGITS_MAX && digits + 2 == length &&
	       strtoul(token + 2, NULL, 16) <= INT_MAX;
}

/* Keeps a number, or complains about what begins like one: 10.0.0.1, 4294967296, 010. */
static void keep_number(struct config_scan *scan, struct config_source *source)
{
	const bool sign = !is_digit(peek(source, 0));
	char token[32] = "";
	size_t length = sign;
	bool plain;

	while (is_word(peek(source, length)) || peek(source, length) == '.')
		length++;
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

static void keep_name(struct config_scan *scan, struct config_source *source)
{
	size_t length = 1;

	while (is_word(peek(source, length)))
		length++;
	keep_token(scan, source, length);
}

static bool open_bracket(struct config_scan *scan, struct config_source *source)
{
	const char bracket = *source->next;

	if (scan->depth == CONFIG_BRACKETS_MAX) {
		config_complain(scan->errors, source->place, "\"%c\" is nested too deeply", bracket);
		return false;
	}
	if (bracket == '{' && scan->last == '}')
		config_complain(
			scan->errors, source->place, "\"{\" follows \"}\": expected a comma between them");
	scan->brackets[scan->depth++] = (struct config_bracket){bracket, source->place};
	keep_token(scan, source, 1);
	return true;
}

/* Closes the last bracket, if it is of the same kind and of the same file. A comma before
 * the end of a list is refused because libconfig takes it from 1.7 on only. */
static bool close_bracket(struct config_scan *scan, struct config_source *source)
{
	const char bracket = *source->next, open = bracket == ')' ? '(' : bracket == ']' ? '[' : '{';
	const struct config_bracket *last =
		scan->depth > source->depth ? &scan->brackets[scan->depth - 1] : NULL;

	if (!last) {
		config_complain(scan->errors, source->place, "\"%c\" closes nothing", bracket);
		return false;
	}
	if (last->open != open) {
		config_complain(scan->errors, source->place,
			"\"%c\" stands where the \"%c\" of line %u is still open", bracket, last->open,
			last->place.line);
		return false;
	}
	if (scan->last == ',' && bracket != '}')
		config_complain(
			scan->errors, source->place, "\"%c\" follows a comma: remove the comma", bracket);
	scan->depth--;
	keep_token(scan, source, 1);
	return true;
}

/* Reads @include "name", and leaves the name in *source. */
static bool read_include(struct config_scan *scan, struct config_source *source)
{
	static const char directive[] = "@include";
	const size_t size = sizeof(directive) - 1;
	size_t length = 0;

	if ((size_t)(source->end - source->next) >= size && memcmp(source->next, directive, size) == 0) {
		for (source->next += size; peek(source, 0) == ' ' || peek(source, 0) == '\t';)
			source->next++;
		length = peek(source, 0) == '"' ? string_length(source) : 0;
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

/* Reads what has no end that could be missing: blanks, comments of one line, names,
 * numbers, signs. False if the next character begins nothing of that. */
static bool read_plain(struct config_scan *scan, struct config_source *source)
{
	const char c = *source->next, after = peek(source, 1);

	if (c == '\n') {
		keep_newline(scan, source);
	} else if (strchr(" \t\r\f", c)) {
		put(scan, ' ');
		source->next++;
	} else if (c == '#' || (c == '/' && after == '/')) {
		skip_to_newline(source);
	} else if (is_letter(c)) {
		keep_name(scan, source);
	} else if (is_digit(c) || (strchr("-+.", c) && is_digit(after))) {
		keep_number(scan, source);
	} else if (strchr(",=:;", c)) {
		keep_token(scan, source, 1);
	} else {
		return false;
	}
	return true;
}

/* Reads anything else. False after a complaint, if what follows would not make sense. */
static bool read_bounded(struct config_scan *scan, struct config_source *source)
{
	switch (*source->next) {
	case '"':
		return keep_string(scan, source);
	case '@':
		return read_include(scan, source);
	case '(':
	case '[':
	case '{':
		return open_bracket(scan, source);
	case ')':
	case ']':
	case '}':
		return close_bracket(scan, source);
	default:
		return peek(source, 0) == '/' && peek(source, 1) == '*' ? skip_comment(scan, source)
									: refuse_character(scan, source);
	}
}

/* Appends the text of a file, which has no NUL byte, to scan->text, up to the next @include
 * or to its end. The file must close the brackets that it opens, and only those. */
enum config_scanned config_scan(struct config_scan *scan, struct config_source *source)
{
	source->include = NULL;
	while (source->next < source->end && !source->include)
		if (!read_plain(scan, source) && !read_bounded(scan, source))
			return CONFIG_SCANNED_MISTAKE;
	if (source->include)
		return CONFIG_SCANNED_INCLUDE;
	if (scan->depth == source->depth)
		return CONFIG_SCANNED_ALL;
	config_complain(scan->errors, scan->brackets[scan->depth - 1].place, "\"%c\" is never closed",
		scan->brackets[scan->depth - 1].open);
	return CONFIG_SCANNED_MISTAKE;
}
