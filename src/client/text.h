/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Small things about text that came over the socket: it may hold any byte but NUL and newline.
 */
#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

size_t text_split(char *line, char *fields[], size_t max);
bool text_number(uint64_t *number, const char *text);
void text_put(FILE *out, const char *text, int width);
void text_put_right(FILE *out, const char *text, int width);

#endif
