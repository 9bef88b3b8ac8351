/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening what a configuration is made of: regular files, and nothing else.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdint.h>
#include <sys/stat.h>

int config_file_open(const char *name, struct stat *status, const char **wrong);
char *config_file_beside(const char *file, const char *name);

#endif
