/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The characters of a configuration file. What libconfig would silently read as something else (or some
 * releases of it would, and others not) is refused here; comments go, and the lines stay where they are.
 */
#include "config/text.h"

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

static void put(struct config_text *text, char character)
{
	text->text[text->length++] = character;
}

/* Appends a newline, and notes where the next line of the text comes from. There is room: what an included
 * file has more than its characters, a newline at each end, is less than the @include that it replaces. */
void config_scan_end_line(struct config_text *text, struct config_place next)
{
	put(text, '\n');
	text->places[++text->n_newlines] = next;
}

/* Appends the next n characters, which are a token. */
static void keep_token(struct config_text *text, struct config_source *source, size_t n)
{
	text->last = *source->next;
	while (n-- > 0)
		put(text, *source->next++);
}

static void keep_newline(struct config_text *text, struct config_source *source)
{
	source->next++;
	source->place.line++;
	config_scan_end_line(text, source->place);
}

/* Skips a comment between slashes, and puts a space in its place, because it ends what stands
 * before it. False after a complaint, if it has no end. */
static bool skip_comment(struct config_text *text, struct config_source *source)
{
	const char *end = strstr(source->next + 2, "*/");

	if (!end) {
		config_complain(
			text->errors, source->place, "a comment begins here and has no end: */ is missing");
		return false;
	}
	put(text, ' ');
	while (source->next < end)
		if (*source->next == '\n')
			keep_newline(text, source);
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
static bool value_is_expected(const struct config_text *text)
{
	return is_in_set(text->last, "=:([") || (text->last == ',' && text->lists & 1);
}

/* Keeps a string, and complains if it may not stand here. False if it has no end. */
static bool keep_string(struct config_text *text, struct config_source *source)
{
	const size_t length = string_length(source);

	if (length == 0) {
		config_complain(text->errors, source->place, "a string has no closing quote on its line");
		return false;
	}
	if (!value_is_expected(text))
		config_complain(text->errors, source->place,
			"%.*s stands where no text is expected: a comma or = is missing before it",
			(int)(length < 100 ? length : 100), source->next);
	keep_token(text, source, length);
	return true;
}

static bool is_boolean(const char *token, size_t length)
{
	return (length == 4 && strncasecmp(token, "true", length) == 0) ||
	       (length == 5 && strncasecmp(token, "false", length) == 0);
}

/* Keeps a name, or true or false, and complains about what else stands where a value should. */
static void keep_word(struct config_text *text, struct config_source *source)
{
	size_t length = strspn(source->next, WORD);

	if (value_is_expected(text) && !is_boolean(source->next, length)) {
		length = strspn(source->next, WORD ".:/");
		config_complain(text->errors, source->place,
			"%.*s is neither true, false nor a number; text stands between quotes: \"%.*s\"",
			(int)(length < 100 ? length : 100), source->next, (int)(length < 100 ? length : 100),
			source->next);
	}
	keep_token(text, source, length);
}

/* Tells whether every libconfig reads a number as the same one. */
static bool number_is_plain(const char *token)
{
	size_t digits;

	if (strncasecmp(token, "0x", 2) == 0) {
		digits = strspn(token + 2, DIGITS "abcdefABCDEF");
		return digits > 0 && digits <= HEX_DIGITS_MAX && !token[2 + digits] &&
		       strtoul(token, NULL, 16) <= INT_MAX;
	}
	token += strspn(token, DIGITS) == 0; /* its sign, or its point */
	digits = strspn(token, DIGITS);
	if (digits > DECIMAL_DIGITS_MAX || (digits > 1 && token[0] == '0'))
		return false;
	if (token[digits] == '.') {
		token += digits + 1;
		digits = strspn(token, DIGITS);
	}
	return digits > 0 && !token[digits];
}

/* Keeps a number, or complains about what begins like one: 10.0.0.1, 4294967296, 010. */
static void keep_number(struct config_text *text, struct config_source *source)
{
	const size_t sign = !is_in_set(*source->next, DIGITS);
	const size_t length = sign + strspn(source->next + sign, WORD ".");
	char token[32] = "";

	memcpy(token, source->next, length < sizeof(token) ? length : sizeof(token) - 1);
	if (length >= sizeof(token) || !number_is_plain(token))
		config_complain(text->errors, source->place,
			"%s%s: expected a number of at most %d digits without leading zeros; "
			"text and addresses stand between quotes",
			token, length < sizeof(token) ? "" : "...", DECIMAL_DIGITS_MAX);
	keep_token(text, source, length);
}

/* Reads @include "name", and leaves the name in *source. */
static bool read_include(struct config_text *text, struct config_source *source)
{
	static const char directive[] = "@include";
	size_t length = 0;

	if (strncmp(source->next, directive, strlen(directive)) == 0) {
		source->next += strlen(directive);
		source->next += strspn(source->next, " \t");
		length = *source->next == '"' ? string_length(source) : 0;
	}
	if (length <= 2 || memchr(source->next, '\\', length)) {
		config_complain(text->errors, source->place, "expected @include \"FILE\"");
		return false;
	}
	source->include = source->next + 1;
	source->next += length;
	source->next[-1] = '\0';
	return true;
}

/* Keeps a character that is a token. Complains about a comma before the end of a list, which
 * libconfig takes from 1.7 on only. */
static void keep_sign(struct config_text *text, struct config_source *source)
{
	const char c = *source->next;

	if (text->last == ',' && is_in_set(c, ")]"))
		config_complain(text->errors, source->place, "\"%c\" follows a comma: remove the comma", c);
	if (is_in_set(c, "([{"))
		text->lists = text->lists << 1 | (c != '{');
	else if (is_in_set(c, ")]}"))
		text->lists >>= 1;
	keep_token(text, source, 1);
}

static bool refuse_character(struct config_text *text, struct config_source *source)
{
	const unsigned char c = (unsigned char)*source->next;

	if (c > ' ' && c < 0x7f)
		config_complain(text->errors, source->place,
			"unexpected \"%c\": text stands between quotes, and a comment behind #", c);
	else
		config_complain(text->errors, source->place,
			"unexpected byte 0x%02x: only comments and strings are free text", c);
	return false;
}

/* Reads the next token, or what stands between two of them. False after a complaint if
 * what follows would not make sense. */
static bool read_token(struct config_text *text, struct config_source *source)
{
	const char c = *source->next, after = source->next[1];

	if (c == '/' && after == '*')
		return skip_comment(text, source);
	if (c == '"')
		return keep_string(text, source);
	if (c == '@')
		return read_include(text, source);
	if (c == '\n') {
		keep_newline(text, source);
	} else if (is_in_set(c, " \t\r\f")) {
		put(text, ' ');
		source->next++;
	} else if (c == '#' || (c == '/' && after == '/')) {
		source->next += strcspn(source->next, "\n");
	} else if (is_in_set(c, ",=:;()[]{}")) {
		keep_sign(text, source);
	} else if (is_in_set(c, LETTERS)) {
		keep_word(text, source);
	} else if (is_in_set(c, DIGITS) || (is_in_set(c, "-+.") && is_in_set(after, DIGITS))) {
		keep_number(text, source);
	} else {
		return refuse_character(text, source);
	}
	return true;
}

/* Appends the text of a file, up to its next @include, whose name is source->include then, or to its
 * end. False after a complaint. */
bool config_scan(struct config_text *text, struct config_source *source)
{
	source->include = NULL;
	while (*source->next && !source->include)
		if (!read_token(text, source))
			return false;
	return true;
}
