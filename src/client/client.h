/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One question to the daemon: a request line out, data lines in, a closing line "ok" or "error<TAB>text".
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>

/* Takes one data line, which it may cut up but must not keep; false says that the line makes no sense. */
typedef bool client_line(char *line, void *context);

#define CLIENT_PATIENCE	     10 /* seconds without a byte, where the daemon answers at once */
#define CLIENT_LONG_PATIENCE 60 /* while a daemon tries a program, and loads a large file */

bool client_ask(const char *path, const char *request, int patience, client_line *each, void *context);

#endif
