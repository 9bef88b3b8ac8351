/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a configuration: a file and all that it includes, as one string
 * that libconfig can be given without a second thought.
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <sys/stat.h>

#include "config/scan.h"

bool config_text_read(struct config_text *text, const char *path);
FILE *config_file_open(const char *name, struct stat *status, const char **wrong);
char *config_file_beside(const char *file, const char *name);
bool config_file_add(struct config *config, const char *name, struct config_place *place);

#endif
