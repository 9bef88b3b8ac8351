/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a configuration: a file and all that it includes, as one string
 * that libconfig can be given without a second thought.
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "config/error.h"

#define CONFIG_TEXT_MAX (64 * 1024) /* bytes, of all files together */

/* From this line of the text on, lines come from one file, one by one. */
struct config_span {
	uint32_t text_line, file_line;
	uint16_t file;
};

struct config_text {
	char *text;    /* NUL-terminated, without comments and @include, every newline in its place */
	size_t length; /* at most CONFIG_TEXT_MAX + 1 */
	size_t size;   /* bytes of all files that it was read from */
	uint32_t line; /* the last one, from 1 */
	char **files;  /* names, in the order of reading */
	size_t n_files;
	struct config_span *spans; /* sorted by text_line */
	size_t n_spans;
};

bool config_text_read(struct config_text *text, const char *path, struct config_errors *errors);
bool config_text_add_file(struct config_text *text, const char *name, struct config_place *place);
struct config_place config_text_place(const struct config_text *text, unsigned line);
void config_text_free(struct config_text *text);

#endif
