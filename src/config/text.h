/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The text of a configuration: a file and all that it includes, as one string that libconfig can be given
 * without a second thought. text.c knows the files, scan.c their characters.
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <sys/stat.h>

#include "config/error.h"

#define CONFIG_TEXT_MAX	 (64 * 1024) /* bytes, of all files together */
#define CONFIG_TEXT_MORE 3	     /* a newline at each end, and a NUL */

/* A configuration file and all that it includes, as one string. */
struct config_text {
	struct config *config; /* gets the names of the files */
	struct config_errors *errors;
	size_t size; /* bytes of all files that were read */
	/* Without comments and @include, every newline in its place. */
	char text[CONFIG_TEXT_MAX + CONFIG_TEXT_MORE];
	size_t length;
	struct config_place *places; /* of each line but the first, which is empty */
	size_t n_newlines;
	char last;	/* first character of the last token, 0 if there is none */
	uint64_t lists; /* the last 64 open brackets, a bit for each: 1 if it is ( or [ */
};

/* The characters of a file. */
struct config_source {
	char *next;		   /* what is still to be read, up to a NUL */
	struct config_place place; /* of next */
	const char *include;	   /* the name in the @include just before next, or NULL */
};

bool config_text_read(struct config_text *text, const char *path);
FILE *config_file_open(const char *name, struct stat *status, const char **wrong);
char *config_file_beside(const char *file, const char *name);
bool config_file_add(struct config *config, const char *name, struct config_place *place);

bool config_scan(struct config_text *text, struct config_source *source);
void config_scan_end_line(struct config_text *text, struct config_place next);

#endif
