/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between text.c, which opens files, and scan.c, which reads their characters:
 * what is known about a text while it is being put together.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include "config/text.h"

#define CONFIG_BRACKETS_MAX 16 /* open at the same time */

struct config_bracket {
	char open;
	struct config_place place;
};

/* The text under way, and what must be known across the files of it. */
struct config_scan {
	struct config_text *text;
	struct config_errors *errors;
	char last; /* first character of the last token, 0 if there is none */
	struct config_bracket brackets[CONFIG_BRACKETS_MAX];
	unsigned depth; /* brackets that are open */
};

/* The characters of a file. */
struct config_source {
	const char *next, *end;	   /* what is still to be read */
	struct config_place place; /* of next */
	unsigned depth;		   /* brackets that were open where the file begins */
	const char *include;	   /* the name in the @include before next, without an end */
	size_t include_length;
};

/* Why config_scan() has returned. */
enum config_scanned {
	CONFIG_SCANNED_ALL,
	CONFIG_SCANNED_INCLUDE, /* the text of source->include goes here */
	CONFIG_SCANNED_MISTAKE, /* it was complained about; reading on would lead to nonsense */
};

enum config_scanned config_scan(struct config_scan *scan, struct config_source *source);
void config_scan_end_line(struct config_scan *scan);

#endif
