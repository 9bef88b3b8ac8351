/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Saying what is wrong with a configuration, as "file:line: text".
 */
#ifndef CONFIG_ERROR_H
#define CONFIG_ERROR_H

#include <stdint.h>

#include "config/config.h"

#define CONFIG_ERROR_TEXT 4096 /* bytes of what is said about a mistake, with a name of a file in it */

/* Why a file could not be read, but may be the next time. */
extern const char config_no_memory[], config_changed[];

/* A line of a file. */
struct config_place {
	const char *name; /* of the file */
	uint16_t file;	  /* its index in config->files */
	uint32_t line;	  /* from 1; 0: the file as a whole */
};

void config_complain(struct config_errors *errors, struct config_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_warn(struct config_errors *errors, struct config_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_complain_memory(struct config_errors *errors, const char *file);
void config_note_passing(struct config_errors *errors, const char *wrong);
void config_errors_end(const struct config_errors *errors);

#endif
