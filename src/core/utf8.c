/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads UTF-8 (RFC 3629, section 4) as strictly as it is defined: no character
 * may be longer than need be, a surrogate, or beyond Unicode.
 */
#include "core/utf8.h"

#include <stdint.h>

/* Reads the first character of text. Returns its bytes; 0 if it is not UTF-8. Never looks beyond a NUL. */
static size_t decode(uint32_t *character, const char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *s = (const uint8_t *)text;
	const size_t length = s[0] < 0x80   ? 1
			      : s[0] < 0xc0 ? 0
			      : s[0] < 0xe0 ? 2
			      : s[0] < 0xf0 ? 3
			      : s[0] < 0xf8 ? 4
					    : 0;
	uint32_t c = length == 1 ? s[0] : s[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	*character = c;
	return c < least[length] || c >> 11 == 0xd800 >> 11 || c > 0x10ffff ? 0 : length;
}

/* Returns how many bytes the first character of text has; 0 if it is not UTF-8. */
size_t utf8_length(const char *text)
{
	uint32_t character;

	return decode(&character, text);
}

/* Returns what to show of the first character of *text, *length bytes, and moves
 * *text behind it. What a terminal would act on (C0, DEL, C1), and a byte that is
 * not UTF-8, is shown as a question mark. *text must not be empty. */
const char *utf8_visible(const char **text, size_t *length)
{
	const char *first = *text;
	uint32_t character;

	*length = decode(&character, first);
	*text += *length ? *length : 1;
	if (*length && character >= 0x20 && (character < 0x7f || character >= 0xa0))
		return first;
	*length = 1;
	return "?";
}
