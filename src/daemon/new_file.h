/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A file that is there when it is whole, and not before.
 */
#ifndef DAEMON_NEW_FILE_H
#define DAEMON_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct new_file {
	FILE *stream;
	char *target, *temporary; /* its name in the end and until then; NULL: it is no regular file */
};

bool new_file_open(struct new_file *file, const char *path);
bool new_file_finish(struct new_file *file);
bool new_file_discard(struct new_file *file);

#endif
