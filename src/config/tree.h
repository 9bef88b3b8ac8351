/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The tree that libconfig makes of a text, and readers of its values. They complain,
 * with the place in the file, about a value that is not what was expected.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <libconfig.h>

#include "config/map.h"
#include "config/text.h"

/* A configuration under way. */
struct config_loader {
	struct config *config;
	struct config_errors *errors;
	const struct config_text *text;
	config_t tree;
	bool outside_is_good; /* what refers to its interfaces can be judged */
};

bool config_tree_parse(struct config_loader *loader);
struct config_place config_tree_place(const struct config_loader *loader, const config_setting_t *setting);
void config_tree_complain(const struct config_loader *loader, const config_setting_t *setting,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_tree_complain_type(
	const struct config_loader *loader, const config_setting_t *setting, const char *expected);
const char *config_tree_string(const struct config_loader *loader, const config_setting_t *setting);
struct config_value config_tree_value(
	const struct config_loader *loader, const config_setting_t *group, const char *name);
bool config_tree_choice(const struct config_loader *loader, const config_setting_t *setting,
	const char *const *choices, unsigned *value);
void config_tree_check_names(
	const struct config_loader *loader, const config_setting_t *group, const char *const *names);

/* The readers of lists: each adds to loader->config what it has read, or complains. */
void config_maps_read(struct config_loader *loader, const config_setting_t *setting);
void config_maps_file_read(struct config_loader *loader, const config_setting_t *setting);
void config_hop_names_read(struct config_loader *loader, const config_setting_t *setting);

void config_settings_read(const struct config_text *text);

#endif
