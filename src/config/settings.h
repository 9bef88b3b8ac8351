/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings of a configuration: their defaults, and what a file says of them.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/text.h"

void config_settings_default(struct config *config);
void config_settings_read(const struct config_text *text);

#endif
