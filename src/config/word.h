/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Names of files, tables and chains as words of a command that somebody is told to run.
 */
#ifndef CONFIG_WORD_H
#define CONFIG_WORD_H

#include <stddef.h>

#define WORD_FILE_MAX 512 /* bytes of the name of a file as a word */

void word_quote(char *word, size_t size, const char *text);

#endif
