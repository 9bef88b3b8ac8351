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

/* The next character but ahead others; 0 at the end. */
static char peek(const struct config_source *source, size_t ahead)
{
	return (size_t)(source->end - source->next) > ahead ? source->next[ahead] : '\0';
}

/* Appends n characters, none of them a newline. text.c has made room for as
 * many as its files have, and for the frames of pieces. */
static void put(struct config_scan *scan, const char *characters, size_t n)
{
	struct config_string *string = scan->maps ? &scan->text->maps : &scan->text->rest;

	memcpy(string->text + string->length, characters, n);
	string->length += n;
}

/* Appends a newline: the maps have their own, and the rest has all. */
void config_scan_end_line(struct config_scan *scan)
{
	struct config_string *rest = &scan->text->rest;

	if (scan->maps)
		put(scan, "\n", 1);
	rest->text[rest->length++] = '\n';
	scan->text->line++;
}

static void keep(struct config_scan *scan, struct config_source *source, size_t n)
{
	put(scan, source->next, n);
	source->next += n;
}

/* The same for a token; its kind is remembered as its first character. */
static void keep_token(struct config_scan *scan, struct config_source *source, size_t n)
{
	scan->last = *source->next;
	keep(scan, source, n);
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

/* A blank ends a name or a number. Elsewhere it would only take libconfig's time. */
static void read_blank(struct config_scan *scan, struct config_source *source)
{
	if (is_word(scan->last) || scan->last == '+' || scan->last == '.')
		keep(scan, source, 1);
	else
		source->next++;
}

/* A comment becomes a space: it ends what stands before it. */
static bool skip_comment(struct config_scan *scan, struct config_source *source)
{
	const struct config_place begin = source->place;

	put(scan, " ", 1);
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

/* Length of the string that begins at the next character, with its quotes; 0 if
 * its line ends before it does. */
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

/* Whether a value may stand behind the last token. Not behind another string:
 * libconfig would make one of two, and of [ "eth0" "eth1" ] one interface. */
static bool value_is_expected(const struct config_scan *scan)
{
	const char bracket = scan->depth ? scan->brackets[scan->depth - 1].open : '{';

	if (scan->last == '=' || scan->last == ':')
		return true;
	return bracket != '{' && (scan->last == ',' || scan->last == bracket);
}

static bool read_string(struct config_scan *scan, struct config_source *source)
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

/* Whether a decimal token of this length is read alike by every libconfig. */
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

/* A number, or what begins like one: 10.0.0.1, 4294967296, 0xffffffff, 010. */
static void read_number(struct config_scan *scan, struct config_source *source)
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

static void read_name(struct config_scan *scan, struct config_source *source)
{
	size_t length = 1;

	while (is_word(peek(source, length)))
		length++;
	if (scan->depth == 0)
		scan->named = length == 4 && memcmp(source->next, "maps", 4) == 0;
	keep_token(scan, source, length);
}

static bool begin_piece(struct config_scan *scan)
{
	struct config_text *text = scan->text;
	struct config_piece *pieces = realloc(text->pieces, (text->n_pieces + 1) * sizeof(*pieces));

	if (!pieces)
		return config_complain_memory(scan->errors, text->files[0]), false;
	pieces[text->n_pieces++] = (struct config_piece){text->maps.length, text->line};
	text->pieces = pieces;
	put(scan, "maps=(", 6);
	return true;
}

static void end_piece(struct config_scan *scan)
{
	put(scan, ")", sizeof(")"));
}

/* Behind a map, a comma ends a piece that is long enough. */
static bool read_comma(struct config_scan *scan, struct config_source *source)
{
	struct config_text *text = scan->text;

	text->n_maps += scan->maps && scan->depth == 1;
	if (!scan->maps || scan->depth > 1 || scan->last != '}' ||
		text->maps.length - text->pieces[text->n_pieces - 1].begin <
			CONFIG_PIECE_SIZE + CONFIG_PIECE_FRAME)
		return keep_token(scan, source, 1), true;
	scan->last = *source->next++;
	end_piece(scan);
	return begin_piece(scan);
}

/* Whether a bracket begins the list of maps. A second list is a mistake, which
 * libconfig will find. */
static bool begins_maps(const struct config_scan *scan, char bracket)
{
	return bracket == '(' && scan->depth == 0 && scan->named &&
	       (scan->last == '=' || scan->last == ':') && scan->text->n_pieces == 0;
}

static bool open_bracket(struct config_scan *scan, struct config_source *source)
{
	const char bracket = *source->next;
	const bool maps = begins_maps(scan, bracket);

	if (scan->depth == CONFIG_BRACKETS_MAX) {
		config_complain(scan->errors, source->place, "\"%c\" is nested too deeply", bracket);
		return false;
	}
	if (bracket == '{' && scan->last == '}')
		config_complain(
			scan->errors, source->place, "\"{\" follows \"}\": expected a comma between them");
	scan->brackets[scan->depth++] = (struct config_bracket){bracket, source->place};
	keep_token(scan, source, 1);
	if (!maps)
		return true;
	scan->maps = true;
	scan->text->n_maps = 1;
	return begin_piece(scan);
}

/* libconfig takes a comma before the end of a list from 1.7 on. */
static bool close_bracket(struct config_scan *scan, struct config_source *source)
{
	const char bracket = *source->next, open = bracket == ')' ? '(' : bracket == ']' ? '[' : '{';
	const struct config_bracket *last = scan->depth ? &scan->brackets[scan->depth - 1] : NULL;

	if (!last || last->place.file != source->place.file) {
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
	if (--scan->depth == 0 && scan->maps) {
		end_piece(scan);
		scan->maps = false;
	}
	keep_token(scan, source, 1);
	return true;
}

/* @include "name": the file's text goes here, on lines of its own. */
static bool read_include(struct config_scan *scan, struct config_source *source)
{
	static const char directive[] = "@include";
	const size_t size = sizeof(directive) - 1;
	char name[PATH_MAX];
	size_t length;

	if ((size_t)(source->end - source->next) < size || memcmp(source->next, directive, size) != 0)
		goto malformed;
	for (source->next += size; peek(source, 0) == ' ' || peek(source, 0) == '\t';)
		source->next++;
	if (peek(source, 0) != '"' || (length = string_length(source)) <= 2 || length >= sizeof(name) ||
		memchr(source->next, '\\', length))
		goto malformed;
	memcpy(name, source->next + 1, length - 2);
	name[length - 2] = '\0';
	source->next += length;
	return config_text_include(scan, source, name);
malformed:
	config_complain(scan->errors, source->place, "expected @include \"FILE\"");
	return false;
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

/* The next token, or whatever stands between tokens. False: what follows would
 * not make sense. */
static bool read_token(struct config_scan *scan, struct config_source *source)
{
	const char c = *source->next, after = peek(source, 1);

	if (c == '\n')
		return keep_newline(scan, source), true;
	if (c == ' ' || c == '\t' || c == '\r' || c == '\f')
		return read_blank(scan, source), true;
	if (c == '#' || (c == '/' && after == '/'))
		return skip_to_newline(source), true;
	if (c == '/' && after == '*')
		return skip_comment(scan, source);
	if (c == '"')
		return read_string(scan, source);
	if (is_letter(c))
		return read_name(scan, source), true;
	if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && is_digit(after)))
		return read_number(scan, source), true;
	if (c == '@')
		return read_include(scan, source);
	switch (c) {
	case '(':
	case '[':
	case '{':
		return open_bracket(scan, source);
	case ')':
	case ']':
	case '}':
		return close_bracket(scan, source);
	case ',':
		return read_comma(scan, source);
	case '=':
	case ':':
	case ';':
		return keep_token(scan, source, 1), true;
	default:
		return refuse_character(scan, source);
	}
}

/* Appends the text of a file to scan->text. The file must close the brackets that it
 * opens, and only those. False: reading on would lead to nonsense. */
bool config_scan(struct config_scan *scan, struct config_source *source)
{
	const unsigned depth = scan->depth;

	while (source->next < source->end)
		if (!read_token(scan, source))
			return false;
	if (scan->depth == depth)
		return true;
	config_complain(scan->errors, scan->brackets[scan->depth - 1].place, "\"%c\" is never closed",
		scan->brackets[scan->depth - 1].open);
	return false;
}
