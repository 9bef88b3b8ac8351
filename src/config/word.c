/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A shell takes a text between single quotes as it is.
 */
#include "config/word.h"

#include <stdio.h>
#include <string.h>

/* Writes a text as a word for a shell, as it is if that will do; cut off if the size, in bytes, is too small.
 */
void word_quote(char *word, size_t size, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:,+-";
	size_t n = 0;

	if (*text && text[strspn(text, plain)] == '\0') {
		snprintf(word, size, "%s", text);
		return;
	}
	word[n++] = '\'';
	for (; *text && n + 6 < size; text++)
		n += (size_t)snprintf(word + n, size - n, *text == '\'' ? "'\\''" : "%c", *text);
	snprintf(word + n, size - n, "'");
}
