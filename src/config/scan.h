/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between text.c, which opens files, and scan.c, which reads
 * their characters: what is known about a text while it is being put together.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <sys/types.h>

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
	char last;  /* first character of the last token, 0 if there is none */
	bool named; /* the last name outside of brackets is that of the maps */
	bool maps;  /* what is being read stands in their list */
	struct config_bracket brackets[CONFIG_BRACKETS_MAX];
	unsigned depth; /* of brackets */
};

/* A file under way. */
struct config_source {
	const struct config_source *includer; /* NULL: it is the one that was asked for */
	const char *next, *end;		      /* what is still to be read */
	struct config_place place;	      /* of next */
	dev_t device;
	ino_t inode;
};

#define CONFIG_PIECE_SIZE  8192 /* characters: a piece ends with the map that reaches them */
#define CONFIG_PIECE_FRAME sizeof("maps=()")

bool config_scan(struct config_scan *scan, struct config_source *source);
void config_scan_end_line(struct config_scan *scan);
bool config_text_include(struct config_scan *scan, const struct config_source *includer, const char *name);

#endif
