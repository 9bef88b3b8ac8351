/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The characters of configuration files, put together to one text. Opens no files: config/text.h does.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include "config/error.h"

/* A configuration file and all that it includes, as one string. */
struct config_text {
	char *text; /* NUL-terminated, without comments and @include, every newline in its place */
	size_t length;
	size_t size;		     /* bytes of all files that it was read from */
	struct config_place *places; /* where each line of the text comes from */
	size_t n_lines;
	size_t room;	       /* lines that places has memory for */
	struct config *config; /* gets the names of the files */
};

/* The text that is being put together, and what must be known across its files. */
struct config_scan {
	struct config_text *text;
	struct config_errors *errors;
	char last;	/* first character of the last token, 0 if there is none */
	uint64_t lists; /* the last 64 open brackets, a bit for each: 1 if it is ( or [ */
};

/* The characters of a file. */
struct config_source {
	const char *next;	   /* what is still to be read, up to a NUL */
	struct config_place place; /* of next */
	const char *include;	   /* the name in the @include just before next */
	size_t include_length;
};

/* Why config_scan() has returned. */
enum config_scanned {
	CONFIG_SCANNED_ALL,
	CONFIG_SCANNED_INCLUDE, /* the text of the file that source->include names goes here */
	CONFIG_SCANNED_MISTAKE, /* it was complained about; reading on would lead to nonsense */
};

enum config_scanned config_scan(struct config_scan *scan, struct config_source *source);
void config_scan_end_line(struct config_scan *scan, struct config_place next);

#endif
