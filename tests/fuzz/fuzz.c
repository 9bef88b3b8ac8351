/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reading an input as a script, and saying what does not hold. The log of
 * io/log.h goes nowhere, but is formatted all the same.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"

void fuzz_fail(const char *file, int line, const char *condition)
{
	dprintf(STDERR_FILENO, "%s:%d: this does not hold: %s\n", file, line, condition);
	abort();
}

/* The next byte. */
uint8_t script_byte(struct script *script)
{
	return script->next < script->end ? *script->next++ : 0;
}

/* The next number of two bytes. */
uint16_t script_be16(struct script *script)
{
	const uint8_t high = script_byte(script);

	return (uint16_t)(high << 8 | script_byte(script));
}

/* The next *n bytes, or what is left of them: then *n is less. */
const uint8_t *script_take(struct script *script, size_t *n)
{
	const uint8_t *taken = script->next;
	const size_t left = (size_t)(script->end - script->next);

	if (*n > left)
		*n = left;
	script->next += *n;
	return taken;
}

/* Copies the next n bytes. */
void script_copy(struct script *script, void *to, size_t n)
{
	size_t there = n;
	const uint8_t *from = script_take(script, &there);

	memset(to, 0, n);
	if (there)
		memcpy(to, from, there);
}

void log_init(void)
{
}

void log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list values;

	(void)priority;
	va_start(values, format);
	EXPECT(vsnprintf(text, sizeof(text), format, values) >= 0);
	va_end(values);
}

bool log_get_last(int priority, struct log_last *last)
{
	*last = (struct log_last){1700000000, "what was wrong"};
	return priority == LOG_ERR;
}

void log_put_last(int priority, const struct log_last *last)
{
	(void)priority;
	(void)last;
}

bool log_allowed(struct log_limit *limit, unsigned *withheld)
{
	*withheld = limit->withheld;
	return true;
}
