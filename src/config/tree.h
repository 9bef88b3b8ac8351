/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one door to tree.c, and so to libconfig.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/text.h"

void config_tree_read(struct config *config, const struct config_text *text, struct config_errors *errors);

#endif
