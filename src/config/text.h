/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a configuration: a file and all that it includes, as strings that
 * libconfig can be given without a second thought. What stands in the list of
 * maps is apart from the rest, in pieces: a tree of a million maps would be
 * larger than the file tenfold, a tree of a hundred stays in the cache.
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "config/error.h"

/* From this line of the text on, lines come from one file, one by one. */
struct config_span {
	uint32_t text_line, file_line;
	uint16_t file;
};

/* Characters, NUL-terminated, without comments and @include. */
struct config_string {
	char *text;
	size_t length;
};

/* Some of the maps, as a string of their own: "maps=( ... )". */
struct config_piece {
	size_t begin;  /* in text->maps */
	uint32_t line; /* of the text, in which it begins */
};

struct config_text {
	struct config_string maps; /* the pieces, one behind the other */
	struct config_string rest; /* everything else, and every newline */
	struct config_piece *pieces;
	size_t n_pieces;
	size_t n_maps; /* of all pieces together */
	size_t size;   /* bytes of all files */
	uint32_t line; /* the last one, from 1 */
	char **files;  /* names, in the order of reading */
	size_t n_files;
	struct config_span *spans; /* sorted by text_line */
	size_t n_spans;
};

bool config_text_read(struct config_text *text, const char *path, struct config_errors *errors);
struct config_place config_text_place(const struct config_text *text, unsigned line);
void config_text_free(struct config_text *text);

#endif
