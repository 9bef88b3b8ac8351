/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Text from elsewhere (a file, a socket) as UTF-8, and what of it may be shown on a terminal.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

size_t utf8_length(const char *text);
const char *utf8_visible(const char **text, size_t *length);

#endif
