/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The life of a configuration: defaults, text, tree, tables, and its end. It is built whole or not at all.
 */
#include "config/config.h"

#ifdef __GLIBC__
#include <malloc.h>
#else
#define malloc_trim(kept)
#endif
#include <stdlib.h>

#include "config/map.h"
#include "config/tree.h"

/* Checks all maps together, and makes the tables. After a mistake no table is made: where a map is missing,
 * the check would find chains that do not exist. */
static void finish_maps(struct config *config, struct config_errors *errors)
{
	config_clashes_check(config, errors);
	if (errors->errors > 0)
		return;
	if (!config_tables_build(config) || !config_chains_check(config, errors))
		config_complain_memory(errors, config->files[0]);
	else
		config_hop_names_check(config, errors);
	if (errors->errors == 0)
		config_local_check(config, errors);
}

/* Reads a configuration file, all that it includes and the table of maps that it names.
 * Prints mistakes and warnings to errors->out and counts them from 0 on; path is what they
 * call the file. Returns a configuration for config_free(), or NULL if there was any mistake. */
struct config *config_load(const char *path, struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_text *text = calloc(1, sizeof(*text));

	if (config && text) {
		text->config = config;
		text->errors = errors;
		if (config_text_read(text, path))
			config_settings_read(text);
		free(text->places);
		finish_maps(config, errors);
	} else {
		config_complain_memory(errors, path);
	}
	free(text);
	malloc_trim(0); /* the checks of many maps take many megabytes, which the C library would keep */
	config_errors_end(errors);
	if (errors->errors == 0)
		return config;
	config_free(config);
	return NULL;
}

/* Frees a configuration. NULL is allowed. */
void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_files; i++)
		free(config->files[i]);
	free(config->files);
	free(config->entries);
	free(config->ranges);
	free(config->index.nodes);
	free(config->index.slots);
	free(config);
}
